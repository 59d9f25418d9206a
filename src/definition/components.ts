import type { z } from "zod";
import type { Position } from "../core/position.js";
import { readExtras } from "./extras.js";
import { imageNameTrouble } from "./image-name.js";
import { type Mapping, isMapping } from "./mapping.js";
import { formatPort, parsePort } from "./port.js";
import { nearest } from "../core/nearest.js";
import type { Report } from "./report.js";
import { requirements, toRequirements } from "./requirements.js";
import { toPlatforms } from "./schema-parts.js";
import { type allowance, componentSchema, tableSchema } from "./schema.js";
import { checkSchema } from "./schema-problems.js";
import { toSmokeTests } from "./smoke.js";
import { readSources } from "./sources.js";
import type {
  Allowance,
  Build,
  Component,
  Extra,
  Localized,
  Port,
  Requirement,
  Source,
} from "./types.js";
import { checkUpgradeLimits, toUpgradeLimit } from "./upgrade.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

/** components.yaml as far as it could be read. */
export interface Table {
  readonly file: YamlFile;
  /** Absent when they are not as they should be, which was reported. */
  readonly head?: { readonly name: string; readonly version: string; readonly title: Localized };
  /** Of the host as a whole; none when something is wrong with them, which was reported. */
  readonly requires: readonly Requirement[];
  /** Every name, in the order of the table. */
  readonly names: readonly string[];
  /** Every component, for the checks against the other files. */
  readonly drafts: readonly Draft[];
  /** Those without a problem of their own. */
  readonly components: readonly Component[];
  /** Those without a problem of their own. */
  readonly sources: readonly Source[];
  /** Those without a problem of their own. */
  readonly extras: readonly Extra[];
}

/**
 * What can be told of a component although some of it may be wrong: one slip in it must not hide what
 * the other files have against it. A part that is wrong itself is absent.
 */
export interface Draft {
  readonly name: string;
  readonly image?: string;
  readonly required?: boolean;
  readonly ports?: readonly Port[];
  readonly alternatives: readonly { readonly image?: string; readonly service: Mapping }[];
  readonly archive?: string;
  /** As written. */
  readonly build?: Mapping;
}

/** Reads the component table; what is wrong in it is reported and left out. */
export function readTable(file: YamlFile, report: Report): Table {
  checkSchema(file, tableSchema, report);
  if (!isMapping(file.data)) {
    return { file, requires: [], names: [], drafts: [], components: [], sources: [], extras: [] };
  }
  const head = tableSchema
    .pick({ name: true, version: true, title: true })
    .safeParse(
      Object.fromEntries(HEAD.map((key) => [key, (file.data as Record<string, unknown>)[key]])),
    );
  const entries = isMapping(file.data["components"]) ? Object.entries(file.data["components"]) : [];
  const components = entries.flatMap(([name, value]) => {
    const parsed = componentSchema.safeParse(value);
    return parsed.success ? [toComponent(name, parsed.data, file)] : [];
  });
  const drafts = entries.flatMap(([name, value]) =>
    isMapping(value) ? [toDraft(name, value)] : [],
  );
  for (const draft of drafts) checkImages(draft, file, report);
  checkSourceNames(drafts, file, report);
  checkHostPorts(drafts, file, report);
  checkUpgradeLimits(file, report);
  const requires = requirements.safeParse(file.data["requires"]);
  return {
    file,
    ...(head.success ? { head: head.data } : {}),
    requires: requires.success ? toRequirements(requires.data) : [],
    names: entries.map(([name]) => name),
    drafts,
    components,
    sources: readSources(file),
    extras: readExtras(file, report),
  };
}

const HEAD = ["name", "version", "title"] as const;

export function componentPath(name: string, ...below: YamlPath): YamlPath {
  return ["components", name, ...below];
}

function toComponent(
  name: string,
  data: z.infer<typeof componentSchema>,
  file: YamlFile,
): Component {
  const { title, image, required = true, build, archive } = data;
  return {
    name,
    required,
    title,
    image,
    platforms: toPlatforms(data.platforms),
    ports: (data.ports ?? []).flatMap((text) => parsePort(text) ?? []),
    alternatives: (data.alternatives ?? []).map((alternative, position) => ({
      image: alternative.image,
      platforms: toPlatforms(alternative.platforms),
      reason: alternative.reason,
      service: alternative.service ?? {},
      ...(alternative.requires === undefined
        ? {}
        : { requires: toRequirements(alternative.requires) }),
      ...(alternative.smoke === undefined ? {} : { smoke: toSmokeTests(alternative.smoke) }),
      ...(alternative.upgrade === undefined
        ? {}
        : { upgrade: toUpgradeLimit(alternative.upgrade) }),
      at: file.at(componentPath(name, "alternatives", position)),
    })),
    ...(build === undefined
      ? {}
      : { build: toBuild(build, file.at(componentPath(name, "build"), "key")) }),
    ...(archive === undefined ? {} : { archive }),
    omit: (data.omit ?? []).map(({ platforms, reason }) => ({
      platforms: toPlatforms(platforms),
      reason,
    })),
    requires: toRequirements(data.requires ?? []),
    smoke: toSmokeTests(data.smoke ?? []),
    ...(data.upgrade === undefined ? {} : { upgrade: toUpgradeLimit(data.upgrade) }),
    ...(data.allow === undefined ? {} : { allow: data.allow.flatMap(toAllowance) }),
    at: file.at(componentPath(name), "key"),
  };
}

