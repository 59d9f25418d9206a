import { BundlerError, interrupted } from "../core/errors.js";
import { parseDockerfile } from "../dockerfile/parse.js";
import { pinBases } from "../dockerfile/pin.js";
import type { BuildInputs } from "../dockerfile/types.js";
import type { LockedBuild } from "../plan/build-types.js";
import { sourceEntries } from "../source/entries.js";
import type { FetchedSource, SourceEntry } from "../source/types.js";
import { type ExtendedFields, encodeExtendedHeader } from "../tar/extended-header.js";
import { END_BYTES, paddedSize } from "../tar/header.js";
import { pinnedName } from "./bases.js";
import type { OpenContext, UsedSource } from "./context.js";
import { type OwnEntry, streamOwnFile } from "./context-folder.js";

/** Each piece of the stream is about this large, in bytes: many small ones cost more than they hold. */
const CHUNK = 256 * 1024;

/** Files of one context; sources have caps of their own, and a build may take several. */
const MAX_ENTRIES = 500_000;

export interface ContextTarInput {
  readonly opened: OpenContext;
  /** What the build takes, as its definition says it. */
  readonly used: readonly UsedSource[];
  /** By name; optional ones that are not there have none. */
  readonly fetched: ReadonlyMap<string, FetchedSource>;
  /** What decides which base images the Dockerfile uses. */
  readonly inputs: BuildInputs;
  readonly signal: AbortSignal;
}

/**
 * The build context as a tar, made while it is read: the own files by path, the source's tree at the
 * root, then each other source below `sources/<name>/`, both in the order of their archives, which
 * their checksums pin. Own files win over the tree's. Everything belongs to 0:0, has the modes 0755
 * or 0644 and the build's date; the Dockerfile's base images are pinned by digest. The same build
 * gives the same bytes.
 * @throws BundlerError LOCK when the files are not what the build was planned with; DEFINITION for
 *   names that cannot be together; INTEGRITY, FILE; INTERRUPTED.
 */
export async function* contextTar(
  build: LockedBuild,
  input: ContextTarInput,
): AsyncGenerator<Uint8Array, void, void> {
  const { opened, used, fetched, signal } = input;
  checkContext(build, opened);
  const writer = new ContextWriter(Date.parse(build.date) / 1000);
  const dockerfile = Buffer.from(pinnedDockerfile(build, input));
  // The first header must be a plain one: buildx looks at it to tell a tar from a Dockerfile.
  yield* writer.directory(".");
  for (const entry of opened.own) {
    if (signal.aborted) throw interrupted();
    if (entry.path !== opened.dockerfile.path) yield* writeOwn(writer, entry, signal);
  }
  const executable = opened.own.find(isDockerfile(opened))?.executable ?? false;
  yield* writer.file({ path: opened.dockerfile.path, executable, size: dockerfile.length }, [
    dockerfile,
  ]);
  const ours = new Set([opened.dockerfile.path, ...opened.own.map(({ path }) => path)]);
  for (const { source, place } of used) {
    const prefix = place === "root" ? "" : `sources/${source.name}/`;
    if (place === "folder") yield* writer.directory(`sources/${source.name}`);
    const tree = fetched.get(source.name);
    if (tree === undefined) continue;
    for await (const entry of sourceEntries(tree, source, { signal })) {
      if (signal.aborted) throw interrupted();
      const path = prefix + entry.path;
      if (place === "root") {
        if (opened.ignores(path) || ours.has(path)) continue;
        checkReserved(path, source.name, used);
      }
      yield* writeEntry(writer, path, entry);
    }
  }
  yield* writer.end();
}

/** @throws BundlerError LOCK when the own files are not those that the build was planned with. */
export function checkContext(build: LockedBuild, opened: OpenContext): void {
  if (opened.digest === build.context) return;
  throw new BundlerError(
    "LOCK",
    `The build context of ${build.reference} (${opened.dockerfile.shown} and what lies beside it, and the sources that it takes) has changed since the build was planned.`,
    {
      hint: "Look at what changed with `plan`, and write a new lock with `plan --lock FILE` when it is wanted.",
      details: { expected: build.context, found: opened.digest },
    },
  );
}

function pinnedDockerfile(build: LockedBuild, { opened, inputs }: ContextTarInput): string {
  const { shown, text } = opened.dockerfile;
  const parsed = parseDockerfile(shown, text);
  return pinBases(text, parsed, (image) => pinnedName(image, build), inputs);
}

function isDockerfile({ dockerfile }: OpenContext) {
  return (entry: OwnEntry): entry is Extract<OwnEntry, { readonly type: "file" }> =>
    entry.type === "file" && entry.path === dockerfile.path;
}

