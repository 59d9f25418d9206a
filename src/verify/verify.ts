import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { parseBundleManifest } from "../bundle/manifest.js";
import { MANIFEST_FILE } from "../bundle/paths.js";
import { openArchive } from "../bundle/reader.js";
import type { BundleManifest } from "../bundle/types.js";
import { messageOf } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import { type ArchiveFacts, type TarFacts, readArchive } from "./archive.js";
import { NO_CONFIG, type VerifyConfig } from "./config.js";
import { checkDeep } from "./deep.js";
import { notATar } from "./format.js";
import { readImageDocuments } from "./image-documents.js";
import { countFindings, judge } from "./judge.js";
import type { Finding, VerifyReport } from "./report.js";
import { finding } from "./rules.js";
import { checkBlobs, checkCompression } from "./rules/blobs.js";
import { checkCompose } from "./rules/compose.js";
import { checkHost } from "./rules/host.js";
import {
  checkChain,
  checkDocuments,
  checkPinned,
  checkEngineNeeds,
  checkPlatform,
  checkReference,
} from "./rules/image.js";
import { checkExtras } from "./rules/extras.js";
import { checkManifest } from "./rules/manifest.js";
import { checkScripts } from "./rules/scripts.js";
import { checkFolder, checkTar } from "./rules/structure.js";
import { checkSums } from "./rules/sums.js";
import { checkClaim, checkLeftOut } from "./rules/table.js";

export type { Finding, VerifyReport } from "./report.js";

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** Gets the phase `verify`, its subject being the archive's file name. */
  readonly onEvent?: EventSink;
  /** What the findings count for; every rule as it comes when absent. */
  readonly config?: VerifyConfig;
  /** Looks into every layer, too; gets the phase `walk` besides. */
  readonly deep?: boolean;
}

/**
 * Checks an archive by itself, from its structure down to every byte, and collects all findings:
 * no finding hides another, except where a damaged structure leaves nothing to look at. A file that
 * is no tar archive gets that one finding.
 * @throws BundlerError FILE when the archive cannot be read at all; INTERRUPTED.
 */
export async function verifyBundle(
  path: string,
  { signal, onEvent = noEvents, config = NO_CONFIG, deep = false }: VerifyOptions = {},
): Promise<VerifyReport> {
  const { handle, size } = await openArchive(path);
  const subject = basename(path);
  try {
    onEvent({ type: "phase-start", phase: "verify", subject, totalBytes: size });
    const unfit = await notATar(handle, size);
    const report =
      unfit === undefined
        ? await checkArchive(
            { path, handle, size },
            { ...(signal === undefined ? {} : { signal }), onEvent, config, deep },
          )
        : reportOn(path, {
            config,
            deep: false,
            findings: [finding("tar/format", { subject, message: unfit })],
            checked: { files: 0, blobs: 0, images: 0, bytes: size },
          });
    onEvent({
      type: "phase-end",
      phase: "verify",
      subject,
      summary: summarize(report),
      failed: !report.ok,
    });
    return report;
  } finally {
    await handle.close();
  }
}

async function checkArchive(
  { path, handle, size }: { path: string; handle: FileHandle; size: number },
  options: { signal?: AbortSignal; onEvent: EventSink; config: VerifyConfig; deep: boolean },
): Promise<VerifyReport> {
  const { onEvent, config, deep, signal = new AbortController().signal } = options;
  const archive = await readArchive(path, handle, size, {
    signal,
    onBytes: (delta) => onEvent({ type: "bytes", phase: "verify", delta }),
  });
  const findings: Finding[] = [];
  const manifest = await readManifest(archive, findings);
  findings.push(
    ...checkTar(archive, basename(path)),
    ...checkFolder(archive, manifest),
    ...(await checkSums(archive)),
    ...(manifest === undefined ? [] : checkManifest(archive, manifest)),
  );
  if (manifest !== undefined) {
    findings.push(...(await checkExtras(archive, manifest, signal)));
  }
  for (const [file, tar] of archive.images) {
    findings.push(...(await checkImage(file, tar, manifest)));
  }
  findings.push(...(await checkScripts(archive)));
  if (manifest !== undefined) {
    findings.push(
      ...(await checkCompose(archive, manifest)),
      ...checkLeftOut(manifest),
      ...checkHost(manifest),
    );
  }
  if (deep && manifest !== undefined) {
    findings.push(...(await checkDeep(path, { signal, onEvent })));
  }
  return reportOn(path, {
    config,
    deep: deep && manifest !== undefined,
    ...(manifest === undefined ? {} : { manifest }),
    findings,
    checked: {
      files: archive.hashes.size,
      blobs: [...archive.images.values()].reduce((sum, tar) => sum + countBlobs(tar), 0),
      images: archive.images.size,
      bytes: archive.size,
    },
  });
}

function reportOn(
  archive: string,
  facts: {
    readonly config: VerifyConfig;
    readonly deep: boolean;
    readonly manifest?: BundleManifest;
    readonly findings: readonly Finding[];
    readonly checked: VerifyReport["checked"];
  },
): VerifyReport {
  const { config, manifest, checked } = facts;
  const findings = judge(facts.findings, manifest, config);
  return {
    archive,
    ...(manifest === undefined ? {} : { platform: manifest.platform }),
    components: manifest?.components.map(({ name }) => name) ?? [],
    deep: facts.deep,
    ok: findings.every(({ severity }) => severity !== "error"),
    findings,
    counts: countFindings(findings),
    off: [...config.levels].filter(([, level]) => level === "off").map(([rule]) => rule),
    checked,
  };
}

function summarize({ ok, findings }: VerifyReport): string {
  if (ok) return "sound";
  const errors = findings.filter(({ severity }) => severity === "error").length;
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
    findings.push({
      rule: "bundle/manifest",
      severity: "error",
      subject: MANIFEST_FILE,
      message: messageOf(error),
    });
    return undefined;
  }
}

async function checkImage(
  file: string,
  tar: TarFacts,
  manifest: BundleManifest | undefined,
): Promise<Finding[]> {
  const component = manifest?.components.find(({ tarball }) => tarball.path === file);
  const name = component?.name ?? basename(file, ".tar");
  const { documents, findings } = await readImageDocuments(tar, name);
  const image = [
    ...findings,
    ...checkBlobs(tar, documents, name),
    ...(await checkCompression(tar, documents, name)),
    ...checkChain(documents, name),
  ];
  if (manifest !== undefined && component !== undefined) {
    image.push(
      ...checkEngineNeeds(documents, component),
      ...checkPlatform(documents, component, manifest.platform),
      ...checkReference(documents, component),
      ...checkPinned(documents, component),
      ...checkClaim(component, manifest.platform, documents.config?.platform),
    );
    const sound = image.every(({ severity }) => severity !== "error");
    if (sound) image.push(...(await checkDocuments(tar, component)));
  }
  return [...checkTar(tar, file, name), ...image];
}

function countBlobs(tar: TarFacts): number {
  return [...tar.hashes.keys()].filter((path) => path.startsWith("blobs/")).length;
}