function toBuild(data: NonNullable<z.infer<typeof componentSchema>["build"]>, at: Position): Build {
  const { recipe, context, source, target } = data;
  return {
    platforms: toPlatforms(data.platforms),
    always: data.always ?? false,
    ...(recipe === undefined ? {} : { recipe }),
    ...(context === undefined ? {} : { context }),
    ...(source === undefined ? {} : { source }),
    dockerfile: data.dockerfile ?? "Dockerfile",
    sources: data.sources ?? [],
    args: data.args ?? {},
    ...(target === undefined ? {} : { target }),
    secrets: (data.secrets ?? []).map(({ id, env, file }) => ({
      id,
      ...(env === undefined ? {} : { env }),
      ...(file === undefined ? {} : { file }),
    })),
    at,
  };
}

function toAllowance({ path, mount, reason }: z.infer<typeof allowance>): readonly Allowance[] {
  if (path !== undefined) return [{ path, reason }];
  return mount === undefined ? [] : [{ mount, reason }];
}

function toDraft(name: string, value: Mapping): Draft {
  const { image, required = true, ports = [], alternatives, archive, build } = value;
  const read = Array.isArray(ports)
    ? ports.map((text: unknown) => (typeof text === "string" ? parsePort(text) : undefined))
    : [undefined];
  return {
    name,
    ...(typeof image === "string" ? { image } : {}),
    ...(typeof required === "boolean" ? { required } : {}),
    ...(read.every((port) => port !== undefined) ? { ports: read } : {}),
    ...(typeof archive === "string" ? { archive } : {}),
    ...(isMapping(build) ? { build } : {}),
    alternatives: (Array.isArray(alternatives) ? alternatives : []).map((alternative: unknown) => {
      const { image: other, service } = isMapping(alternative) ? alternative : {};
      return {
        ...(typeof other === "string" ? { image: other } : {}),
        service: isMapping(service) ? service : {},
      };
    }),
  };
}

function checkImages({ name, image, alternatives }: Draft, file: YamlFile, report: Report): void {
  const images = [
    { text: image, path: componentPath(name, "image") },
    ...alternatives.map((alternative, position) => ({
      text: alternative.image,
      path: componentPath(name, "alternatives", position, "image"),
    })),
  ];
  const seen = new Set<string>();
  for (const { text, path } of images) {
    // An empty name is the schema's business.
    if (text === undefined || text === "") continue;
    const trouble = imageNameTrouble(text);
    if (trouble !== undefined) report(file.at(path), trouble.message, trouble.hint);
    if (seen.has(text)) report(file.at(path), `${name} names the image ${text} twice`);
    seen.add(text);
  }
}

/** What a build takes is declared under `sources`. */
function checkSourceNames(drafts: readonly Draft[], file: YamlFile, report: Report): void {
  const declared =
    isMapping(file.data) && isMapping(file.data["sources"])
      ? Object.keys(file.data["sources"])
      : [];
  for (const { name, build } of drafts) {
    if (build === undefined) continue;
    const path = componentPath(name, "build");
    const list: readonly unknown[] = Array.isArray(build["sources"]) ? build["sources"] : [];
    const used = [
      { source: build["source"], at: [...path, "source"] },
      ...list.map((source, position) => ({ source, at: [...path, "sources", position] })),
    ];
    const seen = new Set<string>();
    for (const { source, at } of used) {
      if (typeof source !== "string") continue;
      if (!declared.includes(source)) {
        const near = nearest(source, declared);
        report(
          file.at(at),
          `there is no source ${JSON.stringify(source)} in sources`,
          near === undefined ? undefined : `Did you mean "${near}"?`,
        );
      }
      if (seen.has(source)) report(file.at(at), `${name} takes the source ${source} twice`);
      seen.add(source);
    }
  }
}

/** Two services cannot listen on one port of the host; those on the host network declare theirs too. */
function checkHostPorts(drafts: readonly Draft[], file: YamlFile, report: Report): void {
  const owners = new Map<string, string>();
  for (const { name, ports = [] } of drafts) {
    for (const [position, port] of ports.entries()) {
      const key = `${port.host}/${port.protocol}`;
      const owner = owners.get(key);
      if (owner === undefined) {
        owners.set(key, name);
        continue;
      }
      report(
        file.at(componentPath(name, "ports", position)),
        owner === name
          ? `${name} uses the host's port ${key} twice`
          : `${formatPort(port)} of ${name} collides with ${owner}: both use the host's port ${key}`,
      );
    }
  }
}
