import type { Checksum } from "../core/checksum.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import {
  type Algorithm,
  type ChecksummedFile,
  algorithmOf,
  checksumFile,
} from "./checksum-file.js";

/**
 * Hashes a file that was given by hand.
 * @throws BundlerError FILE naming source and file when it cannot be read; INTERRUPTED.
 */
export async function hashGiven(
  name: string,
  file: string,
  algorithm: Algorithm,
  signal: AbortSignal,
): Promise<ChecksummedFile> {
  try {
    return await checksumFile(file, algorithm, signal);
  } catch (error) {
    if (error instanceof BundlerError) throw error;
    const why =
      systemCode(error) === "ENOENT"
        ? "there is no such file"
        : `it cannot be read: ${messageOf(error)}`;
    throw new BundlerError("FILE", `Source ${name}: ${file}: ${why}.`, {
      hint: `Give the file itself: --source ${name}=FILE.`,
      details: { source: name, file },
      cause: error,
    });
  }
}

/**
 * The same, of a file whose checksum is known.
 * @param says who says so: `the definition`, `the lock`.
 * @throws as `hashGiven`; BundlerError INTEGRITY when it is another file.
 */
export async function checkGiven(
  name: string,
  file: string,
  expected: { readonly checksum: Checksum; readonly says: string },
  signal: AbortSignal,
): Promise<ChecksummedFile> {
  const { checksum, says } = expected;
  const found = await hashGiven(name, file, algorithmOf(checksum), signal);
  if (found.checksum === checksum) return found;
  throw new BundlerError(
    "INTEGRITY",
    `Source ${name}: ${file} has the checksum ${found.checksum}, ${says} expects ${checksum}.`,
    {
      hint: "It is another file, or a damaged copy: fetch it again and compare.",
      details: { source: name, file, expected: checksum, found: found.checksum },
    },
  );
}
