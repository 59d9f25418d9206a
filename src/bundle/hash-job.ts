import { createHash } from "node:crypto";
import fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { interrupted } from "../core/errors.js";
import type { Work } from "../core/serve-jobs.js";

/** Bytes to be hashed, one run after the other. Sizes and offsets are in bytes. */
export type HashSource =
  | { readonly bytes: Uint8Array }
  /** A file of exactly this length. */
  | { readonly path: string; readonly length: number }
  /** A part of a file that is open. */
  | { readonly fd: number; readonly offset: number; readonly length: number };

/** What is hashed and, with targets, copied to places in open files on the way. */
export interface HashJob {
  readonly sources: readonly HashSource[];
  readonly targets?: readonly { readonly fd: number; readonly offset: number }[];
}

/** Why a job could not be done; plain data, as it crosses threads. */
export interface HashFailure {
  /** `size`: a source has another length than was said. */
  readonly stage: "open" | "read" | "size" | "write";
  /** Which source. */
  readonly source: number;
  /** The system's error code (`ENOSPC`, `ENOENT`). */
  readonly code?: string;
  readonly message: string;
}

export type HashOutcome = { readonly sha256: string } | { readonly failure: HashFailure };

/** After this many bytes others on the same thread have their turn. */
const BREATH = 4 * 1024 * 1024;

/** Does a job. @throws BundlerError INTERRUPTED */
export const hash: Work<HashJob, HashOutcome> = async (job, { signal, onBytes }) => {
  const steps = hashJob(job);
  let sinceBreath = 0;
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    onBytes(step.value);
    sinceBreath += step.value;
    if (sinceBreath < BREATH) continue;
    sinceBreath = 0;
    await setImmediate();
    if (!signal.aborted) continue;
    steps.return({ failure: { stage: "read", source: 0, message: "stopped" } });
    throw interrupted();
  }
};

/**
 * Does a job, yielding the count of bytes done since the last time after each step. The calls are
 * synchronous: in a thread of its own that is the fastest way, and 256 KiB, which stay in the
 * processor's cache between reading, hashing and writing, measured best.
 */
function* hashJob(job: HashJob): Generator<number, HashOutcome, void> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let position = 0;
  let source = 0;
  let stage: HashFailure["stage"] = "open";
  let opened: number | undefined;
  try {
    for (; source < job.sources.length; source += 1) {
      const from = job.sources[source];
      if (from === undefined) break;
      stage = "open";
      let fd = -1;
      if ("path" in from) {
        fd = opened = fs.openSync(from.path, "r");
        const found = fs.fstatSync(fd).size;
        if (found !== from.length) {
          const message = `has ${found} bytes instead of ${from.length}`;
          return { failure: { stage: "size", source, message } };
        }
      } else if ("fd" in from) fd = from.fd;
      const start = "offset" in from ? from.offset : 0;
      const length = "bytes" in from ? from.bytes.length : from.length;
      for (let done = 0; done < length;) {
        let chunk: Uint8Array;
        if ("bytes" in from) chunk = from.bytes;
        else {
          stage = "read";
          const want = Math.min(buffer.length, length - done);
          const read = fs.readSync(fd, buffer, 0, want, start + done);
          if (read === 0) {
            const message = `ends after ${done} of ${length} bytes`;
            return { failure: { stage: "size", source, message } };
          }
          chunk = buffer.subarray(0, read);
        }
        hash.update(chunk);
        stage = "write";
        for (const target of job.targets ?? []) {
          for (let written = 0; written < chunk.length;) {
            written += fs.writeSync(
              target.fd,
              chunk,
              written,
              chunk.length - written,
              target.offset + position + written,
            );
          }
        }
        position += chunk.length;
        done += chunk.length;
        yield chunk.length;
      }
      if (opened !== undefined) {
        fs.closeSync(opened);
        opened = undefined;
      }
    }
    return { sha256: hash.digest("hex") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    const message = error instanceof Error ? error.message : String(error);
    return { failure: { stage, source, message, ...(code === undefined ? {} : { code }) } };
  } finally {
    if (opened !== undefined) fs.closeSync(opened);
  }
}
