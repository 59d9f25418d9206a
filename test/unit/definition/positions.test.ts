import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPosition } from "../../../src/core/position.js";
import { readTable } from "../../../src/definition/components.js";
import { reportTo } from "../../../src/definition/report.js";
import type { DefinitionProblem } from "../../../src/definition/types.js";
import { parseYamlFile } from "../../../src/definition/yaml-file.js";

/** Writes text and knows where it is, without any help of a YAML parser. */
class Pen {
  text = "";
  mark: string | undefined;

  write(text: string): this {
    this.text += text;
    return this;
  }

  /** Remembers the place of what is written next. */
  here(): this {
    const lines = this.text.split("\n");
    this.mark = `t.yaml:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
    return this;
  }
}

const SLOTS = ["key", "version", "image", "platform", "port", "type"] as const;
type Slot = (typeof SLOTS)[number];

const SAYS: Readonly<Record<Slot, RegExp>> = {
  key: /^unknown key "imagee"/,
  version: /must be text, but 2\.50 reads as a number/,
  image: /floats/,
  platform: /is not a platform/,
  port: /is not a port/,
  type: /required is text/,
};

interface Layout {
  readonly comments: readonly string[];
  readonly names: readonly string[];
  readonly indent: number;
  readonly newline: string;
  readonly quote: string;
  readonly flow: boolean;
  readonly target: number;
  readonly slot: Slot;
}

const layouts = fc.record<Layout>({
  comments: fc.array(fc.constantFrom("", "# 说明", "#", "# a: [b"), { minLength: 1, maxLength: 5 }),
  names: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), { minLength: 1, maxLength: 6 }),
  indent: fc.integer({ min: 1, max: 8 }),
  newline: fc.constantFrom("\n", "\r\n"),
  quote: fc.constantFrom("", '"', "'"),
  flow: fc.boolean(),
  target: fc.nat(),
  slot: fc.constantFrom(...SLOTS),
});

/** A component table in a random dress, with exactly one thing wrong with it. */
function plant(layout: Layout): Pen {
  const { names, quote, slot } = layout;
  const target = layout.target % names.length;
  const pen = new Pen();
  let line = 0;
  const start = (depth: number): Pen => {
    const comment = layout.comments[line++ % layout.comments.length] ?? "";
    return pen.write(comment === "" ? "" : `${comment}\n`).write(" ".repeat(depth * layout.indent));
  };
  start(0).write("name: n\n");
  start(0).write("version: ");
  if (slot === "version") pen.here().write("2.50\n");
  else pen.write('"2.50"\n');
  start(0).write("title: {en: 'é𝄞', zh: 文}\n");
  start(0).write("components:\n");
  for (const [position, name] of names.entries()) {
    const wrong = (candidate: Slot): boolean => position === target && slot === candidate;
    start(1).write(`${name}:\n`);
    start(2).write("title: {en: a, zh: 文}\n");
    start(2).write("image: ");
    if (wrong("image")) pen.here().write(`${quote}redis:latest${quote}\n`);
    else pen.write(`${quote}redis:7.0.15${quote}\n`);
    if (wrong("key")) start(2).here().write("imagee: redis:7.0.15\n");
    if (layout.flow) start(2).write(`platforms: [ "linux/amd64", `);
    else {
      start(2).write("platforms:\n");
      start(2).write("- linux/amd64\n");
      start(2).write("- ");
    }
    if (wrong("platform")) pen.here().write(`${quote}linux/z80${quote}`);
    else pen.write(`${quote}linux/arm64${quote}`);
    pen.write(layout.flow ? "]\n" : "\n");
    start(2).write(`ports: ["${position + 1}:1", `);
    if (wrong("port")) pen.here().write('"0:1"]\n');
    else pen.write(`"${position + 1000}:1"]\n`);
    start(2).write("required: ");
    if (wrong("type")) pen.here().write("yes please\n");
    else pen.write("true\n");
  }
  pen.text = pen.text.replaceAll("\n", layout.newline);
  return pen;
}

describe("a problem planted anywhere in a table", () => {
  it("is reported at its line and column, and is the only one", () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const { text, mark } = plant(layout);
        const problems: DefinitionProblem[] = [];
        const report = reportTo(problems);
        readTable(parseYamlFile("t.yaml", text, report), report);
        expect(problems.map(({ at }) => formatPosition(at))).toEqual([mark]);
        expect(problems[0]?.message).toMatch(SAYS[layout.slot]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("any text whatever", () => {
  const read = (text: string): readonly DefinitionProblem[] => {
    const problems: DefinitionProblem[] = [];
    const report = reportTo(problems);
    readTable(parseYamlFile("t.yaml", text, report), report);
    return problems;
  };

  it("gives problems inside the text, and never an exception", () => {
    const pieces = fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "- ",
      "[",
      "]",
      "{",
      "}",
      "&a",
      "*a",
      "<<",
      "!",
      "|",
      "\t",
      '"',
      "#",
      "%",
      "---",
      "name",
      "components",
      "?",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 40 }).map((list) => list.join("")),
        ),
        (text) => {
          const lines = text.split("\n");
          for (const { at } of read(text)) {
            expect(at.line).toBeGreaterThanOrEqual(1);
            expect(at.line).toBeLessThanOrEqual(lines.length);
            expect(at.column).toBeGreaterThanOrEqual(1);
            expect(at.column).toBeLessThanOrEqual((lines[at.line - 1]?.length ?? 0) + 2);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
