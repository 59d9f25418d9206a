import { basename } from "node:path";
import { openBundle } from "../bundle/reader.js";
import { blobsOf } from "../bundle/image-layout.js";
import type { BundleManifest } from "../bundle/types.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { parsePlatform } from "../core/platform.js";
import { diffBundles } from "../diff/diff.js";
import { findPackages } from "../sbom/find-packages.js";
import type { VerifyConfig } from "../verify/config.js";
import type { VerifyReport } from "../verify/report.js";
import { RULES } from "../verify/rules.js";
import { hasSboms } from "../verify/rules/sbom.js";
import { type OwnParts, verifyBundle } from "../verify/verify.js";
import { layerHistory } from "../walk/history.js";
import type { WalkedBundle, WalkedImage } from "../walk/types.js";
import { describeChanges } from "./describe-changes.js";
import { evidenceOf } from "./evidence.js";
import type { ReportComponent, ReportData, ReportLayer } from "./types.js";

export interface CollectOptions {
  readonly signal: AbortSignal;
  /** Gets the phases `verify` and `walk`. */
  readonly onEvent: EventSink;
  /** Of this program, as verify takes it. */
  readonly own?: OwnParts;
  /** What the findings count for. */
  readonly config?: VerifyConfig;
  /** An older archive to compare with. */
  readonly against?: string;
}

/**
 * Gathers what the page tells. An archive that is too damaged to be looked into still gives a
 * report: of the damage.
 * @param onVerified called when the findings are there, and the rest is still to be gathered
 * @throws BundlerError FILE when an archive cannot be read at all; what diffBundles throws for the
 *   older archive; INTERRUPTED.
 */
export async function collectReport(
  path: string,
  options: CollectOptions,
  onVerified: () => void = () => undefined,
): Promise<ReportData> {
  const { signal, onEvent, config, against } = options;
  let walked: WalkedBundle | undefined;
  const verify = await verifyBundle(path, {
    signal,
    onEvent,
    deep: true,
    ...(options.own === undefined ? {} : { own: options.own }),
    onWalked: (bundle) => {
      walked = bundle;
    },
    ...(config === undefined ? {} : { config }),
  });
  onVerified();
  const said = await readSaid(path);
  const manifest = "manifest" in said ? said.manifest : undefined;
  // Without a word of its own the archive cannot be compared.
  const diff =
    against === undefined || manifest === undefined
      ? undefined
      : await diffBundles(against, path, {
          signal,
          onEvent,
          packages: walked !== undefined,
          ...(walked === undefined ? {} : { walkedNext: walked }),
        });
  return {
    archive: archiveOf(verify, manifest),
    verify,
    rules: RULES,
    hasSboms: "manifest" in said && said.hasSboms,
    ...("manifest" in said
      ? contentOf(said.manifest, walked?.images)
      : { components: [], leftOut: [], layers: [], packages: [], troubles: [said.trouble] }),
    ...(diff === undefined ? {} : { changes: describeChanges(diff) }),
  };
}

interface Said {
  readonly manifest: BundleManifest;
  readonly hasSboms: boolean;
}

/** What bundle.json says, or why it does not. */
async function readSaid(path: string): Promise<Said | { readonly trouble: string }> {
  try {
    const bundle = await openBundle(path);
    await bundle.close();
    return { manifest: bundle.manifest, hasSboms: hasSboms(bundle) };
  } catch (error) {
    const isDamaged = error instanceof BundlerError && error.code === "INTEGRITY";
    if (!isDamaged) throw error;
    return { trouble: error.message };
  }
}

function archiveOf(
  { archive, checked }: VerifyReport,
  manifest: BundleManifest | undefined,
): ReportData["archive"] {
  const facts = { file: basename(archive), size: checked.bytes };
  if (manifest === undefined) return facts;
  const { name, version, title, platform, date, tool, definition, sizes } = manifest;
  return {
    ...facts,
    bundle: {
      name,
      version,
      title: title.en,
      platform,
      date,
      tool,
      definition,
      ...(sizes.unpacked === undefined ? {} : { unpacked: sizes.unpacked }),
    },
  };
}

type Content = Pick<ReportData, "components" | "leftOut" | "layers" | "packages" | "troubles">;

/** What bundle.json and, where they were walked, the images say. */
function contentOf(manifest: BundleManifest, images: readonly WalkedImage[] | undefined): Content {
  const walked = new Map(images?.map((image) => [image.component, image]));
  const target = parsePlatform(manifest.platform);
  const layers = layersOf(manifest, walked);
  const places = new Map(layers.map(({ digest }, at) => [digest, at]));
  const components = manifest.components.map((one): ReportComponent => {
    const image = walked.get(one.name);
    return {
      name: one.name,
      title: one.title.en,
      required: one.required,
      method: one.method,
      reason: one.reason,
      reference: one.image.reference,
      manifest: one.image.manifest.digest,
      tarball: one.tarball.path,
      size: blobsOf(one.image).reduce((sum, { size }) => sum + size, 0),
      layers: one.image.layers.flatMap(({ digest }) => places.get(digest) ?? []),
      ...(image === undefined ? {} : { evidence: evidenceOf(image, target) }),
    };
  });
  return {
    components,
    leftOut: manifest.leftOut,
    layers,
    packages: images?.map(findPackages) ?? [],
    troubles: images === undefined ? ["The layers cannot be looked into."] : troublesOf(images),
  };
}

/** A layer that several images have is told of once. */
function troublesOf(images: readonly WalkedImage[]): readonly string[] {
  const told = images.flatMap(({ layers }) =>
    layers.flatMap(({ trouble }) => trouble?.message ?? []),
  );
  return [...new Set(told)];
}

function layersOf(
  { components }: BundleManifest,
  walked: ReadonlyMap<string, WalkedImage>,
): readonly ReportLayer[] {
  const layers = new Map<Digest, ReportLayer & { readonly components: string[] }>();
  for (const { name, image } of components) {
    const found = walked.get(name);
    const lines = found === undefined ? [] : layerHistory(found);
    const unpacked = new Map(
      found?.layers.map((layer) => [layer.digest, layer.trouble ? undefined : layer.unpacked]),
    );
    image.layers.forEach(({ digest, size }, at) => {
      const known = layers.get(digest);
      if (known !== undefined) {
        if (!known.components.includes(name)) known.components.push(name);
        return;
      }
      const bytes = unpacked.get(digest);
      const history = lines[at];
      layers.set(digest, {
        digest,
        size,
        ...(bytes === undefined ? {} : { unpacked: bytes }),
        components: [name],
        ...(history === undefined || history === "" ? {} : { history }),
      });
    });
  }
  return [...layers.values()];
}
