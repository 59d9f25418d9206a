import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeHtml, jsonForScript } from "../../../src/report/escape.js";
import { markup, trusted } from "../../../src/report/markup.js";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(
      "<",
      ">",
      "&",
      '"',
      "'",
      "`",
      "=",
      "/",
      "!",
      "-",
      "]",
      "\u2028",
      "\0",
      "a",
    ),
  }),
);

describe("text in HTML", () => {
  it("is escaped for text and quoted attributes", () => {
    expect(escapeHtml(`<img src=x onerror="a&b">'`)).toBe(
      "&lt;img src=x onerror=&quot;a&amp;b&quot;&gt;&#39;",
    );
  });

  it("never has a character that means something", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"'\p{Cc}\u2028\u2029\u202e]/u);
      }),
    );
  });

  it("is escaped once in templates, in lists too, and markup goes in as it is", () => {
    const list = [markup`<i>${"<"}</i>`, "&", 1, undefined];
    expect(markup`<p title="${'"'}">${list}${trusted("<hr>")}</p>`.toString()).toBe(
      '<p title="&quot;"><i>&lt;</i>&amp;1<hr></p>',
    );
  });
});

describe("JSON in a script element", () => {
  it("reads back as what it was, and has nothing that ends the element", () => {
    fc.assert(
      fc.property(fc.array(anyText), (texts) => {
        const json = jsonForScript(texts);
        expect(json).not.toMatch(/[<>&\u2028\u2029]/);
        expect(JSON.parse(json)).toEqual(texts);
      }),
    );
  });

  it("holds where a script element is easily broken", () => {
    expect(jsonForScript("</script><!--<script>]]>")).toBe(
      String.raw`"\u003c/script\u003e\u003c!--\u003cscript\u003e]]\u003e"`,
    );
  });
});
