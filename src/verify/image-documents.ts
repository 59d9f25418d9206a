import { z } from "zod";
import { blobPath } from "../bundle/image-layout.js";
import { messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type ImageConfig, parseConfig } from "../image/config.js";
import { type Descriptor, descriptorSchema } from "../image/descriptor.js";
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
  },
});

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

type LayoutIndex = z.infer<typeof indexSchema>;
type DockerManifest = z.infer<typeof dockerSchema>[number];

/** An image tarball's documents, each absent when it is not there or not well formed. */
export interface ImageDocuments {
  readonly ociVersion?: string;
  readonly index?: LayoutIndex;
  readonly docker?: DockerManifest;
  /** What index.json points at. */
  readonly manifestDescriptor?: Descriptor;
  readonly manifest?: ImageManifest;
  readonly config?: ImageConfig;
}

/** Follows index.json → manifest → config; what cannot be read becomes a finding. */
export async function readImageDocuments(
  tar: TarFacts,
  component: string,
): Promise<{ readonly documents: ImageDocuments; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const report = (rule: RuleIdOf<typeof DOCUMENTS>, subject: string, message: string): void => {
    findings.push(DOCUMENTS.finding(rule, { component, subject, message }));
  };
  const read = async <T>(
    rule: RuleIdOf<typeof DOCUMENTS>,
    path: string,
    limit: number,
    parse: (bytes: Buffer) => T,
  ): Promise<T | undefined> => {
    try {
      if (!tar.files.has(path)) throw new Error("Is not in the image tarball.");
      const bytes = await tar.read(path, limit);
      if (bytes === undefined) throw new Error(`Is larger than ${limit} bytes, or cut.`);
      return parse(bytes);
    } catch (error) {
      report(rule, path, messageOf(error));
      return undefined;
    }
  };
  const json = <T>(
    path: string,
    schema: z.ZodType<T>,
    rule: RuleIdOf<typeof DOCUMENTS>,
  ): Promise<T | undefined> =>
    read(rule, path, LIMITS.manifest, (bytes) => parseJson(path, bytes, schema));

  const layout = await json("oci-layout", layoutSchema, "image/oci-layout");
  const index = await json("index.json", indexSchema, "image/index");
  const dockerList = await json("manifest.json", dockerSchema, "image/docker-manifest");
  if (index !== undefined && index.manifests.length !== 1) {
    report("image/index", "index.json", `Names ${index.manifests.length} images instead of one.`);
  }
  if (dockerList !== undefined && dockerList.length !== 1) {
    report("image/docker-manifest", "manifest.json", `Names ${dockerList.length} images, not one.`);
  }
  const [manifestDescriptor] = index?.manifests ?? [];
  const manifest =
    manifestDescriptor === undefined
      ? undefined
      : await read(
          "image/manifest",
          blobPath(manifestDescriptor.digest),
          LIMITS.manifest,
          (bytes) => {
            const found = parseManifest("The manifest", bytes, manifestDescriptor.mediaType);
            if (found.kind === "image") return found;
            throw new Error("It is an index, which not every engine follows inside a tarball.");
          },
        );
  const config =
    manifest === undefined
      ? undefined
      : await read("image/config", blobPath(manifest.config.digest), LIMITS.config, (bytes) =>
          parseConfig("The config", bytes),
        );
  const [docker] = dockerList ?? [];
  return {
    documents: {
      ...(layout === undefined ? {} : { ociVersion: layout.imageLayoutVersion }),
      ...(index === undefined ? {} : { index }),
      ...(docker === undefined ? {} : { docker }),
      ...(manifestDescriptor === undefined ? {} : { manifestDescriptor }),
      ...(manifest === undefined ? {} : { manifest }),
      ...(config === undefined ? {} : { config }),
    },
    findings,
  };
}
