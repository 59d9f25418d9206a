import { isMap, isScalar, type Node, type Pair, Scalar, visit, YAMLMap } from "yaml";
import { BundlerError, messageOf } from "../core/errors.js";
import { oneLine } from "../core/invisible.js";
import { SEALED_KEYS, serviceChanges } from "./changes.js";
import { type ComposeDocument, fault, keyOf, ownPair, parseCompose, resolve } from "./document.js";
import { BlockEdits, renderPair } from "./edit.js";
import { ownCopy, type Patch } from "./patch.js";
import { readCompose } from "./read.js";
import { unusedResources } from "./resources.js";

/** What one service becomes. */
export interface SealedService {
  /** Fully qualified name and tag: `docker.io/library/redis:7.0.15`. */
  readonly image: string;
  /** What an alternative changes: mappings merged key by key, null removes, anything else replaces. */
  readonly patch?: Patch;
}

export interface SealOptions {
  /** The compose file's name, for error positions. */
  readonly file: string;
  readonly text: string;
  /** `linux/arm64`. */
  readonly platform: string;
  /** `openim-2.3.9`, for the comment at the top. */
  readonly bundle: string;
  readonly services: ReadonlyMap<string, SealedService>;
  /** Services that the bundle does not have, and why. */
  readonly leftOut: ReadonlyMap<string, string>;
}

/**
 * Makes a compose file fit for a host without network: every service gets exactly the bundle's
 * image, its platform and `pull_policy: never`, and loses `build`; services that are left out go,
 * with what pointed at them. All other text, comments included, stays as it was written.
 *
 * @throws BundlerError DEFINITION with file:line:column for what cannot be sealed.
 */
export function sealCompose(options: SealOptions): string {
  const doc = parseCompose(options.file, options.text);
  refuseWhatCannotBeSealed(doc, options);
  const edits = new BlockEdits(doc);
  for (const pair of doc.services.items) {
    const service = options.services.get(keyOf(pair));
    if (service) sealService(doc, edits, pair, service, options);
    else edits.remove(pair);
  }
  removeUnused(doc, edits, options);
  const sealed = header(options) + edits.apply();
  assertSealed(doc, options, sealed);
  return sealed;
}

function sealService(
  doc: ComposeDocument,
  edits: BlockEdits,
  pair: Pair,
  service: SealedService,
  options: SealOptions,
): void {
  const name = keyOf(pair);
  const written = resolve(doc, pair.value);
  if (!isMap(written) && !(isScalar(written) && written.value === null) && written) {
    throw fault(doc, written, `The service ${name} is not a mapping`);
  }
  const map = isMap(written) ? written : new YAMLMap();
  const changes = serviceChanges(doc, map, { name, ...service }, options.leftOut);
  const sealed: (readonly [string, Node])[] = [
    ["image", new Scalar(service.image)],
    ["platform", new Scalar(options.platform)],
    ["pull_policy", new Scalar("never")],
  ];
  const [first] = map.items;
  if (map !== pair.value || map.flow || !first) {
    const copy = ownCopy(doc, map) as YAMLMap;
    const kept = copy.items.filter(
      (own) => !SEALED_KEYS.has(keyOf(own)) && !changes.has(keyOf(own)),
    );
    const fresh = new YAMLMap();
    for (const [key, value] of sealed) fresh.set(new Scalar(key), value);
    fresh.items.push(...kept);
    for (const [key, value] of changes) if (value) fresh.set(new Scalar(key), value);
    edits.replace(pair, fresh);
    return;
  }

  // What a build made comes from an image now, so the image takes the build's place.
  const head = ownPair(map, "image") ?? ownPair(map, "build");
  const indent = edits.indentOf(first);
  for (const own of map.items) {
    const key = keyOf(own);
    const change = changes.get(key);
    if (own !== head && (SEALED_KEYS.has(key) || change === null)) edits.remove(own);
    else if (change) edits.replace(own, change);
  }
  const added = [...changes].filter(([key, value]) => value !== null && !ownPair(map, key));
  const lines = (pairs: Iterable<readonly [string, Node | null]>): string[] =>
    [...pairs].flatMap(([key, value]) => (value ? renderPair(key, value, indent) : []));
  if (head && keyOf(head) === "image") {
    edits.replace(head, new Scalar(service.image));
    edits.insertAfter(head, lines([...sealed.slice(1), ...added]));
  } else if (head) {
    edits.substitute(head, lines([...sealed, ...added]));
  } else {
    edits.insertBefore(first, lines([...sealed, ...added]));
  }
}

