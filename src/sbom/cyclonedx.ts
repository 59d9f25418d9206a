import { createHash } from "node:crypto";
import type { BundleComponent, BundleManifest } from "../bundle/types.js";
import { hexOf } from "../core/digest.js";
import { printableJson } from "../core/invisible.js";
import { parsePlatform } from "../core/platform.js";
import { type Reference, parseReference } from "../image/reference.js";
import { type LicenseChoice, licenseChoices } from "./licenses.js";
import { packageUrl } from "./purl.js";
import type { ComponentPackages, Package } from "./types.js";

/** What an SBOM says of the bundle as a whole. */
export type SbomBundle = Pick<
  BundleManifest,
  "name" | "version" | "title" | "platform" | "date" | "tool"
>;

/** One image of it, and what is in that. */
export interface SbomImage {
  readonly component: Pick<BundleComponent, "name" | "image">;
  readonly packages: ComponentPackages;
}

/** The parts of CycloneDX 1.6 that are written (https://cyclonedx.org/docs/1.6/json/). */
interface Component {
  readonly type: "application" | "container" | "library" | "operating-system";
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly hashes?: readonly { readonly alg: "SHA-256"; readonly content: string }[];
  readonly licenses?: readonly LicenseChoice[];
  readonly purl?: string;
  readonly properties?: readonly Property[];
  readonly evidence?: { readonly occurrences: readonly { readonly location: string }[] };
}

interface Property {
  readonly name: string;
  readonly value: string;
}

/** The document of one image of a bundle, as text; the same input gives the same text. */
export function imageSbom(bundle: SbomBundle, image: SbomImage): string {
  const graph = new Graph();
  const container = containerOf(bundle, image);
  graph.addImage(container, image, (path) => `/${path}`);
  return documentOf(bundle, container, graph);
}

/**
 * The document of all images of a bundle, each a container on which the bundle depends and which
 * depends on its packages. A package that images share is in it once, and says where it is found.
 */
export function bundleSbom(bundle: SbomBundle, images: readonly SbomImage[]): string {
  const { name, version, title, platform } = bundle;
  const root: Component = {
    type: "application",
    "bom-ref": `bundle:${name}`,
    name,
    version,
    description: title.en,
    properties: [property("platform", platform)],
  };
  const graph = new Graph();
  for (const image of images) {
    const container = containerOf(bundle, image);
    graph.add(container);
    graph.depend(root, container);
    graph.addImage(container, image, (path) => `${image.component.name}:/${path}`);
  }
  return documentOf(bundle, root, graph);
}

function documentOf({ date, tool }: SbomBundle, root: Component, graph: Graph): string {
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: "",
    version: 1,
    metadata: {
      timestamp: date,
      tools: { components: [{ type: "application", name: tool.name, version: tool.version }] },
      component: root,
    },
    components: graph.components(),
    dependencies: graph.dependencies(root),
  };
  const serialNumber = `urn:uuid:${nameUuid(JSON.stringify(document))}`;
  return `${printableJson({ ...document, serialNumber })}\n`;
}

/** The namespace of URLs (RFC 9562, 6.6). */
const NAMESPACE = Buffer.from("6ba7b8119dad11d180b400c04fd430c8", "hex");

