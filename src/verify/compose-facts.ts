import { LineCounter, parseDocument } from "yaml";
import { COMPOSE_FILE } from "../bundle/paths.js";
import type { BundleComponent, BundleManifest } from "../bundle/types.js";
import { messageOf } from "../core/errors.js";
import { ENDLESS_ALIAS, endlessAlias } from "../definition/endless-alias.js";
import { type Mapping, isMapping } from "../definition/mapping.js";
import type { ArchiveFacts } from "./archive.js";

/** Aliases that the file may expand to in all; a "billion laughs" file stops here. */
const MAX_ALIASES = 1000;

/** A service of the sealed compose file. */
export interface ComposeServiceFacts {
  readonly name: string;
  readonly value: Mapping;
  /** Whose service it is, by its name, else by its image. */
  readonly component?: BundleComponent;
  /** None: it always comes up. */
  readonly profiles: readonly string[];
}

/** The sealed compose file, merge keys and aliases followed. */
export interface ComposeFacts {
  readonly root: Mapping;
  readonly services: readonly ComposeServiceFacts[];
  /** What a setting is unless the site says otherwise. */
  readonly valueOf: (name: string) => string | undefined;
}

/** Reads compose.yaml; a sentence when it is none, undefined when it is not there. */
export async function readComposeFacts(
  archive: ArchiveFacts,
  manifest: BundleManifest,
): Promise<ComposeFacts | string | undefined> {
  const bytes = await archive.read(COMPOSE_FILE);
  if (bytes === undefined) return undefined;
  let root: unknown;
  try {
    const lineCounter = new LineCounter();
    const document = parseDocument(bytes.toString("utf8"), {
      merge: true,
      logLevel: "error",
      prettyErrors: false,
      lineCounter,
    });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      return `At ${line}:${col}: ${error.message.replace(/\.$/, "")}.`;
    }
    const endless = endlessAlias(document);
    if (endless !== undefined) {
      const { line, col } = lineCounter.linePos(endless.range?.[0] ?? 0);
      return `At ${line}:${col}: ${ENDLESS_ALIAS}.`;
    }
    root = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return `Cannot be read: ${messageOf(error).replace(/\.$/, "")}.`;
  }
  if (!isMapping(root) || !isMapping(root["services"])) return "Has no services.";
  const services = Object.entries(root["services"]);
  const broken = services.find(([, service]) => !isMapping(service));
  if (broken !== undefined) return `services.${broken[0]} is not a mapping.`;
  const named = new Map(manifest.components.map((one) => [one.name, one]));
  const byImage = new Map(manifest.components.map((one) => [one.image.reference, one]));
  const defaults = new Map(manifest.settings.map((setting) => [setting.name, setting.default]));
  return {
    root,
    valueOf: (name) => defaults.get(name),
    services: services.flatMap(([name, value]) => {
      if (!isMapping(value)) return [];
      const { image, profiles } = value;
      const component =
        named.get(name) ?? (typeof image === "string" ? byImage.get(image) : undefined);
      return [
        {
          name,
          value,
          ...(component === undefined ? {} : { component }),
          profiles: (Array.isArray(profiles) ? profiles : []).map(String),
        },
      ];
    }),
  };
}

/** What a finding about a service says of where it is. */
export function placeOf(
  { name, component }: ComposeServiceFacts,
  below = "",
): { readonly subject: string; readonly component?: string } {
  return {
    ...(component === undefined ? {} : { component: component.name }),
    subject: `services.${name}${below}`,
  };
}

/** A service's variables: a mapping, or a list of NAME=value. */
export function environmentOf(value: Mapping): readonly (readonly [name: string, text: string])[] {
  const { environment } = value;
  if (Array.isArray(environment)) {
    return environment.map((entry: unknown) => {
      const text = String(entry);
      const at = text.indexOf("=");
      return at < 0 ? ([text, ""] as const) : ([text.slice(0, at), text.slice(at + 1)] as const);
    });
  }
  return isMapping(environment)
    ? Object.entries(environment).map(([name, text]) => [name, scalarText(text)] as const)
    : [];
}

/** A scalar as text; nothing for what is none. */
export function scalarText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : "";
}

/** A list's entries, one entry by itself, or none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}
