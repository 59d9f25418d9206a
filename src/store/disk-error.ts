import { BundlerError, isAbort, messageOf, systemCode } from "../core/errors.js";

/**
 * Turns what a file operation of the store threw into an error that says what to do: DISK when
 * there is no room, FILE otherwise. Our own errors and aborts pass as they are.
 */
export function storeError(error: unknown, dir: string, doing: string): unknown {
  if (error instanceof BundlerError || isAbort(error)) return error;
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    const what = code === "EDQUOT" ? "The disk quota is used up" : "No space left";
    return new BundlerError("DISK", `${what} while ${doing} in ${dir}.`, {
      hint: `Free space on the file system of ${dir} ("openim-bundler cache prune" deletes blobs that are not needed now), or choose another place with --store. What was fetched is kept: the next run goes on from there.`,
      details: { file: dir },
      cause: error,
    });
  }
  return new BundlerError("FILE", `Failed ${doing} in ${dir}: ${messageOf(error)}`, {
    hint: "The store must be a folder on a writable disk that belongs to you.",
    details: { file: dir },
    cause: error,
  });
}