/** Takes away the named volumes and the like that nothing uses any more. */
function removeUnused(doc: ComposeDocument, edits: BlockEdits, options: SealOptions): void {
  for (const [section, names] of unusedResources(doc, options.leftOut)) {
    const pair = ownPair(doc.root, section);
    const map = pair?.value;
    if (!pair || !isMap(map)) continue;
    const unused = map.items.filter((item) => names.has(keyOf(item)));
    if (unused.length === map.items.length && unused.length > 0) edits.remove(pair);
    else if (!map.flow) for (const item of unused) edits.remove(item);
  }
}

function header(options: SealOptions): string {
  const lines = [
    `Generated for ${options.platform} by openim-bundler from ${options.bundle}.`,
    "Every image comes from this bundle and nothing is pulled; settings are in .env beside this file.",
    ...[...options.leftOut].map(([name, reason]) => `Left out: ${name}: ${reason}`),
  ];
  // A reason must not end its comment.
  const comments = lines.map((line) => `# ${oneLine(line)}\n`);
  return `${comments.join("")}\n`;
}

/** Refusals that concern the document as a whole. */
function refuseWhatCannotBeSealed(doc: ComposeDocument, options: SealOptions): void {
  const { services, leftOut } = options;
  const include = ownPair(doc.root, "include");
  if (include) {
    throw fault(
      doc,
      include.key as Node,
      "A compose file that includes others cannot be sealed",
      "Write all services in one file: only its images are in the bundle.",
    );
  }
  const flow = [doc.root, doc.services].find((map) => map.flow);
  if (flow)
    throw fault(doc, flow, "Services must be written as a block, one a line, not in braces");
  const anchors = new Set<string>();
  visit(doc.tree, {
    Node(_, node) {
      if (node.anchor === undefined) return;
      if (anchors.has(node.anchor)) {
        throw fault(doc, node, `The anchor &${node.anchor} is defined twice`);
      }
      anchors.add(node.anchor);
    },
  });
  const written = new Set<string>();
  for (const pair of doc.services.items) {
    const name = keyOf(pair);
    written.add(name);
    if (services.has(name) !== leftOut.has(name)) continue;
    throw fault(
      doc,
      pair.key as Node,
      name === "<<"
        ? "Services must be written out, not merged in"
        : `The service ${JSON.stringify(name)} is not among the bundle's components`,
      "Every service of the compose file needs a component of the same name.",
    );
  }
  const missing = [...services.keys()].filter((name) => !written.has(name));
  if (missing.length > 0) {
    throw fault(doc, doc.services, `There is no service for the component ${missing.join(", ")}`);
  }
  if (services.size === 0) throw fault(doc, doc.services, "No service would be left in the bundle");
}

/** Reads the result back: an anchor that was taken away, or a service that is not as asked for. */
function assertSealed(doc: ComposeDocument, options: SealOptions, sealed: string): void {
  const result = reparse(options.file, sealed);
  visit(result.tree, {
    Alias(_, alias) {
      if (!alias.resolve(result.tree)) throw lostAnchor(doc, alias.source);
    },
  });
  const services = readCompose(options.file, sealed);
  const wrong = [...services].filter(
    ([name, found]) =>
      found.image !== options.services.get(name)?.image ||
      found.platform !== options.platform ||
      found.pullPolicy !== "never" ||
      found.build,
  );
  if (wrong.length > 0 || services.size !== options.services.size) {
    const names = wrong.map(([name]) => name).join(", ");
    throw new BundlerError("INTERNAL", `${options.file} was not sealed as it should be: ${names}`);
  }
}

function reparse(file: string, sealed: string): ComposeDocument {
  try {
    return parseCompose(file, sealed);
  } catch (cause) {
    throw new BundlerError(
      "INTERNAL",
      `${file} is no YAML any more after sealing: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function lostAnchor(doc: ComposeDocument, anchor: string): BundlerError {
  let at: Node | undefined;
  visit(doc.tree, {
    Node(_, node) {
      if (node.anchor === anchor) at = node;
    },
  });
  return fault(
    doc,
    at,
    `The anchor &${anchor} is used elsewhere, but stands in a part that this bundle changes or leaves out`,
    "Define it at the top, under a key that begins with x-.",
  );
}
