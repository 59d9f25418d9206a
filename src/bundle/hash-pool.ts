import { BundlerError } from "../core/errors.js";
import { ThreadPool } from "../core/thread-pool.js";
import { type HashJob, type HashOutcome, hash } from "./hash-job.js";

/** Below this many bytes a job is done sooner than a thread is asked. */
const INLINE_BYTES = 1024 * 1024;

/** Hashes and copies: the sha256 of all sources of a job, or why it could not be had. */
export class HashPool extends ThreadPool<HashJob, HashOutcome> {
  constructor(signal?: AbortSignal) {
    super(
      {
        program: "hash",
        work: hash,
        isSmall: (job) => bytesOf(job) <= INLINE_BYTES,
        failed: (_, why) => new BundlerError("INTERNAL", `Bytes cannot be hashed: ${why}`),
      },
      signal,
    );
  }
}

function bytesOf(job: HashJob): number {
  return job.sources.reduce(
    (sum, source) => sum + ("bytes" in source ? source.bytes.length : source.length),
    0,
  );
}
