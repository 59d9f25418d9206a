import { fail, quoted } from "./fault.js";
import { isHeredocName, readHeredocs } from "./heredoc.js";
import {
  type Keyword,
  flagsOf,
  isKeyword,
  mayRepeat,
  needsValue,
  suggestFlag,
  suggestKeyword,
} from "./keywords.js";
import type { EscapeCharacter, LogicalLine } from "./logical-line.js";
import { mountSource } from "./mount.js";
import type { PhysicalLines } from "./physical-lines.js";
import type {
  Flag,
  FromInstruction,
  Instruction,
  OnbuildInstruction,
  Variable,
  Word,
} from "./syntax.js";
import { splitFlags, splitQuoted, splitWords, trimmed } from "./words.js";

/** What reading one instruction takes. */
interface Reading {
  readonly source: LogicalLine;
  /** Behind the instruction, where its heredocs are. */
  readonly lines: PhysicalLines;
  readonly escape: EscapeCharacter;
}

interface Parts extends Reading {
  readonly keyword: Keyword;
  readonly at: number;
  readonly flags: readonly Flag[];
  readonly rest: Word;
}

/**
 * Reads an instruction and the heredocs behind it.
 * @throws BundlerError DEFINITION
 */
export function readInstruction(reading: Reading): FromInstruction | Instruction {
  return instructionAt(reading, 0);
}

function instructionAt(reading: Reading, start: number): FromInstruction | Instruction {
  const parts = partsAt(reading, start);
  const { keyword, rest, flags, source } = parts;
  checkFlags(parts);
  const common = { line: source.line, endLine: reading.lines.number, source, flags };
  switch (keyword) {
    case "FROM":
      return { ...common, keyword, image: fromImage(parts) };
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
    case "SHELL":
    case "HEALTHCHECK": {
      const command = keyword === "HEALTHCHECK" ? healthCommand(parts) : rest;
      const exec = readJson(parts, command);
      if (keyword === "SHELL" && exec === undefined) {
        refuse(
          parts,
          `SHELL needs a JSON array, found ${quoted(rest.text)}`,
          'SHELL ["bash", "-c"]',
        );
      }
      const heredocs =
        keyword === "RUN" && exec === undefined ? readHeredocs(reading.lines, source) : [];
      const form = exec === undefined ? {} : { exec };
      return { ...common, keyword, ...form, command, heredocs, endLine: reading.lines.number };
    }
    case "COPY":
    case "ADD": {
      const json = readJson(parts, rest);
      const words = json?.map((text) => ({ ...rest, text })) ?? splitWords(rest);
      const destination = words.at(-1)?.text ?? "";
      if (words.length < 2 || isHeredocName(destination)) {
        refuse(
          parts,
          `${keyword} needs at least a source and a destination, found ${quoted(rest.text)}`,
          `${keyword} package.json /app/`,
        );
      }
      const heredocs = json === undefined ? readHeredocs(reading.lines, source) : [];
      return {
        ...common,
        keyword,
        exec: json !== undefined,
        sources: words.slice(0, -1),
        destination,
        heredocs,
        endLine: reading.lines.number,
      };
    }
    case "ARG":
    case "ENV":
    case "LABEL":
      return { ...common, keyword, variables: readVariables(parts) };
    case "ONBUILD": {
      const { keyword: of } = partsAt(reading, rest.start);
      if (of === "ONBUILD" || of === "FROM" || of === "MAINTAINER") {
        refuse(parts, `${of} cannot be a trigger of ONBUILD`);
      }
      const trigger = instructionAt(reading, rest.start) as OnbuildInstruction["trigger"];
      return { ...common, keyword, trigger, endLine: reading.lines.number };
    }
    default:
      return { ...common, keyword, words: plainWords(parts, keyword) };
  }
}

function partsAt(reading: Reading, start: number): Parts {
  const { source } = reading;
  const whole = trimmed(source.text, start);
  const found = /^\S*/.exec(whole.text)?.[0] ?? "";
  const keyword = found.toUpperCase();
  if (!isKeyword(keyword)) {
    fail(
      source.positionAt(whole.start),
      `expected an instruction, found ${quoted(found)}`,
      suggestKeyword(found),
    );
  }
  const behind = trimmed(source.text, whole.start + found.length);
  return { ...reading, keyword, at: whole.start, ...splitFlags(behind) };
}

