import { z } from "zod";
import { blobPath, namedImages } from "../bundle/image-layout.js";
import type { BundleComponent } from "../bundle/types.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type ImageConfig, parseConfig } from "../image/config.js";
import { descriptorSchema } from "../image/descriptor.js";
import { parseJson } from "../image/json.js";
import { type ImageManifest, parseManifest } from "../image/manifest.js";
import type { TarFacts } from "./archive.js";
import type { Finding } from "./report.js";
import { type RuleIdOf, declareRules } from "./rule.js";

export const DOCUMENTS = declareRules("image", {
  error: {
    "image/oci-layout": "oci-layout is missing or of an unknown version.",
    "image/index": "index.json is missing, broken, or describes another image than is there.",
    "image/docker-manifest": "manifest.json is missing, broken, or not what the manifest says.",
    "image/manifest": "The image manifest is missing or broken.",
    "image/config": "The image's config is missing or broken.",
    "image/ambiguous":
      "A document gives a field twice, in whatever case, and engines differ in which they take.",
  },
});

type DocumentRule = RuleIdOf<typeof DOCUMENTS>;

const layoutSchema = z.object({ imageLayoutVersion: z.string() });

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  manifests: z
    .array(
      descriptorSchema.extend({
        platform: z.object({
          os: z.string(),
          architecture: z.string(),
          variant: z.string().optional(),
        }),
        annotations: z.record(z.string(), z.string()),
      }),
    )
    .max(LIMITS.indexEntries),
});

const dockerSchema = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()), Layers: z.array(z.string()) }),
);

type IndexEntry = z.infer<typeof indexSchema>["manifests"][number];
type DockerManifest = z.infer<typeof dockerSchema>[number];

/** What an image tarball's documents say of one image, each absent when it is not there or not well formed. */
export interface ImageDocuments {
  /** Whose image it is; the tarball's own name for one that no component has. */
  readonly name: string;
  /** Absent for an image that no component has. */
  readonly component?: BundleComponent;
  /** Every name that the image goes by in its tarball, one of them the component's. */
  readonly references: readonly string[];
  /** Of index.json. */
  readonly entry?: IndexEntry;
  /** Of manifest.json. */
  readonly docker?: DockerManifest;
  readonly manifest?: ImageManifest;
  readonly config?: ImageConfig;
}

/** Where an image stands in its tarball's documents. */
type Position = Pick<ImageDocuments, "name" | "component" | "references"> & {
  readonly inIndex: number;
  readonly inDocker: number;
};

export interface TarballDocuments {
  readonly ociVersion?: string;
  readonly images: readonly ImageDocuments[];
  readonly findings: readonly Finding[];
}

/**
 * Follows index.json → manifest → config for each component of a tarball, in the order in which they are
 * laid out; what cannot be read becomes a finding. With no components, for each image that index.json names.
 * @param name of the tarball
 */
export async function readImageDocuments(
  tar: TarFacts,
  components: readonly BundleComponent[],
  name: string,
): Promise<TarballDocuments> {
  const findings: Finding[] = [];
  const read = async <T>(
    path: string,
    limit: number,
    parse: (bytes: Buffer) => T,
    { rule, component }: { readonly rule: DocumentRule; readonly component: string | undefined },
  ): Promise<T | undefined> => {
    try {
      if (!tar.files.has(path)) throw new Error("Is not in the image tarball.");
      const bytes = await tar.read(path, limit);
      if (bytes === undefined) throw new Error(`Is larger than ${limit} bytes, or cut.`);
      return parse(bytes);
    } catch (error) {
      const about = component === undefined ? {} : { component };
      const ambiguous = error instanceof BundlerError && "ambiguous" in error.details;
      findings.push(
        DOCUMENTS.finding(ambiguous ? "image/ambiguous" : rule, {
          ...about,
          subject: path,
          message: messageOf(error),
        }),
      );
      return undefined;
    }
  };
  const whole = soleOf(components) ?? (components.length === 0 ? name : undefined);
  const json = <T>(
    path: string,
    schema: z.ZodType<T>,
    rule: DocumentRule,
  ): Promise<T | undefined> =>
    read(path, LIMITS.manifest, (bytes) => parseJson(path, bytes, schema), {
      rule,
      component: whole,
    });

  const layout = await json("oci-layout", layoutSchema, "image/oci-layout");
  const index = await json("index.json", indexSchema, "image/index");
  const docker = await json("manifest.json", dockerSchema, "image/docker-manifest");
  const positions =
    components.length === 0
      ? (index?.manifests ?? []).map((_, at) => ({
          ...{ name, references: [], inIndex: at, inDocker: at },
        }))
      : positionsOf(components);
  if (components.length > 0) {
    const count = (path: string, rule: DocumentRule, expected: number, found?: number): void => {
      if (found === undefined || found === expected) return;
      const message = `Names ${found} images instead of ${expected === 1 ? "one" : expected}.`;
      const about = whole === undefined ? {} : { component: whole };
      findings.push(DOCUMENTS.finding(rule, { ...about, subject: path, message }));
    };
    const last = (of: "inIndex" | "inDocker"): number =>
      Math.max(...positions.map((position) => position[of])) + 1;
    count("index.json", "image/index", last("inIndex"), index?.manifests.length);
    count("manifest.json", "image/docker-manifest", last("inDocker"), docker?.length);
  }
  const images: ImageDocuments[] = [];
  for (const { inIndex, inDocker, ...position } of positions) {
    const entry = index?.manifests[inIndex];
    const known = docker?.[inDocker];
    const component = position.name;
    const manifest =
      entry === undefined
        ? undefined
        : await read(
            blobPath(entry.digest),
            LIMITS.manifest,
            (bytes) => {
              const found = parseManifest("The manifest", bytes, entry.mediaType);
              if (found.kind === "image") return found;
              throw new Error("It is an index, which not every engine follows inside a tarball.");
            },
            { rule: "image/manifest", component },
          );
    const config =
      manifest === undefined
        ? undefined
        : await read(
            blobPath(manifest.config.digest),
            LIMITS.config,
            (bytes) => parseConfig("The config", bytes),
            { rule: "image/config", component },
          );
    images.push({
      ...position,
      ...(entry === undefined ? {} : { entry }),
      ...(known === undefined ? {} : { docker: known }),
      ...(manifest === undefined ? {} : { manifest }),
      ...(config === undefined ? {} : { config }),
    });
  }
  return {
    ...(layout === undefined ? {} : { ociVersion: layout.imageLayoutVersion }),
    images,
    findings,
  };
}

/** The one component of a tarball; undefined where several share it. */
export function soleOf(components: readonly BundleComponent[]): string | undefined {
  return components.length === 1 ? components[0]?.name : undefined;
}

/** As imageDocuments lays them out: an image once in manifest.json, and in index.json once a name. */
function positionsOf(components: readonly BundleComponent[]): readonly Position[] {
  const named = namedImages(components.map(({ image }) => image));
  return components.map((component): Position => {
    const { name, image } = component;
    const inDocker = named.findIndex((one) => one.image.manifest.digest === image.manifest.digest);
    const before = named.slice(0, inDocker).reduce((sum, one) => sum + one.references.length, 0);
    const references = named[inDocker]?.references ?? [];
    const inIndex = before + references.indexOf(image.reference);
    return { name, component, references, inIndex, inDocker };
  });
}
