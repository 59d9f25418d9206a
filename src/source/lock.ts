import { BundlerError } from "../core/errors.js";
import { formatPosition } from "../core/position.js";
import type { Source } from "../definition/types.js";
import type { LockedSource } from "../plan/build-types.js";
import { askChecksum } from "./ask-checksum.js";
import { checksumOnFirstUse } from "./first-use.js";
import { checkGiven, hashGiven } from "./given.js";
import type { SourceContext } from "./types.js";

/**
 * Pins a source by its content. A file given by hand is hashed and must agree with the definition;
 * else a declared checksum is taken as it is; else the checksum is asked from where it is published.
 * Nothing is downloaded, but what has a commit alone: that is pinned by what it is when first used. Undefined for an optional source that nobody gave and that there is
 * no address, or no checksum, for.
 * @throws BundlerError INTEGRITY for a file given by hand that is another than declared; USAGE when
 *   the source has to be given by hand and was not; DEFINITION when it has an address and no
 *   checksum; FILE; NETWORK, AUTH, NOT_FOUND from the server of the checksum; INTERRUPTED.
 */
export async function lockSource(
  source: Source,
  context: SourceContext,
): Promise<LockedSource | undefined> {
  const { name, checksum, checksumUrl } = source;
  const file = context.given.get(name);
  if (file !== undefined) {
    const found =
      checksum === undefined
        ? await hashGiven(name, file, "sha256", context.signal)
        : await checkGiven(name, file, { checksum, says: "the definition" }, context.signal);
    return { name, checksum: found.checksum };
  }
  if (source.optional && source.urls.length === 0) return undefined;
  if (checksum !== undefined) return { name, checksum };
  if (checksumUrl !== undefined) {
    return { name, checksum: await askChecksum(source, checksumUrl, context) };
  }
  if (source.commit !== undefined && source.urls.length > 0) {
    return {
      name,
      checksum: await checksumOnFirstUse({ ...source, commit: source.commit }, context),
    };
  }
  if (source.optional) return undefined;
  throw noChecksum(source);
}

function noChecksum({ name, urls, at }: Source): BundlerError {
  const hint = `Give the file by hand: --source ${name}=FILE.`;
  const details = { source: name, at: formatPosition(at) };
  return urls.length === 0
    ? new BundlerError("USAGE", `Source ${name} can only be given by hand, and was not.`, {
        hint,
        details,
      })
    : new BundlerError(
        "DEFINITION",
        `Source ${name} (${formatPosition(at)}) has an address and no checksum: what comes from there cannot be checked.`,
        { hint: `Write its sha256, sha512 or checksumUrl into the definition. ${hint}`, details },
      );
}