function checkFlags(parts: Parts): void {
  const { keyword, flags, source } = parts;
  const seen = new Set<string>();
  for (const flag of flags) {
    const at = source.positionAt(flag.start);
    const { name, value } = flag;
    if (!flagsOf(keyword).includes(name)) {
      fail(at, `${keyword} has no flag ${quoted(`--${name}`)}`, suggestFlag(keyword, name));
    }
    if (value === undefined && needsValue(name)) {
      fail(at, `--${name} has no value`, `Write --${name}=VALUE, without a space.`);
    }
    if (!needsValue(name) && value !== undefined && !/^(?:true|false)$/i.test(value)) {
      fail(at, `expected true or false for --${name}, found ${quoted(value)}`);
    }
    if (seen.has(name) && !mayRepeat(name)) fail(at, `--${name} stands here a second time`);
    seen.add(name);
    const from = name === "mount" ? mountSource(flag)?.image : name === "from" ? value : undefined;
    if (from !== undefined && /\$|["'\\]/.test(from)) {
      fail(
        at,
        `expected the name of a stage or of an image in --${name}, found ${quoted(from)}`,
        "Variables are not replaced there: add a stage such as FROM ${IMAGE} AS source, and name it.",
      );
    }
  }
}

function fromImage(parts: Parts): Word {
  const words = splitWords(parts.rest);
  const [image, as, name] = words;
  if (image === undefined || (words.length !== 1 && words.length !== 3)) {
    refuse(
      parts,
      `FROM needs an image, and a name after AS if any, found ${quoted(parts.rest.text)}`,
      "FROM golang:1.22 AS build",
    );
  }
  if (as !== undefined && as.text.toUpperCase() !== "AS") {
    fail(parts.source.positionAt(as.start), `expected AS, found ${quoted(as.text)}`);
  }
  if (name !== undefined && !/^[a-z][a-z0-9_.-]*$/i.test(name.text)) {
    fail(
      parts.source.positionAt(name.start),
      `${quoted(name.text)} cannot be a stage's name`,
      "Names start with a letter and go on with letters, digits, -, _ and dots.",
    );
  }
  return image;
}

/** The name that a FROM gives its stage, in lower case. */
export function stageName(from: FromInstruction): string | undefined {
  return splitWords(trimmed(from.source.text, from.image.end))[1]?.text.toLowerCase();
}

function healthCommand(parts: Parts): Word {
  const { rest, source } = parts;
  const type = splitWords(rest)[0];
  const command = trimmed(source.text, type?.end ?? rest.end);
  const form = type?.text.toUpperCase();
  if ((form === "NONE" && command.text === "") || (form === "CMD" && command.text !== "")) {
    return command;
  }
  return refuse(
    parts,
    `expected CMD and a command, or NONE, found ${quoted(rest.text)}`,
    "HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1/",
  );
}

/** The JSON form, when it is one: an array that is not JSON is a shell's business. */
function readJson(parts: Parts, word: Word): readonly string[] | undefined {
  if (!word.text.startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(word.text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((item: unknown) => {
    if (typeof item === "string") return item;
    return fail(
      parts.source.positionAt(word.start),
      `expected strings alone in the JSON form of ${parts.keyword}, found ${quoted(JSON.stringify(item))}`,
    );
  });
}

function readVariables(parts: Parts): readonly Variable[] {
  const { keyword, rest, source, escape } = parts;
  const words = splitQuoted(rest, escape);
  const [first] = words;
  if (first === undefined) return refuse(parts, `${keyword} needs a name`, `${keyword} NAME=value`);
  if (keyword !== "ARG" && !first.text.includes("=")) {
    // The old form, `ENV NAME the rest is the value`.
    const name = splitWords(rest)[0] ?? first;
    const value = trimmed(source.text, name.end);
    if (value.text === "") {
      refuse(parts, `${keyword} ${name.text.slice(0, 100)} has no value`, `${keyword} NAME=value`);
    }
    return [{ name: name.text, value }];
  }
  return words.map((word) => {
    const equals = word.text.indexOf("=");
    if (equals === 0 || (equals < 0 && keyword !== "ARG")) {
      fail(source.positionAt(word.start), `expected NAME=value, found ${quoted(word.text)}`);
    }
    if (equals < 0) return { name: word.text };
    const value = { ...word, text: word.text.slice(equals + 1), start: word.start + equals + 1 };
    return { name: word.text.slice(0, equals), value };
  });
}

function plainWords(
  parts: Parts,
  keyword: "EXPOSE" | "MAINTAINER" | "STOPSIGNAL" | "USER" | "VOLUME" | "WORKDIR",
): readonly string[] {
  const { rest } = parts;
  if (rest.text === "") refuse(parts, `${keyword} needs an argument`);
  if (keyword === "VOLUME")
    return readJson(parts, rest) ?? splitWords(rest).map(({ text }) => text);
  if (keyword === "EXPOSE") return splitWords(rest).map(({ text }) => text);
  return [rest.text];
}

function refuse(parts: Parts, message: string, example?: string): never {
  const hint = example === undefined ? undefined : `Write it like ${example}.`;
  return fail(parts.source.positionAt(parts.at), message, hint);
}
