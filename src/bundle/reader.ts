import { type FileHandle, open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { BundlerError, messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type TarEntry, readTarIndex } from "../tar/scan.js";
import { type TarWindow, readWindow, windowOf } from "../tar/window.js";
import { suggestion } from "../core/nearest.js";
import { notATar } from "./tar-format.js";
import { parseBundleManifest } from "./manifest.js";
import { MANIFEST_FILE, bundleRoot } from "./paths.js";
import type { BundleComponent, BundleManifest } from "./types.js";

/** A finished archive, open for reading at random. */
export interface Bundle {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly root: string;
  readonly manifest: BundleManifest;
  /** Files, in the archive's order, by their path inside the top folder. */
  readonly files: ReadonlyMap<string, TarEntry>;
  /** A file's bytes, at most `limit`; @throws BundlerError NOT_FOUND, INTEGRITY when it is larger. */
  readonly readFile: (path: string, limit?: number) => Promise<Buffer>;
  /** A file inside as a window of the archive, for streaming; @throws BundlerError NOT_FOUND. */
  readonly window: (path: string) => TarWindow;
  /**
   * A component, and what is inside its image tarball, by path, read once whoever asks;
   * @throws BundlerError NOT_FOUND, INTEGRITY.
   */
  readonly image: (component: string) => Promise<{
    readonly component: BundleComponent;
    readonly entries: ReadonlyMap<string, TarEntry>;
  }>;
  readonly close: () => Promise<void>;
}

/**
 * Opens an archive by reading its headers and bundle.json only: as fast for 10 GB as for one.
 * Proves that its structure is whole, not that its bytes are right: that is verify's work.
 * @throws BundlerError FILE when it cannot be read, INTEGRITY when it is not a whole archive of ours.
 */
export async function openBundle(path: string): Promise<Bundle> {
  const { handle, size } = await openArchive(path);
  try {
    return await readBundle(path, handle, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Opens an archive's file. The caller closes it.
 * @throws BundlerError FILE when it cannot be opened or is not a regular file.
 */
export async function openArchive(
  path: string,
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const cannot = (cause: unknown): BundlerError =>
    new BundlerError("FILE", `Cannot read ${path}: ${messageOf(cause)}`, {
      hint: "Check the archive's name and folder, and whether you may read it.",
      cause,
      details: { file: path },
    });
  // Opening a pipe that nobody writes to would wait for ever, so what it is is asked first.
  const before = await stat(path).catch((cause: unknown) => {
    throw cannot(cause);
  });
  if (!before.isFile()) {
    throw new BundlerError("FILE", `${path} is not a regular file.`, {
      hint: before.isDirectory()
        ? "It is a folder: give the archive's file."
        : "A pipe cannot be read at random: write it to a file first.",
      details: { file: path },
    });
  }
  const handle = await open(path, "r").catch((cause: unknown) => {
    throw cannot(cause);
  });
  try {
    return { handle, size: (await handle.stat()).size };
  } catch (error) {
    await handle.close();
    throw cannot(error);
  }
}

async function readBundle(path: string, handle: FileHandle, size: number): Promise<Bundle> {
  const unfit = await notATar(handle, size);
  if (unfit !== undefined) {
    throw new BundlerError("INTEGRITY", `${path} is no archive of openim-bundler. ${unfit}`, {
      hint: "Give the .tar that create made: copied whole, and not compressed.",
      details: { file: path },
    });
  }
  const archive: TarWindow = { handle, name: basename(path), offset: 0, length: size };
  const entries = await readTarIndex(archive, "own");
  const root = entries[0]?.path.split("/")[0] ?? "";
  const files = new Map<string, TarEntry>();
  for (const entry of entries) {
    if (entry.path !== root && !entry.path.startsWith(`${root}/`)) {
      throw notABundle(path, `it has ${entry.path} beside its folder ${root}`);
    }
    if (entry.type === "file") files.set(entry.path.slice(root.length + 1), entry);
  }
  const window = (file: string): TarWindow => {
    const entry = files.get(file);
    if (entry !== undefined) return windowOf(archive, entry);
    throw new BundlerError("NOT_FOUND", `${basename(path)} has no ${file}.`, {
      details: { file: path, missing: file },
    });
  };
  if (!files.has(MANIFEST_FILE)) throw notABundle(path, `it has no ${MANIFEST_FILE}`);
  const manifest = parseBundleManifest(
    `${basename(path)}: ${MANIFEST_FILE}`,
    await readWindow(window(MANIFEST_FILE), LIMITS.text),
  );
  const expected = bundleRoot(manifest.name, manifest.version, manifest.platform);
  if (root !== expected) throw notABundle(path, `its folder is ${root} instead of ${expected}`);
  if (size !== manifest.sizes.archive) {
    throw notABundle(path, `it has ${size} bytes instead of ${manifest.sizes.archive}`);
  }
  const tarballs = new Map<string, Promise<ReadonlyMap<string, TarEntry>>>();
  const tarball = (file: string): Promise<ReadonlyMap<string, TarEntry>> => {
    const known = tarballs.get(file);
    if (known !== undefined) return known;
    const reading = readTarIndex(window(file), "own").then(
      (inside) => new Map(inside.map((entry) => [entry.path, entry])),
    );
    tarballs.set(file, reading);
    return reading;
  };
  return {
    path,
    size,
    root,
    manifest,
    files,
    window,
    readFile: async (file, limit = LIMITS.text) => readWindow(window(file), limit),
    image: async (name) => {
      const component = findComponent(manifest, name);
      return { component, entries: await tarball(component.tarball.path) };
    },
    close: () => handle.close(),
  };
}

function findComponent(manifest: BundleManifest, name: string): BundleComponent {
  const component = manifest.components.find((candidate) => candidate.name === name);
  if (component !== undefined) return component;
  const leftOut = manifest.leftOut.find((candidate) => candidate.name === name);
  throw new BundlerError(
    "NOT_FOUND",
    leftOut === undefined
      ? `The bundle has no component ${JSON.stringify(name)}.`
      : `${name} was left out of the bundle: ${leftOut.reason}`,
    {
      hint: suggestion(
        name,
        manifest.components.map((candidate) => candidate.name),
      ),
      details: { component: name },
    },
  );
}

function notABundle(path: string, why: string): BundlerError {
  return new BundlerError(
    "INTEGRITY",
    `${path} is not a whole archive of openim-bundler: ${why}.`,
    {
      hint: "verify lists everything that is wrong with it.",
      details: { file: path },
    },
  );
}
