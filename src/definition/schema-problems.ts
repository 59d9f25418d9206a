import { z } from "zod";
import { nearest, suggestion } from "../core/nearest.js";
import type { Report } from "./report.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

type Issue = z.core.$ZodIssue;

/**
 * Checks a file's data against its schema and reports every issue at its place in the text.
 * A file that could not be read was reported before and is passed over.
 */
export function checkSchema(file: YamlFile, schema: z.ZodType, report: Report): void {
  if (file.data === undefined) return;
  const outcome = schema.safeParse(file.data);
  if (outcome.success) return;
  for (const issue of outcome.error.issues) reportIssue(issue, file, schema, report);
}

function reportIssue(issue: Issue, file: YamlFile, schema: z.ZodType, report: Report): void {
  const path = issue.path.map((segment) =>
    typeof segment === "symbol" ? String(segment) : segment,
  );
  const name = formatPath(path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = keysAt(schema, path);
      for (const key of issue.keys) {
        const place = path.length === 0 ? "" : ` in ${name}`;
        report(
          file.at([...path, key], "key"),
          `unknown key ${JSON.stringify(key)}${place}`,
          suggestion(key, known),
        );
      }
      return;
    }
    case "invalid_key":
      report(
        file.at(path, "key"),
        `the name ${JSON.stringify(path.at(-1))} ${issue.issues[0]?.message ?? "is not allowed"}`,
      );
      return;
    case "invalid_type":
      reportType(issue.expected, { file, path, name }, report);
      return;
    case "invalid_value":
      if (valueAt(file.data, path) === undefined) {
        report(file.at(path, "key"), `${name} is missing`);
        return;
      }
      report(
        file.at(path),
        `${name} ${issue.message}`,
        meant(valueAt(file.data, path), issue.values),
      );
      return;
    default:
      report(file.at(path), `${name} ${issue.message}`);
  }
}

/** A word that is none of the allowed ones may be a misspelt one. */
function meant(word: unknown, allowed: readonly unknown[]): string | undefined {
  if (typeof word !== "string") return undefined;
  const near = nearest(
    word,
    allowed.filter((one) => typeof one === "string"),
  );
  return near === undefined ? undefined : `Did you mean "${near}"?`;
}

function reportType(
  expected: string,
  where: { readonly file: YamlFile; readonly path: YamlPath; readonly name: string },
  report: Report,
): void {
  const { file, path, name } = where;
  const value = valueAt(file.data, path);
  if (value === undefined) {
    report(file.at(path, "key"), `${name} is missing`);
    return;
  }
  const written = file.written(path);
  if (expected === "string" && (typeof value === "number" || typeof value === "boolean")) {
    const text = written ?? String(value);
    const hint = `Write it in quotes: "${text}".`;
    report(file.at(path), `${name} must be text, but ${text} reads as a ${typeof value}`, hint);
    return;
  }
  const kind = KINDS[expected] ?? expected;
  const found = value === null ? "is empty" : `is ${describe(value)}`;
  const at = file.at(path, value === null ? "key" : "value");
  report(at, `${name || "the file"} ${found}; it must be ${kind}`);
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  boolean: "true or false",
  number: "a number",
  int: "a whole number",
};

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "a mapping"
    : typeof value === "string"
      ? "text"
      : `a ${typeof value}`;
}

/** `components.mysql.alternatives[0].image`. */
function formatPath(path: YamlPath): string {
  return path
    .map((segment, position) =>
      typeof segment === "number" ? `[${segment}]` : `${position > 0 ? "." : ""}${segment}`,
    )
    .join("");
}

function valueAt(data: unknown, path: YamlPath): unknown {
  let value = data;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment))
      return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[segment];
  }
  return value;
}

/** The keys that a schema knows at a path. */
function keysAt(schema: z.ZodType, path: YamlPath): readonly string[] {
  let at: unknown = schema;
  for (const segment of path) {
    at = inner(at);
    if (at instanceof z.ZodObject) at = (at.shape as Readonly<Record<string, unknown>>)[segment];
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else if (at instanceof z.ZodArray) at = at.element;
  }
  const found = inner(at);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function inner(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? inner(schema.unwrap()) : schema;
}