/** The folders of the other sources are theirs alone. */
function checkReserved(path: string, source: string, used: readonly UsedSource[]): void {
  const taken = used.find(
    (one) => one.place === "folder" && `${path}/`.startsWith(`sources/${one.source.name}/`),
  );
  if (taken === undefined) return;
  throw new BundlerError(
    "DEFINITION",
    `The source ${source} has ${JSON.stringify(path)}, where the source ${taken.source.name} goes.`,
    { hint: "Give one of the sources another name.", details: { source, path } },
  );
}

async function* writeOwn(
  writer: ContextWriter,
  entry: OwnEntry,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  switch (entry.type) {
    case "file":
      return yield* writer.file(entry, streamOwnFile(entry, signal));
    case "symlink":
      return yield* writer.link(entry.path, entry.linkpath);
    case "directory":
      return yield* writer.directory(entry.path);
  }
}

async function* writeEntry(
  writer: ContextWriter,
  path: string,
  entry: SourceEntry,
): AsyncGenerator<Uint8Array, void, void> {
  const { executable, size, linkpath = "" } = entry;
  switch (entry.type) {
    case "file":
      return yield* writer.file({ path, executable, size }, entry.content());
    case "symlink":
      return yield* writer.link(path, linkpath);
    case "directory":
      return yield* writer.directory(path);
  }
}

/** Writes entries one after the other; knows what is there, and makes the folders that lead to it. */
class ContextWriter {
  readonly #mtime: number;
  readonly #paths = new Map<string, "file" | "directory" | "symlink">();
  #pending: Uint8Array[] = [];
  #bytes = 0;

  constructor(mtime: number) {
    this.#mtime = mtime;
  }

  *directory(path: string): Generator<Uint8Array, void, void> {
    if (this.#paths.get(path) === "directory") return;
    yield* this.#header({ path, type: "directory", executable: true, size: 0 });
  }

  *link(path: string, linkpath: string): Generator<Uint8Array, void, void> {
    yield* this.#header({ path, type: "symlink", executable: true, size: 0, linkpath });
  }

  async *file(
    entry: { readonly path: string; readonly executable: boolean; readonly size: number },
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { path, executable, size } = entry;
    yield* this.#header({ path, type: "file", executable, size });
    let found = 0;
    for await (const chunk of content) {
      found += chunk.length;
      if (found > size) break;
      yield* this.#add(chunk);
    }
    if (found !== size) {
      throw new BundlerError(
        "INTEGRITY",
        `${JSON.stringify(path)} of the build context gives ${found > size ? "more" : "fewer"} bytes than its ${size}.`,
        { details: { path, expected: size, found } },
      );
    }
    yield* this.#add(Buffer.alloc(paddedSize(size) - size));
  }

  *end(): Generator<Uint8Array, void, void> {
    yield* this.#add(Buffer.alloc(END_BYTES));
    yield* this.#flush();
  }

  *#header(fields: Omit<ExtendedFields, "mtime">): Generator<Uint8Array, void, void> {
    const { path, type } = fields;
    const there = this.#paths.get(path);
    if (there !== undefined) throw collision(path, there, type);
    if (this.#paths.size >= MAX_ENTRIES) {
      throw new BundlerError(
        "DEFINITION",
        `The build context has more than ${MAX_ENTRIES} entries.`,
      );
    }
    const slash = path.lastIndexOf("/");
    if (slash > 0) yield* this.#parent(path.slice(0, slash), type);
    this.#paths.set(path, type);
    yield* this.#add(encodeExtendedHeader({ ...fields, mtime: this.#mtime }));
  }

  *#parent(path: string, below: string): Generator<Uint8Array, void, void> {
    const there = this.#paths.get(path);
    // Through a link, an entry would end up somewhere else than its name says.
    if (there !== undefined && there !== "directory") throw collision(path, there, below);
    yield* this.directory(path);
  }

  *#add(bytes: Uint8Array): Generator<Uint8Array, void, void> {
    if (bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= CHUNK) yield* this.#flush();
  }

  *#flush(): Generator<Uint8Array, void, void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#bytes = 0;
    const [only] = pending;
    if (pending.length === 1 && only !== undefined) yield only;
    else if (pending.length > 1) yield Buffer.concat(pending);
  }
}

function collision(path: string, there: string, type: string): BundlerError {
  return new BundlerError(
    "DEFINITION",
    `The build context has ${JSON.stringify(path)} twice: as a ${there}, and again ${there === type ? "as that" : `as or below it a ${type}`}.`,
    {
      hint: "What a build takes must not overlap: name the file or the source otherwise.",
      details: { path },
    },
  );
}
