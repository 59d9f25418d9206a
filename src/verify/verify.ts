import { basename } from "node:path";
import { parseBundleManifest } from "../bundle/manifest.js";
import { MANIFEST_FILE } from "../bundle/paths.js";
import { openArchive } from "../bundle/reader.js";
import type { BundleManifest } from "../bundle/types.js";
import { messageOf } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import type { WalkedBundle } from "../walk/types.js";
import { type ArchiveFacts, type TarballFacts, readArchive } from "./archive.js";
import { NO_CONFIG, type VerifyConfig } from "./config.js";
import { checkDeep } from "./deep.js";
import { notATar } from "../bundle/tar-format.js";
import { readImageDocuments, soleOf } from "./image-documents.js";
import { countFindings, judge } from "./judge.js";
import type { Finding, VerifyReport } from "./report.js";
import { checkBlobs, checkCompression } from "./rules/blobs.js";
import { checkCompose } from "./rules/compose.js";
import { checkHost } from "./rules/host.js";
import {
  checkChain,
  checkDocuments,
  checkPinned,
  checkEngineNeeds,
  checkLayoutVersion,
  checkPlatform,
  checkReference,
} from "./rules/image.js";
import { checkExtras } from "./rules/extras.js";
import { MANIFEST, checkManifest } from "./rules/manifest.js";
import { checkScripts, checkShipped } from "./rules/scripts.js";
import { STRUCTURE, checkFolder, checkTar } from "./rules/structure.js";
import { checkSums } from "./rules/sums.js";
import { checkClaim, checkLeftOut } from "./rules/table.js";
import { checkTables } from "./rules/tables.js";

export type { Finding, VerifyReport } from "./report.js";

/** What this program puts into every archive that it makes. */
export interface OwnParts {
  readonly version: string;
  readonly templatesDir: string;
}

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** Gets the phase `verify`, its subject being the archive's file name. */
  readonly onEvent?: EventSink;
  /** Looks into every layer too, in the phase `walk`. */
  readonly deep?: boolean;
  /** Gets what a deep look walked through, with what tells of packages captured. */
  readonly onWalked?: (walked: WalkedBundle) => void;
  /**
   * This program's version and its `templates/site`: scripts are compared with those, and an archive of
   * another version is told. Every archive is taken for its own when absent, and its scripts for right.
   */
  readonly own?: OwnParts;
  /** What the findings count for; every rule as it comes when absent. */
  readonly config?: VerifyConfig;
}

/**
 * Checks an archive by itself, from its structure down to every byte, and collects all findings:
 * no finding hides another, except where a damaged structure leaves nothing to look at. A file that
 * is no tar archive gets that one finding.
 * @throws BundlerError FILE when the archive cannot be read at all; INTERRUPTED.
 */
export async function verifyBundle(
  path: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { onEvent = noEvents, config = NO_CONFIG, deep = false, onWalked } = options;
  const signal = options.signal ?? new AbortController().signal;
  const subject = basename(path);
  const { handle, size } = await openArchive(path);
  let facts: ArchiveFindings;
  try {
    onEvent({ type: "phase-start", phase: "verify", subject, totalBytes: size });
    const unfit = await notATar(handle, size);
    facts =
      unfit === undefined
        ? await checkArchive(path, await readArchive(path, handle, size, { signal, onBytes }), {
            signal,
            own: options.own,
          })
        : {
            findings: [STRUCTURE.finding("tar/format", { subject, message: unfit })],
            checked: { files: 0, blobs: 0, images: 0, bytes: size },
          };
  } finally {
    await handle.close();
  }
  const findings = judge(facts.findings, { config, manifest: facts.manifest, deep: false });
  onEvent({
    type: "phase-end",
    phase: "verify",
    subject,
    summary: summarize(findings),
    failed: !isSound(findings),
  });
  if (!deep || facts.manifest === undefined) return reportOn(path, facts, { config, deep: false });
  const inside = await checkDeep(path, {
    signal,
    onEvent,
    ...(onWalked === undefined ? {} : { onWalked }),
  });
  const all = { ...facts, findings: [...facts.findings, ...inside] };
  return reportOn(path, all, { config, deep });

  function onBytes(delta: number): void {
    onEvent({ type: "bytes", phase: "verify", delta });
  }
}

