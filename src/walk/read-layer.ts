import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { type DiffId, digestFromHex } from "../core/digest.js";
import { BundlerError, interrupted, isAbort } from "../core/errors.js";
import { readElfHeader } from "../image/elf.js";
import { unpackLayer } from "../image/layer.js";
import { strangerOf } from "../image/program.js";
import type { ContentSink } from "../tar/sparse-sink.js";
import { type StreamedEntry, TarStreamReader } from "../tar/stream.js";
import { CapturedFiles } from "./captured.js";
import { ELF_ARENA_BYTES, ElfReader } from "./elf-reader.js";
import { readScript } from "./script.js";
import type { Capture, Program, WalkedFile } from "./types.js";

/** A layer to read, as data: it is sent to worker threads. */
export interface LayerJob {
  /** What messages call it. */
  readonly name: string;
  /** Its bytes, in a file that is open. */
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  readonly capture?: Capture;
  readonly hashFiles: boolean;
}

/** What was read of a layer; plain data, too. Sizes in bytes. */
export interface LayerFacts {
  /** Absent with `trouble`. */
  readonly diffId?: DiffId;
  readonly unpacked: number;
  readonly files: readonly WalkedFile[];
  readonly captured: ReadonlyMap<string, Buffer>;
  readonly truncated: readonly string[];
  /** What engines may read in another way, each as a sentence. */
  readonly doubts: readonly string[];
  /** Why it was not read to its end, as a sentence. */
  readonly trouble?: string;
}

/** As many of a file's first bytes as tell what it is: program headers, a first line, PE's tables. */
const HEAD_BYTES = 4096;

/** Read from the archive at a time, in bytes. */
const CHUNK = 1024 * 1024;

/** Image builders stop far below: a layer of all of Debian's packages for one machine would fit. */
const MAX_ENTRIES = 1_000_000;

/** Characters of all paths and links of a layer. */
const MAX_TEXT = 128 * 1024 * 1024;

/** More of them say no more: one is too many. */
const MAX_DOUBTS = 5;

/** Of one layer's programs, in bytes; each of them is bounded, too. */
const MAX_GO_TOTAL = 64 * 1024 * 1024;

/**
 * Reads a layer once: every entry, the programs' own words, contents that are asked for, and the
 * sum of what it unpacks to. A damaged layer gives what came before the damage.
 * @throws BundlerError INTERRUPTED; Error of the system when the archive cannot be read.
 */
export async function readLayer(
  job: LayerJob,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (delta: number) => void },
): Promise<LayerFacts> {
  const { name } = job;
  const hash = createHash("sha256");
  const entries = new LayerEntries(job);
  const doubts: string[] = [];
  const reader = new TarStreamReader({
    name,
    onDoubt: (message) => {
      if (doubts.length < MAX_DOUBTS) doubts.push(message);
    },
    headBytes: HEAD_BYTES,
    onEntry: (entry, head) => entries.add(entry, head),
    follow: (entry, head) => entries.follow(entry, head),
  });
  let unpacked = 0;
  const take = (chunk: Uint8Array): void => {
    if (signal.aborted) throw interrupted();
    hash.update(chunk);
    reader.write(chunk);
    unpacked += chunk.length;
  };
  let trouble: string | undefined;
  try {
    await unpackLayer(chunksOf(job, onBytes), take, { signal, name });
    reader.end();
  } catch (error) {
    if (isAbort(error) || !(error instanceof BundlerError) || error.code !== "INTEGRITY") {
      throw error;
    }
    trouble = error.message;
  }
  const { captured } = entries;
  return {
    ...(trouble === undefined
      ? { diffId: digestFromHex(hash.digest("hex")) as string as DiffId }
      : { trouble }),
    unpacked,
    files: entries.files,
    captured: captured?.files ?? new Map(),
    truncated: captured?.truncated ?? [],
    doubts,
  };
}

function* chunksOf(
  { fd, offset, length, name }: LayerJob,
  onBytes: (delta: number) => void,
): Generator<Buffer, void, void> {
  for (let done = 0; done < length;) {
    // Each in a buffer of its own: the one before is still being unpacked.
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, length - done));
    const read = readSync(fd, buffer, 0, buffer.length, offset + done);
    if (read === 0) {
      throw new BundlerError("INTEGRITY", `${name} ends after ${done} of ${length} bytes.`);
    }
    done += read;
    onBytes(read);
    yield buffer.subarray(0, read);
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Collects the entries of a layer. */
class LayerEntries {
  readonly files: Mutable<WalkedFile>[] = [];
  readonly captured: CapturedFiles | undefined;
  readonly #job: LayerJob;
  readonly #arena = Buffer.allocUnsafeSlow(ELF_ARENA_BYTES);
  #text = 0;
  #goRoom = MAX_GO_TOTAL;

  constructor(job: LayerJob) {
    this.#job = job;
    this.captured = job.capture === undefined ? undefined : new CapturedFiles(job.capture);
  }

  add(entry: StreamedEntry, head: Buffer): void {
    this.#text += entry.path.length + entry.linkpath.length;
    if (this.files.length >= MAX_ENTRIES || this.#text > MAX_TEXT) {
      throw new BundlerError(
        "INTEGRITY",
        `${this.#job.name} has more entries, or longer paths, than any image has.`,
      );
    }
    const { path, type, size, mode, linkpath } = entry;
    const program = type === "file" ? programOf(head) : undefined;
    this.files.push({
      path,
      type,
      size,
      mode,
      linkpath,
      ...(program === undefined ? {} : { program }),
    });
  }

  /** Called right after {@link add}, for a regular file. */
  follow(entry: StreamedEntry, head: Buffer): ContentSink | undefined {
    const { path, size } = entry;
    const file = this.files.at(-1);
    if (file === undefined) return undefined;
    const sinks: ContentSink[] = [];
    const content = this.captured?.begin(path, size);
    if (content !== undefined) sinks.push(copyInto(content, head));
    if (this.#job.hashFiles) sinks.push(hashOf(head, (sha256) => (file.sha256 = sha256)));
    if (file.program?.format === "elf") {
      const { header } = file.program;
      const options = { size, arena: this.#arena };
      sinks.push(
        new ElfReader(header, head, options, ({ go, ...program }) => {
          this.#goRoom -= go?.length ?? 0;
          file.program = { ...program, ...(go === undefined || this.#goRoom < 0 ? {} : { go }) };
        }),
      );
    }
    const [first, ...others] = sinks;
    if (first === undefined || others.length === 0) return first;
    return {
      write: (chunk) => sinks.forEach((sink) => sink.write(chunk)),
      end: () => sinks.forEach((sink) => sink.end()),
    };
  }
}

/** What a file's first bytes say; of an ELF file its header alone. */
function programOf(head: Buffer): Program | undefined {
  const header = readElfHeader(head);
  if (header !== undefined) return { format: "elf", header };
  return readScript(head) ?? strangerOf(head);
}

function copyInto(content: Buffer, head: Buffer): ContentSink {
  let at = head.copy(content);
  return {
    write: (chunk) => {
      at += chunk.copy(content, at);
    },
    end: () => undefined,
  };
}

function hashOf(head: Buffer, onEnd: (sha256: string) => void): ContentSink {
  const hash = createHash("sha256").update(head);
  return {
    write: (chunk) => hash.update(chunk),
    end: () => onEnd(hash.digest("hex")),
  };
}
