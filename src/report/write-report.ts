import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { openArchive } from "../bundle/reader.js";
import { expectWritable, writeTextFile } from "../bundle/text-file.js";
import { formatBytes } from "../core/bytes.js";
import { BundlerError, systemCode } from "../core/errors.js";
import type { VerifyReport } from "../verify/report.js";
import { type CollectOptions, collectReport } from "./collect.js";
import { readPageAssets, renderPage } from "./page.js";

/** What every page begins with. */
const PAGE_HEAD = "<!doctype html>";

export interface WrittenReport {
  /** As given. */
  readonly archive: string;
  readonly report: string;
  /** Of the page. */
  readonly bytes: number;
  readonly ok: boolean;
  readonly counts: VerifyReport["counts"];
  readonly components: number;
  readonly packages: number;
  /** Differences from the older archive; absent without one. */
  readonly changes?: number;
}

export interface WriteReportOptions extends CollectOptions {
  /** Where the page goes; an earlier report there is replaced. */
  readonly output: string;
  /** The folder with page.css and page.js. */
  readonly templatesDir: string;
}

/**
 * Verifies an archive, looks into it, and writes one HTML page about it. Gets the phase `report` too,
 * its subject being the page's file name.
 * @throws BundlerError FILE when something that is no report lies where the page goes, or the page
 *   cannot be written; DISK; what collectReport throws.
 */
export async function writeReport(
  archive: string,
  { output, templatesDir, ...options }: WriteReportOptions,
): Promise<WrittenReport> {
  await refuseOthers(output);
  await expectWritable(output);
  if (options.against !== undefined) await (await openArchive(options.against)).handle.close();
  const assets = await readPageAssets(templatesDir);
  const subject = basename(output);
  const data = await collectReport(archive, options, () =>
    options.onEvent({ type: "phase-start", phase: "report", subject }),
  );
  const page = renderPage(data, assets);
  const bytes = Buffer.byteLength(page);
  await writeTextFile(output, page);
  options.onEvent({ type: "phase-end", phase: "report", subject, summary: formatBytes(bytes) });
  const { ok, counts } = data.verify;
  return {
    archive,
    report: output,
    bytes,
    ok,
    counts,
    components: data.components.length,
    packages: data.packages.reduce((sum, one) => sum + one.packages.length, 0),
    ...(data.changes === undefined
      ? {}
      : { changes: data.changes.groups.reduce((sum, { rows }) => sum + rows.length, 0) }),
  };
}

/** A page may take the place of an older one, and of nothing else: least of all of the archive. */
async function refuseOthers(output: string): Promise<void> {
  // Opening a pipe that nobody writes to would wait for ever, so what it is is asked first.
  const facts = await stat(output).catch(() => undefined);
  if (facts !== undefined && !facts.isFile()) throw notOurs(output);
  const handle = await open(output, "r").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw notOurs(output);
  });
  if (handle === undefined) return;
  try {
    const head = Buffer.alloc(PAGE_HEAD.length);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (head.toString("latin1", 0, bytesRead) !== PAGE_HEAD) throw notOurs(output);
  } finally {
    await handle.close();
  }
}

function notOurs(output: string): BundlerError {
  return new BundlerError("FILE", `${output} is there already, and is no report.`, {
    hint: "Give another place with -o.",
    details: { file: output },
  });
}