/** What the rules say of an archive, before any configuration. */
interface ArchiveFindings {
  readonly manifest?: BundleManifest;
  readonly findings: readonly Finding[];
  readonly checked: VerifyReport["checked"];
}

async function checkArchive(
  path: string,
  archive: ArchiveFacts,
  { signal, own }: { readonly signal: AbortSignal; readonly own: OwnParts | undefined },
): Promise<ArchiveFindings> {
  const unreadable: Finding[] = [];
  const manifest = await readManifest(archive, unreadable);
  const ofImages: Finding[] = [];
  for (const [file, tar] of archive.images) {
    for (const one of await checkTarball(file, tar, manifest)) ofImages.push(one);
  }
  return {
    ...(manifest === undefined ? {} : { manifest }),
    findings: [
      ...unreadable,
      ...checkTar(archive, basename(path)),
      ...checkFolder(archive, manifest),
      ...(await checkSums(archive, manifest)),
      ...(manifest === undefined
        ? []
        : [...checkManifest(archive, manifest), ...(await checkExtras(archive, manifest, signal))]),
      ...ofImages,
      ...(await checkScripts(archive)),
      ...(manifest === undefined
        ? []
        : [
            ...(await checkCompose(archive, manifest)),
            ...checkLeftOut(manifest),
            ...(await checkTables(archive, manifest, own?.version)),
            ...(own?.version === manifest.tool.version
              ? await checkShipped(archive, own.templatesDir)
              : []),
            ...checkHost(manifest),
          ]),
    ],
    checked: {
      files: archive.files.size,
      blobs: [...archive.images.values()].reduce((sum, { blobs }) => sum + blobs.length, 0),
      images: archive.images.size,
      bytes: archive.size,
    },
  };
}

function reportOn(
  archive: string,
  { manifest, findings: raw, checked }: ArchiveFindings,
  { config, deep }: { readonly config: VerifyConfig; readonly deep: boolean },
): VerifyReport {
  const findings = judge(raw, { config, manifest, deep });
  return {
    archive,
    ...(manifest === undefined ? {} : { platform: manifest.platform }),
    components: manifest?.components.map(({ name }) => name) ?? [],
    deep,
    ok: isSound(findings),
    findings,
    counts: countFindings(findings),
    off: [...config.levels].filter(([, level]) => level === "off").map(([rule]) => rule),
    checked,
  };
}

function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity !== "error");
}

function summarize(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  if (errors === 0) return "sound";
  return errors === 1 ? "1 error" : `${errors} errors`;
}

async function readManifest(
  archive: ArchiveFacts,
  findings: Finding[],
): Promise<BundleManifest | undefined> {
  // That it is missing is another rule's finding.
  if (!archive.files.has(MANIFEST_FILE)) return undefined;
  const bytes = await archive.read(MANIFEST_FILE);
  try {
    if (bytes === undefined) throw new Error("It is too large, or cut.");
    return parseBundleManifest(MANIFEST_FILE, bytes);
  } catch (error) {
    findings.push(
      MANIFEST.finding("bundle/manifest", { subject: MANIFEST_FILE, message: messageOf(error) }),
    );
    return undefined;
  }
}

async function checkTarball(
  file: string,
  tar: TarballFacts,
  manifest: BundleManifest | undefined,
): Promise<Finding[]> {
  const components = (manifest?.components ?? []).filter(({ tarball }) => tarball.path === file);
  const name = basename(file, ".tar");
  const sole = components.length === 0 ? name : soleOf(components);
  const { ociVersion, images, findings } = await readImageDocuments(tar, components, name);
  const inside = [
    ...findings,
    ...checkBlobs(tar, images),
    ...(await checkCompression(tar, images)),
    ...checkLayoutVersion(ociVersion, sole),
  ];
  for (const documents of images) {
    inside.push(...checkChain(documents));
    const { component, config } = documents;
    if (manifest === undefined || component === undefined) continue;
    inside.push(
      ...checkEngineNeeds(documents, component),
      ...checkPlatform(documents, component, manifest.platform),
      ...checkReference(documents, component),
      ...checkPinned(documents, component),
      ...checkClaim(component, manifest.platform, config?.platform),
    );
  }
  const isSoundInside = inside.every(({ severity }) => severity !== "error");
  if (isSoundInside && components.length > 0) {
    inside.push(...(await checkDocuments(tar, components)));
  }
  return [...checkTar(tar, file, sole), ...inside];
}
