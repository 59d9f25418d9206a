import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BundlerError } from "../../../src/core/errors.js";
import { parseDockerfile } from "../../../src/dockerfile/parse.js";
import type { CommandInstruction, Instruction } from "../../../src/dockerfile/syntax.js";
import { layout, meaningOf, write, writtenFile } from "./written.js";
import { processorTime } from "../../support/processor-time.js";

function instructionsOf(text: string): readonly Instruction[] {
  return parseDockerfile("Dockerfile", `FROM a\n${text}`).stages[0].instructions;
}

function run(text: string): CommandInstruction {
  return instructionsOf(text)[0] as CommandInstruction;
}

function errorOf(text: string): BundlerError {
  try {
    parseDockerfile("app/Dockerfile", text);
  } catch (error) {
    expect(error).toBeInstanceOf(BundlerError);
    expect((error as BundlerError).code).toBe("DEFINITION");
    return error as BundlerError;
  }
  throw new Error("It was accepted.");
}

describe("parseDockerfile", () => {
  it("gives back what was written, however it is laid out", () => {
    fc.assert(
      fc.property(writtenFile, layout, (file, how) => {
        expect(meaningOf(parseDockerfile("Dockerfile", write(file, how)))).toEqual(file);
      }),
      { numRuns: 150 },
    );
  });

  it("knows the line and the last line of each instruction", () => {
    const { stages } = parseDockerfile(
      "Dockerfile",
      [
        "# escape=`",
        "",
        "FROM a",
        "RUN one `",
        "  # inside",
        "",
        "  two",
        "RUN <<X <<Y",
        "FROM",
        "X",
        "Y",
        "USER me",
      ].join("\r\n"),
    );
    expect(stages[0].instructions.map(({ line, endLine }) => [line, endLine])).toEqual([
      [4, 7],
      [8, 11],
      [12, 12],
    ]);
    expect(stages[0].instructions[0]?.source.shown).toBe("RUN one two");
  });

  it("reads directives only at the top, the syntax behind a shebang too", () => {
    const directives = (text: string) =>
      parseDockerfile("Dockerfile", text).directives.map(
        ({ name, value, line }) => `${line}:${name}=${value}`,
      );
    expect(directives("# Syntax = docker/dockerfile:1\n#escape=`\nFROM a")).toEqual([
      "1:syntax=docker/dockerfile:1",
      "2:escape=`",
    ]);
    expect(directives("# a comment\n# escape=`\nFROM a")).toEqual([]);
    expect(directives("\n# escape=`\nFROM a")).toEqual([]);
    expect(directives("#!/usr/bin/env x\n# syntax=x/y\nFROM a")).toEqual(["2:syntax=x/y"]);
    expect(directives("\uFEFF# check=skip=all\nFROM a")).toEqual(["1:check=skip=all"]);
  });

  it("goes on behind an escape character, but not behind two", () => {
    expect(run("RUN a \\ \t\n b").command.text).toBe("a  b");
    expect(run("RUN a\\\nb").command.text).toBe("ab");
    expect(instructionsOf("RUN a \\\\\nRUN b")).toHaveLength(2);
    // A directive below an instruction is a comment.
    expect(run("# escape=`\nRUN a `\nUSER b").command.text).toBe("a `");
  });

  it("tells the JSON form from what only looks like it", () => {
    expect(run('RUN ["a", "b c"]').exec).toEqual(["a", "b c"]);
    expect(run("RUN ['a']").exec).toBeUndefined();
    expect(run("RUN [ -f x ] && y").exec).toBeUndefined();
    expect(instructionsOf('COPY ["a b", "/c d/"]')[0]).toMatchObject({
      exec: true,
      sources: [{ text: "a b" }],
      destination: "/c d/",
    });
  });

  it.each([
    ["RUN cat <<EOF", ["EOF"]],
    ["RUN cat<<EOF", []],
    ["RUN 3<<EOF cat", ["EOF"]],
    ["RUN <<'a b'", ["a b"]],
    ['RUN <<"EOF" <<-END', ["EOF", "END"]],
    ["RUN cat <<<EOF", []],
    ['RUN echo "<<EOF"', []],
    ["RUN cat <<EOF; echo don't", []],
    ["RUN echo $((1<<2))", []],
    ["RUN echo $((1 << 2))", []],
    ["RUN cat << EOF", ["EOF"]],
    ["COPY <<EOF /a", ["EOF"]],
    ["CMD cat <<EOF", []],
    ["ONBUILD RUN <<EOF", ["EOF"]],
  ])("sees the heredocs of %s", (line, names) => {
    const body = names.map((name) => `body of it\n${name}\n`).join("");
    // What follows is an instruction exactly when every heredoc has been read.
    const text = `${line}\n${body}USER me${names.length === 0 ? "" : "\n# EOF"}`;
    const [first, last] = instructionsOf(text);
    const holder = first?.keyword === "ONBUILD" ? first.trigger : first;
    const found = holder !== undefined && "heredocs" in holder ? holder.heredocs : [];
    expect(found.map(({ name }) => name)).toEqual(names);
    expect(last?.keyword).toBe("USER");
  });

  it("reads ARG, ENV and LABEL with quotes, and the old form", () => {
    const variables = (text: string) => {
      const [first] = instructionsOf(text);
      if (first === undefined || !("variables" in first)) throw new Error("No variables.");
      return first.variables.map(({ name, value }) => [name, value?.text]);
    };
    expect(variables("ARG A B=1 C=")).toEqual([
      ["A", undefined],
      ["B", "1"],
      ["C", ""],
    ]);
    expect(variables(String.raw`ENV A="x y" B=a\ b C='\'`)).toEqual([
      ["A", '"x y"'],
      ["B", String.raw`a\ b`],
      ["C", String.raw`'\'`],
    ]);
    expect(variables("ENV PATH /opt/bin:$PATH and more")).toEqual([
      ["PATH", "/opt/bin:$PATH and more"],
    ]);
  });

  it.each([
    ["", "app/Dockerfile:1:1: expected FROM, found the end of the file.", /starts with FROM/],
    ["# nothing\n\n", "app/Dockerfile:2:1: expected FROM", /starts with FROM/],
    ["RUN x", "app/Dockerfile:1:1: expected FROM before the first RUN.", /Only ARG/],
    ["FROM a\n  CPOY a b", 'app/Dockerfile:2:3: expected an instruction, found "CPOY".', /COPY\?/],
    ["FORM a", 'app/Dockerfile:1:1: expected an instruction, found "FORM".', /FROM\?/],
    ["FROM a\nRUNN x", "app/Dockerfile:2:1: expected an instruction", /RUN\?/],
    ["FROM a\nECHO x", "app/Dockerfile:2:1: expected an instruction", /ADD, ARG, CMD, COPY/],
    ["FROM", 'app/Dockerfile:1:1: FROM needs an image, and a name after AS if any, found ""', /AS/],
    ["FROM a b", "app/Dockerfile:1:1: FROM needs", /FROM golang/],
    ["FROM a IS b", 'app/Dockerfile:1:8: expected AS, found "IS"', /^$/],
    ["FROM a AS 1x", 'app/Dockerfile:1:11: "1x" cannot be a stage\'s name', /letter/],
    ["FROM --plaform=x a", 'app/Dockerfile:1:6: FROM has no flag "--plaform"', /--platform\?/],
    ["FROM --platform x", "app/Dockerfile:1:6: --platform has no value", /without a space/],
    ["FROM a\nCOPY --form=b c d", 'app/Dockerfile:2:6: COPY has no flag "--form"', /--from\?/],
    ["FROM a\nCOPY --user=b c d", 'COPY has no flag "--user"', /has the flags --chmod, /],
    ["FROM a\nCOPY --from=b --from=c d e", "2:15: --from stands here a second time", /^$/],
    ["FROM a\nCOPY --link=maybe a b", "2:6: expected true or false for --link", /^$/],
    ["FROM a\nCOPY --from=$X a b", "2:6: expected the name of a stage or of an image", /AS source/],
    ["FROM a\nRUN --mount=from=${X} b", "2:5: expected the name of a stage", /AS source/],
    ["FROM a\nUSER --x=1 me", "2:6: USER has no flag", /has no flags/],
    ["FROM a\nCOPY x", "2:1: COPY needs at least a source and a destination", /package.json/],
    ["FROM a\nCOPY x <<EOF\nEOF", "2:1: COPY needs at least a source", /package.json/],
    ["FROM a\nRUN \\\n  [1]", "app/Dockerfile:3:3: expected strings alone in the JSON form", /^$/],
    ["FROM a\nENV", "2:1: ENV needs a name", /NAME=value/],
    ["FROM a\nENV A", "2:1: ENV A has no value", /NAME=value/],
    ["FROM a\nENV A=1 \\\n  B", 'app/Dockerfile:3:3: expected NAME=value, found "B"', /^$/],
    ["FROM a\nSHELL bash", "2:1: SHELL needs a JSON array", /bash/],
    ["FROM a\nHEALTHCHECK curl", "2:1: expected CMD and a command, or NONE", /HEALTHCHECK CMD/],
    ["FROM a\nONBUILD ONBUILD RUN x", "2:1: ONBUILD cannot be a trigger", /^$/],
    ["FROM a\nONBUILD FROM x", "2:1: FROM cannot be a trigger", /^$/],
    ["FROM a\nRUN <<EOF\nx\n EOF", '2:1: the heredoc "EOF" has no end', /nothing else/],
    ["# escape=x\nFROM a", "1:1: expected \\ or ` as the escape character", /^$/],
    ["# syntax=a\n# syntax=b\nFROM a", "2:1: the directive syntax stands here a second", /one/],
  ])("refuses %j with its place", (text, message, hint) => {
    const error = errorOf(text);
    expect(error.message).toContain(message);
    expect(error.hint ?? "").toMatch(hint);
  });

  it("refuses a text of more than a mebibyte", () => {
    expect(errorOf(`FROM a\n#${"é".repeat(600_000)}`).message).toBe(
      "app/Dockerfile is larger than 1048576 bytes.",
    );
  });
});

