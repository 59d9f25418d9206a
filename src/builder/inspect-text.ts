import { type Platform, normalizePlatform } from "../core/platform.js";
import type { BuilderNode } from "./types.js";

/** What `docker buildx inspect` prints. */
export interface InspectedBuilder {
  readonly name: string;
  readonly driver: string;
  /** Why the nodes could not be asked. */
  readonly error?: string;
  readonly nodes: readonly BuilderNode[];
}

/** The names of the fields have changed with the versions of buildx. */
const BUILDKIT = ["BuildKit version", "Buildkit version", "BuildKit", "Buildkit"];

type Fields = ReadonlyMap<string, string>;

/**
 * Reads the text of `docker buildx inspect`, of buildx 0.8 and later: a builder's fields, `Nodes:`,
 * and each node's fields from one `Name:` to the next. Indented lines belong to sections (labels,
 * garbage collection, files) that are passed over. Undefined when there is no builder in it.
 */
export function parseInspect(text: string): InspectedBuilder | undefined {
  const [head, ...nodes] = blocks(text);
  const name = head?.get("Name");
  if (head === undefined || name === undefined || name === "") return undefined;
  const error = head.get("Error");
  return {
    name,
    driver: head.get("Driver") ?? "",
    ...(error === undefined ? {} : { error }),
    nodes: nodes.map(readNode),
  };
}

/** The fields of the builder, then those of each node. */
function blocks(text: string): Fields[] {
  const all: Map<string, string>[] = [];
  let inNodes = false;
  let last: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "Nodes:") {
      inNodes = true;
      last = undefined;
      continue;
    }
    const [, key, value = ""] = /^([A-Z][A-Za-z# 0-9]*?):(?:\s+(.*))?$/.exec(line) ?? [];
    const first = all.length === 0 || (inNodes && all.length === 1);
    if (key === "Name" && (first || inNodes)) all.push(new Map());
    const block = all.at(-1);
    if (key !== undefined) {
      // The first one counts: nothing that follows in the same block may stand in for it.
      if (block !== undefined && !block.has(key)) block.set(key, value.trim());
      last = key;
    } else if (last === "Error" && line.trim() !== "" && block !== undefined) {
      // An error may go on over several lines.
      block.set("Error", `${block.get("Error") ?? ""} ${line.trim()}`);
    }
  }
  return all;
}

function readNode(fields: Fields): BuilderNode {
  const error = fields.get("Error");
  const buildkit = BUILDKIT.map((key) => fields.get(key)).find((value) => value);
  const listed = (fields.get("Platforms") ?? "")
    .split(",")
    .map((word) => word.replace(/\(\+\d+\)/, "").trim())
    .filter((word) => word !== "");
  const claimed = listed.filter((word) => word.endsWith("*")).flatMap(readPlatform);
  const native = nativeOf(
    listed.filter((word) => !word.endsWith("*")).flatMap(readPlatform),
    claimed,
  );
  return {
    name: fields.get("Name") ?? "",
    endpoint: fields.get("Endpoint") ?? "",
    status: error === undefined ? (fields.get("Status") ?? "") : "error",
    ...(error === undefined ? {} : { error }),
    ...(buildkit === undefined ? {} : { buildkit }),
    platforms: listed.flatMap(readPlatform),
    claimed,
    ...(native === undefined ? {} : { native }),
  };
}

/** What runs on the processors of a 64-bit architecture beside it. */
const LESSER: Readonly<Record<string, readonly string[]>> = {
  amd64: ["amd64", "386"],
  arm64: ["arm64", "arm"],
};

/**
 * BuildKit lists what the processor runs before what is emulated, and buildx moves what is claimed to
 * the front: what is first of the rest is the processor's, or the lesser half of a claimed one.
 */
function nativeOf(rest: readonly Platform[], claimed: readonly Platform[]): Platform | undefined {
  const [first] = rest;
  if (first === undefined) return claimed[0];
  const whole = claimed.find(
    ({ os, architecture, variant }) =>
      os === first.os &&
      variant === undefined &&
      LESSER[architecture]?.includes(first.architecture) === true,
  );
  return whole ?? first;
}

/** Tolerant: a builder may list platforms that no bundle is made for. */
function readPlatform(word: string): Platform[] {
  const [os, architecture, variant, more] = word.replace(/\*$/, "").split("/");
  if (!os || !architecture || more !== undefined) return [];
  return [normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) })];
}
