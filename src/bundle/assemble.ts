import path from "node:path";
import { sealCompose } from "../compose/seal.js";
import type { Definition } from "../definition/types.js";
import type { PlatformLock } from "../plan/types.js";
import { describeBundle } from "./describe.js";
import { type BundleFile, type BundleLayout, layoutBundle } from "./layout.js";
import { COMPOSE_FILE } from "./paths.js";
import { IMAGES_TABLE, imagesTable, projectName, siteIndexFiles } from "./site-index.js";
import { siteScripts, templateText } from "./site-scripts.js";
import { siteReadme } from "./site-readme.js";
import type { BundleManifest, PackedExtra } from "./types.js";

export interface AssembleInput {
  readonly definition: Definition;
  readonly lock: PlatformLock;
  /** RFC 3339 UTC, the lock's. */
  readonly date: string;
  readonly tool: BundleManifest["tool"];
  /** The engine that goes into the archive; none when absent. */
  readonly extras?: readonly PackedExtra[];
  /** The package's `templates/site`. */
  readonly templatesDir: string;
  /** What is in its images, as documents for `sbom/`; none when absent. */
  readonly sboms?: readonly { readonly path: string; readonly text: string }[];
}

/**
 * Puts together everything of an archive but the images: the sealed compose file, what the site's
 * scripts read, the scripts, the customer's READMEs, the definition's files; and lays it out.
 * @throws BundlerError DEFINITION when the compose file cannot be sealed, FILE when a file cannot be
 *   read, NO_WAY and LOCK as {@link layoutBundle}.
 */
export async function assembleBundle(input: AssembleInput): Promise<BundleLayout> {
  const { definition } = input;
  const described = describeBundle(input);
  const { manifest } = described;
  const text = (file: string, content: string): BundleFile => ({
    path: file,
    executable: false,
    bytes: Buffer.from(content),
  });
  const files: BundleFile[] = [
    text(COMPOSE_FILE, sealedCompose(input)),
    ...siteIndexFiles(manifest)
      .filter((file) => file.path !== IMAGES_TABLE)
      .map((file) => text(file.path, file.text)),
    {
      path: IMAGES_TABLE,
      executable: false,
      late: (unpackedOf) => Buffer.from(imagesTable(manifest, unpackedOf).text),
    },
    ...definition.files.map(({ path: inside, size, executable }): BundleFile => ({
      path: `files/${inside}`,
      executable,
      source: path.join(definition.dir, "files", inside),
      size,
    })),
    ...(input.extras ?? []).map(({ name, path: inside, size, sha256, file }): BundleFile => ({
      path: inside,
      executable: name === "compose",
      source: file,
      size,
      sha256,
    })),
    ...(input.sboms ?? []).map(({ path: inside, text: document }) => text(inside, document)),
    ...(await siteScripts(input.templatesDir)),
  ];
  for (const [language, name] of [
    ["en", "README.md"],
    ["zh", "README.zh-CN.md"],
  ] as const) {
    const template = await templateText(path.join(input.templatesDir, name));
    files.push(
      text(
        name,
        siteReadme({ language, text: template }, manifest, {
          project: projectName(definition.name),
          files: definition.files.map((file) => file.path),
        }),
      ),
    );
  }
  return layoutBundle(described, files);
}

function sealedCompose({ definition, lock }: AssembleInput): string {
  const leftOut = new Map<string, string>();
  const services = new Map<string, { image: string; patch?: Readonly<Record<string, unknown>> }>();
  for (const { name, image, alternative, reason } of lock.components) {
    if (image === undefined) {
      leftOut.set(name, reason);
      continue;
    }
    const component = definition.components.find((one) => one.name === name);
    const patch =
      alternative === undefined ? undefined : component?.alternatives[alternative]?.service;
    services.set(name, { image: image.reference, ...(patch ? { patch } : {}) });
  }
  return sealCompose({
    file: definition.compose.path,
    text: definition.compose.text,
    platform: lock.platform,
    bundle: `${definition.name}-${definition.version}`,
    services,
    leftOut,
  });
}
