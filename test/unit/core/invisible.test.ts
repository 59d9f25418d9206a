import { PassThrough, Readable } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainText } from "../../../src/builder/build-log.js";
import { writeToml } from "../../../src/builder/toml.js";
import { writeFile } from "../../../src/cli/raw-output.js";
import { UNSEEN, oneLine, printable, printableJson, visible } from "../../../src/core/invisible.js";
import { quoteServer } from "../../../src/http/failure.js";
import { escapeHtml, jsonForScript } from "../../../src/report/escape.js";
import { imageSbom } from "../../../src/sbom/cyclonedx.js";
import { describeReport } from "../../../src/ui/describe-report.js";
import { formatTable } from "../../../src/ui/table.js";
import { countFindings } from "../../../src/verify/judge.js";
import { formatJUnit } from "../../../src/verify/junit.js";
import { type VerifyReport, waived } from "../../../src/verify/report.js";
import { formatSarif } from "../../../src/verify/sarif.js";
import { xmlText } from "../../../src/verify/xml.js";
import { lockedImage } from "../sbom/image.js";
import { finding } from "../verify/finding.js";

/** What Unicode says of a character: an opinion that is not ours. */
const UNICODE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;

/** Of the format characters those that are drawn: signs that go before numbers (Unicode 23.2). */
const SEEN = /[\u{600}-\u{605}\u{6dd}\u{70f}\u{890}\u{891}\u{8e2}\u{110bd}\u{110cd}]/u;

const isUnseen = (char: string): boolean => UNICODE.test(char) && !SEEN.test(char);

const unseenIn = (text: string, layout: string): string[] =>
  Array.from(text).filter((char) => isUnseen(char) && !layout.includes(char));

const every = Object.values(UNSEEN)
  .flat()
  .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at))
  .map((code) => String.fromCodePoint(code));

/** A report that says a text wherever an archive has a say. */
function reportOf(text: string): VerifyReport {
  const facts = {
    ...{ component: text, subject: text, message: text, expected: text, found: text },
    ...{ path: text, history: text, hint: text },
  };
  const findings = [
    finding("compose/secret", facts),
    waived(finding("compose/secret", facts), text, "configuration"),
  ];
  return {
    archive: `a${text}.tar`,
    components: [text],
    deep: true,
    ok: false,
    findings,
    counts: countFindings(findings),
    off: [],
    checked: { files: 1, blobs: 1, images: 1, bytes: 1 },
  };
}

function sbomOf(text: string): string {
  return imageSbom(
    {
      ...{ name: "a", version: text, platform: "linux/arm64", date: "2024-05-06T07:08:09Z" },
      title: { en: text, zh: text },
      tool: { name: "openim-bundler", version: "1" },
    },
    {
      component: { name: text, image: lockedImage("docker.io/library/redis:7.0") },
      packages: {
        ...{ component: text, packages: [] },
        distro: { id: text, version: text, name: text },
        skipped: [{ path: text, reason: text }],
      },
    },
  );
}

/** What leaves the program, by what reads it, and which controls it may have as layout. */
const OUTPUTS: Readonly<Record<string, readonly [layout: string, (text: string) => string]>> = {
  "a terminal": ["\n\t", printable],
  "a table": ["\n", (text) => formatTable([{ title: "a" }, { title: "b" }], [[text, text]])],
  "the findings on a terminal": ["\n", (text) => describeReport(reportOf(text)).join("\n")],
  "what --json prints": ["\n", (text) => printableJson({ [text]: [text] })],
  "a server's words": ["", quoteServer],
  "a build's log": ["\t", plainText],
  "an HTML page": ["", escapeHtml],
  "JSON in a page": ["", (text) => jsonForScript({ [text]: [text] })],
  XML: ["", xmlText],
  JUnit: ["\n", (text) => formatJUnit(reportOf(text))],
  SARIF: ["\n", (text) => formatSarif(reportOf(text), { name: "x", version: "1" })],
  CycloneDX: ["\n", sbomOf],
  "a builder's settings": ["\n", (text) => writeToml([{ path: ["a"], values: { [text]: text } }])],
};

describe("what nobody sees", () => {
  it("is what Unicode calls controls, formats, ignorable, and no characters", () => {
    const unicode: string[] = [];
    for (let code = 0; code <= 0x10_ffff; code += 1) {
      const char = String.fromCodePoint(code);
      if (isUnseen(char)) unicode.push(char);
    }
    expect(new Set(every)).toEqual(new Set(unicode));
  });

  it.each(Object.entries(OUTPUTS))("never reaches %s", (_, [layout, write]) => {
    // In pieces, as some outputs cut what is too long.
    for (let at = 0; at < every.length; at += 256) {
      const text = every.slice(at, at + 256).join("a");
      expect(unseenIn(write(text), layout)).toEqual([]);
    }
    const anything = fc.string({ unit: fc.oneof(fc.constantFrom(...every), fc.string()) });
    fc.assert(
      fc.property(anything, (text) => {
        expect(unseenIn(write(text), layout)).toEqual([]);
      }),
    );
  });

  it("never reaches a terminal from a file of an image, wherever its bytes are cut", async () => {
    const shown = every.filter((char) => char !== "\0" && !/\p{Cs}/u.test(char)).join("");
    const bytes = Buffer.from(shown);
    for (const size of [1, 7, bytes.length]) {
      const to = new PassThrough();
      const written = textOf(to);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, at * size + size),
      );
      await writeFile(to, Readable.from(chunks), { name: "a", asItIs: false });
      to.end();
      expect(unseenIn(await written, "\n\t")).toEqual([]);
    }
  });
});

describe("a text in which it was", () => {
  it("says what is there, and leaves the scripts of the world alone", () => {
    expect(visible("a\u202egpj.exe\0\u200b\ud800b\u{e0041}\n")).toBe(
      "a\\u{202e}gpj.exe\\u{0}\\u{200b}\\u{d800}b\\u{e0041}\\u{a}",
    );
    expect(printable("a\u001b[31m\n\tb")).toBe("a\\u{1b}[31m\n\tb");
    const texts = "离线包 数据库 😀 é Ünïcode ✔ עברית العربية हिन्दी ไทย 한국어 𝒳";
    expect(visible(texts)).toBe(texts);
  });

  it("is read from JSON as what it was", () => {
    expect(printableJson({ name: "a\u009b31mb\u202e数\u{e0041}" })).toBe(
      '{\n  "name": "a\\u009b31mb\\u202e数\\udb40\\udc41"\n}',
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(JSON.parse(printableJson({ a: [text] }))).toEqual({ a: [text] });
        expect(JSON.parse(jsonForScript({ a: [text] }))).toEqual({ a: [text] });
      }),
    );
  });

  it("is one line where a sentence quotes it, and never ends in half a character", () => {
    expect(oneLine(" a\r\n\u2028\u200b b\u202e ")).toBe("a b");
    expect(oneLine("ab😀cd", 3)).toBe("ab…");
    expect(oneLine("ab😀cd", 4)).toBe("ab😀…");
  });
});
