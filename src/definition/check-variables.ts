import { variablesIn } from "./interpolation.js";
import { isMapping } from "./mapping.js";
import { nearest } from "../core/nearest.js";
import type { Report } from "./report.js";
import type { Setting } from "./types.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

/** A value whose texts Compose will interpolate. */
export interface Interpolated {
  readonly file: YamlFile;
  readonly path: YamlPath;
  readonly value: unknown;
}

export interface VariableChecks {
  /** site.yaml. */
  readonly file: YamlFile;
  /** The settings that hold; `declared` names them all. */
  readonly settings: readonly Setting[];
  readonly declared: readonly string[];
  readonly sources: readonly Interpolated[];
  /** False when a source could not be read: what seems unused may be used there. */
  readonly complete: boolean;
}

/** Every `${NAME}` has to be declared in site.yaml, and every setting has to be used. */
export function checkVariables(context: VariableChecks, report: Report): void {
  const { file, settings, declared, sources, complete } = context;
  if (file.data === undefined) return;
  const used = new Set<string>();
  const secrets = new Set(settings.filter(({ type }) => type === "secret").map(({ name }) => name));
  for (const source of sources) {
    for (const { path, text } of textsIn(source.value, source.path)) {
      const { uses, malformed } = variablesIn(text);
      if (malformed !== undefined) {
        report(
          source.file.atText(path, malformed),
          `Compose cannot read the variable at ${JSON.stringify(malformed)}`,
          "A plain $ is written $$.",
        );
      }
      for (const { name, fallback, written } of uses) {
        used.add(name);
        if (!declared.includes(name)) {
          const near = nearest(name, declared);
          report(
            source.file.atText(path, written),
            `\${${name}} is not declared in ${file.file}`,
            near === undefined ? undefined : `Did you mean "${near}"?`,
          );
        }
        if (fallback !== undefined && fallback !== "" && secrets.has(name)) {
          report(source.file.atText(path, written), `the secret \${${name}} has a default here`);
        }
      }
    }
  }
  if (!complete) return;
  for (const { name, at } of settings) {
    if (!used.has(name)) report(at, `nothing uses the setting ${name}`);
  }
}

/** All texts in a value, with their paths; Compose does not interpolate keys. */
function* textsIn(
  value: unknown,
  path: YamlPath,
): Generator<{ readonly path: YamlPath; readonly text: string }> {
  if (typeof value === "string") {
    if (value.includes("$")) yield { path, text: value };
  } else if (Array.isArray(value)) {
    for (const [position, item] of value.entries()) yield* textsIn(item, [...path, position]);
  } else if (isMapping(value)) {
    for (const [key, item] of Object.entries(value)) yield* textsIn(item, [...path, key]);
  }
}
