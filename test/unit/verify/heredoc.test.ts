import { execFileSync } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openHeredoc } from "../../../src/verify/heredoc.js";
import { processorTime } from "../../support/processor-time.js";

describe("an open here-document", () => {
  it.each([
    ["cat <<END\nhello\n", { line: 1, word: "END" }],
    ["echo\ncat <<-'E F'\n\thello\n", { line: 2, word: "E F" }],
    ["cat <<END\nhello\n END\n", { line: 1, word: "END" }],
    ["cat <<A <<B\na\nA\n", { line: 1, word: "B" }],
    ['cat <<"END" | sort\nhello\n', { line: 1, word: "END" }],
  ])("is found in %j", (text, expected) => {
    expect(openHeredoc(text)).toEqual(expected);
  });

  it.each([
    "cat <<END\nhello\nEND\n",
    "cat <<-END\n\thello\n\tEND\n",
    "cat <<A <<B\na\nA\nb\nB\n",
    "cat <<END\necho '<<MORE\nEND\n",
    "echo 'cat <<END'\n",
    'echo "\ncat <<END\n"\n',
    "# cat <<END\n",
    "echo a#b # <<END\n",
    "cat <<<END\n",
    "echo $((1 << shift))\n",
    "echo $(( (1 << a) ))\n",
    "echo \\<<END\n",
    "x <<\n",
  ])("is not in %j", (text) => {
    expect(openHeredoc(text)).toBeUndefined();
  });

  it("is in none of the scripts that ship", async () => {
    const root = resolve(import.meta.dirname, "../../..");
    const files = execFileSync("find", ["templates", "bundles", "test/lab", "-name", "*.sh"], {
      cwd: root,
      encoding: "utf8",
    });
    for (const file of files.trim().split("\n")) {
      expect(openHeredoc(await readFile(join(root, file), "utf8")), file).toBeUndefined();
    }
    expect(await readdir(join(root, "templates/site"))).toContain("install.sh");
  });

  it("takes anything for a script, in the time that its length asks for", async () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from("<<-'\"\\#(){}$`\n\tEA ")) }),
        (text) => {
          const found = openHeredoc(text);
          if (found !== undefined) expect(text.split("\n")).not.toHaveLength(found.line - 1);
        },
      ),
    );
    const long = "cat <<A\nA\n".repeat(100_000);
    expect(await processorTime(() => openHeredoc(long))).toBeLessThan(4000);
  });
});
