import type { Checksum } from "../core/checksum.js";
import { BundlerError } from "../core/errors.js";
import type { Source } from "../definition/types.js";
import { readBody } from "../http/body.js";
import { connectionFailure } from "../http/connection-error.js";
import { withRetries } from "../http/retry.js";
import { isLoopback } from "../http/private-address.js";
import { findPublished } from "./published-checksum.js";
import type { SourceContext } from "./types.js";
import { CHECKSUM_LIMIT, type Web, createWeb, plainAddress, shownAddress } from "../http/web.js";

/**
 * Fetches a source's checksum from where its project publishes it. It is what everything later is
 * measured by, so it comes over TLS, from this machine, or from a host that the user vouches for.
 * @throws BundlerError NETWORK, AUTH, NOT_FOUND; INTEGRITY when what is published there does not say
 *   it; DEFINITION for an address that is none, or plain HTTP; FILE for a CA file; INTERRUPTED.
 */
export async function askChecksum(
  source: Source,
  checksumUrl: string,
  context: SourceContext,
): Promise<Checksum> {
  const { name } = source;
  const url = plainAddress(checksumUrl);
  const hint = `Write the checksum itself into the definition, or give the file by hand: --source ${name}=FILE.`;
  if (url === undefined) {
    throw new BundlerError(
      "DEFINITION",
      `Source ${name}: its checksumUrl is not the address of a file on the web.`,
      { hint, details: { source: name } },
    );
  }
  const web = createWeb(context);
  try {
    if (url.protocol === "http:" && !isLoopback(url) && !web.isInsecure(url)) {
      throw new BundlerError(
        "DEFINITION",
        `Source ${name}: the checksum at ${shownAddress(url)} comes over plain HTTP, where anybody on the way could change it.`,
        {
          hint: `Use an https address, or accept this one with --insecure ${url.host}.`,
          details: { source: name },
        },
      );
    }
    const subject = `Source ${name}: checksum`;
    const text = await withRetries(web.retry, context.signal, () =>
      readText(web, { url, subject, hint }, context.signal),
    );
    const found = findPublished(text, fileNames(source, url));
    if ("checksum" in found) return found.checksum;
    throw new BundlerError("INTEGRITY", `Source ${name}: ${shownAddress(url)} ${found.problem}.`, {
      hint,
      details: { source: name, url: shownAddress(url) },
    });
  } finally {
    await web.close();
  }
}

async function readText(
  web: Web,
  request: { readonly url: URL; readonly subject: string; readonly hint: string },
  signal: AbortSignal,
): Promise<string> {
  const { body, url } = await web.get(request);
  try {
    return (await readBody(body, CHECKSUM_LIMIT, request.subject)).toString("utf8");
  } catch (error) {
    const { subject, hint } = request;
    throw connectionFailure(error, { subject, host: url.host, signal, answered: true, hint });
  }
}

/** What the file may be called in the list: as its addresses end, or the list's own address. */
function fileNames(source: Source, checksumUrl: URL): readonly string[] {
  const ends = source.urls.flatMap((text) => {
    const url = plainAddress(text);
    return url === undefined ? [] : [lastPart(url)];
  });
  const own = lastPart(checksumUrl).replace(/\.(?:sha256|sha512)(?:sum)?$/, "");
  return [...new Set([...ends, own])].filter((name) => name !== "");
}

function lastPart({ pathname }: URL): string {
  const end = pathname.slice(pathname.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(end);
  } catch {
    return end;
  }
}