describe("a hostile Dockerfile", () => {
  it("is read, or refused with a place, and nothing else", () => {
    const piece = fc.constantFrom(
      ...["FROM a", "FROM", "RUN", "COPY", "ONBUILD", "ARG", "ENV", "HEALTHCHECK", "--from=", "AS"],
      ...["<<EOF", "<<-'", "EOF", '"', "'", "\\", "`", "$", "${", "}", "[", '["a"]', "# escape=`"],
      ...["\n", "\n", "\r\n", "\t", " ", " ", "=", ",", "--mount=", "\uFEFF", "\0", "\u2028", "😀"],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        try {
          parseDockerfile("Dockerfile", pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(BundlerError);
          expect((error as BundlerError).message).toMatch(/^Dockerfile:\d+:\d+: /);
        }
      }),
      { numRuns: 1000 },
    );
  });

  const MIB = 1024 * 1024;
  const fill = (unit: string, before = "FROM a\n", after = ""): string =>
    before + unit.repeat(Math.floor((MIB - before.length - after.length) / unit.length)) + after;

  it.each([
    ["backslashes", fill("\\")],
    ["escaped line ends", fill("\\\n")],
    ["escaped line ends with blanks", fill(`${" ".repeat(100)}\\${" ".repeat(100)}\n`)],
    ["lines of blanks and an escape character", fill("\\  x ", "FROM a\nRUN ")],
    ["heredocs without an end", fill("RUN <<a\n")],
    ["heredocs on one line", fill("<<a \\\n", "FROM a\nRUN ")],
    ["heredocs one after the other", fill("RUN <<a\na\n")],
    ["heredocs with a space", fill("RUN a << b\n")],
    ["heredoc marks with blanks", fill(`<<${" ".repeat(5000)}\\\n`, "FROM a\nRUN ")],
    ["triggers of triggers", fill("ONBUILD \\\n")],
    ["flags", fill("--mount=from=a \\\n", "FROM a\nRUN ")],
    ["commas in a flag", fill(",\\\n", "FROM a\nRUN --mount=", " x")],
    ["quotes", fill("\"'\\\n", "FROM a\nENV A=")],
    ["brackets", fill("[\\\n", "FROM a\nRUN ")],
    ["stages", fill("FROM a\n")],
    ["comments", fill("#\n")],
    ["directives", fill(" ", "#", "\nFROM a")],
  ])("of a mebibyte of %s takes no more than a moment", async (_name, text) => {
    const took = await processorTime(() => {
      try {
        parseDockerfile("Dockerfile", text);
      } catch (error) {
        expect(error).toBeInstanceOf(BundlerError);
      }
    });
    // A quadratic reading takes minutes here.
    expect(took).toBeLessThan(15_000);
  });
});