/** A UUID of version 5 (RFC 9562, 5.5): the same text has the same one. */
function nameUuid(text: string): string {
  const bytes = createHash("sha1").update(NAMESPACE).update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function property(name: string, value: string): Property {
  return { name: `openim-bundler:${name}`, value };
}

function containerOf({ platform }: SbomBundle, { component, packages }: SbomImage): Component {
  const { name, image } = component;
  const { tag, purl } = namesOf(image);
  return {
    type: "container",
    "bom-ref": `image:${name}`,
    name,
    ...(tag === undefined ? {} : { version: tag }),
    hashes: [{ alg: "SHA-256", content: hexOf(image.manifest.digest) }],
    ...(purl === undefined ? {} : { purl }),
    properties: [
      property("reference", image.reference),
      property("platform", image.platform),
      ...(image.platform === platform ? [] : [property("bundle-platform", platform)]),
      ...(image.index === undefined ? [] : [property("index", image.index.digest)]),
      property("config", image.config.digest),
      ...image.layers.map(({ digest }) => property("layer", digest)),
      ...packages.skipped.map(({ path, reason }) => property("unread", `${path} ${reason}`)),
    ],
  };
}

/** What a reference tells; nothing where it is none, as in an archive that verify finds wrong. */
function namesOf({ reference, manifest, platform }: BundleComponent["image"]): {
  readonly tag?: string;
  readonly purl?: string;
} {
  let parsed: Reference;
  try {
    parsed = parseReference(reference);
  } catch {
    return {};
  }
  const { registry, repository, tag } = parsed;
  const purl = packageUrl({
    type: "oci",
    name: repository.slice(repository.lastIndexOf("/") + 1),
    version: manifest.digest,
    qualifiers: {
      arch: parsePlatform(platform).architecture,
      repository_url: `${registry}/${repository}`,
      tag,
    },
  });
  return { purl, ...(tag === undefined ? {} : { tag }) };
}

/** What several images say of one package. */
interface Merged {
  readonly first: Package;
  readonly licenses: Set<string>;
  readonly layers: Set<string>;
  readonly sources: Set<string>;
  readonly locations: Set<string>;
}

/** Components and what depends on what, each once. */
class Graph {
  readonly #components = new Map<string, Component>();
  readonly #packages = new Map<string, Merged>();
  readonly #edges = new Map<string, Set<string>>();

  add(component: Component): void {
    this.#components.set(component["bom-ref"], component);
  }

  depend(on: Component, component: Component): void {
    this.#edge(on["bom-ref"], component["bom-ref"]);
  }

  addImage(container: Component, { packages }: SbomImage, place: (path: string) => string): void {
    const { distro } = packages;
    if (distro !== undefined) {
      const { id, version, name } = distro;
      const system: Component = {
        type: "operating-system",
        "bom-ref": `os:${id}${version === undefined ? "" : `@${version}`}`,
        name: id,
        ...(version === undefined ? {} : { version }),
        ...(name === undefined ? {} : { description: name }),
      };
      this.add(system);
      this.depend(container, system);
    }
    for (const one of packages.packages) {
      const { purl } = one;
      const merged = this.#packages.get(purl) ?? mergedOf(one);
      this.#packages.set(purl, merged);
      for (const license of one.licenses ?? []) merged.licenses.add(license);
      if (one.source !== undefined) merged.sources.add(one.source);
      merged.layers.add(one.layer);
      merged.locations.add(place(one.path));
      this.#edge(container["bom-ref"], purl);
    }
  }

  /** Sorted by their references. */
  components(): readonly Component[] {
    return [...this.#components.values(), ...[...this.#packages.values()].map(libraryOf)].sort(
      (a, b) => compare(a["bom-ref"], b["bom-ref"]),
    );
  }

  dependencies(root: Component): readonly object[] {
    const refs = [root["bom-ref"], ...this.#components.keys(), ...this.#packages.keys()];
    return refs.sort(compare).map((ref) => {
      const dependsOn = [...(this.#edges.get(ref) ?? [])].sort(compare);
      return dependsOn.length === 0 ? { ref } : { ref, dependsOn };
    });
  }

  #edge(from: string, to: string): void {
    this.#edges.set(from, (this.#edges.get(from) ?? new Set()).add(to));
  }
}

function mergedOf(first: Package): Merged {
  return {
    first,
    licenses: new Set(),
    layers: new Set(),
    sources: new Set(),
    locations: new Set(),
  };
}

function libraryOf({ first, licenses, layers, sources, locations }: Merged): Component {
  const { name, version, purl, type } = first;
  // Of these two the first part is a field of its own; scanners know Go's modules by all of it.
  const split = type === "maven" ? name.indexOf(":") : type === "npm" ? name.indexOf("/") : -1;
  return {
    type: "library",
    "bom-ref": purl,
    ...(split < 0 ? {} : { group: name.slice(0, split) }),
    name: name.slice(split + 1),
    ...(version === "(devel)" ? {} : { version }),
    ...(licenses.size === 0 ? {} : { licenses: licenseChoices([...licenses]) }),
    purl,
    properties: [
      property("package-type", type),
      ...[...sources].sort(compare).map((source) => property("source", source)),
      ...[...layers].sort(compare).map((layer) => property("layer", layer)),
    ],
    evidence: { occurrences: [...locations].sort(compare).map((location) => ({ location })) },
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
