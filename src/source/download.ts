import { formatBytes } from "../core/bytes.js";
import type { Checksum } from "../core/checksum.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { BodySink } from "../http/body-sink.js";
import { isServerFailure } from "../http/failure.js";
import type { ScratchBlob } from "../store/store.js";
import { algorithmOf } from "./checksum-file.js";
import { type Address, fillFrom, startOver } from "./fill.js";
import { noteStored } from "./stored.js";
import type { SourceContext } from "./types.js";
import { type Web, createWeb, plainAddress, shownAddress } from "../http/web.js";

/** A source that is wanted. */
export interface Wanted {
  readonly name: string;
  /** Absent where nobody published one: then whatever is whole is taken, and the caller judges it. */
  readonly checksum?: Checksum;
  /** Tried in order. */
  readonly urls: readonly string[];
}

/** Milliseconds between two pieces of news of a download. */
const NEWS_MS = 500;

/**
 * Fetches a source into its unfinished file, from one address after the other, going on from what is
 * there, and makes it a blob once its checksum holds. What was fetched is kept on every failure,
 * except when its bytes were wrong.
 * @returns the blob that it became.
 * @throws BundlerError NETWORK, AUTH, NOT_FOUND, INTEGRITY, naming every address; DEFINITION; FILE;
 *   DISK; INTERRUPTED.
 */
export async function downloadSource(
  wanted: Wanted,
  scratch: ScratchBlob,
  context: SourceContext,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const { checksum } = wanted;
  const news = createNews(wanted.name, context);
  try {
    const addresses = addressesOf(wanted);
    const web = createWeb(context);
    try {
      const { signal } = context;
      const algorithm = checksum === undefined ? "sha256" : algorithmOf(checksum);
      const sink = await BodySink.resume(scratch, news.bytes, signal, algorithm);
      // What an earlier run left may be of another file, and no checksum would tell.
      if (checksum === undefined && sink.received > 0) await sink.restart();
      // An earlier run may have been stopped right behind the last byte.
      if (checksum === undefined || checksumOf(sink, checksum) !== checksum) {
        await fromFirst(wanted, addresses, context, (address) => {
          news.from(address);
          const filling = { web, sink, signal };
          return checksum === undefined
            ? fillUnchecked(filling, address)
            : fillAndCheck({ ...filling, checksum }, address);
        });
      }
      const found = { digest: sink.digest(), size: sink.received };
      // Before the blob: a note without its blob is passed over, a blob without its note may not be found.
      await noteStored(context.store, checksum ?? (found.digest as Checksum), found);
      await scratch.commitAs(found.digest, found.size);
      return found;
    } finally {
      await web.close();
    }
  } catch (error) {
    if (error instanceof BundlerError && error.code === "INTEGRITY") await scratch.discard();
    else await scratch.release();
    throw error;
  }
}

/** @throws BundlerError DEFINITION for what is no web address. */
function addressesOf({ name, urls }: Wanted): readonly Address[] {
  const subject = `Source ${name}`;
  const hint = `Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), or fetch the file elsewhere and give it by hand: --source ${name}=FILE.`;
  return urls.map((text) => {
    const url = plainAddress(text);
    if (url !== undefined) return { url, subject, hint };
    throw new BundlerError(
      "DEFINITION",
      `${subject}: ${JSON.stringify(text)} is not the address of a file on the web, or carries a password.`,
      { hint: "Write an http or https address.", details: { source: name } },
    );
  });
}

interface Filling {
  readonly web: Web;
  readonly sink: BodySink;
  readonly signal: AbortSignal;
}

/** Takes the file as one address gives it, in one piece or in pieces that are surely of one file. */
async function fillUnchecked({ web, sink, signal }: Filling, address: Address): Promise<void> {
  await startOver(sink, address);
  for (let tries = 1; ; tries += 1) {
    await fillFrom(web, sink, address, signal);
    if (address.mixed !== true || tries === 2) return;
    await startOver(sink, address);
  }
}

/**
 * Bytes that are wrong as a whole are fetched once more from the first when they may have been put
 * together from different files, or cut off unseen.
 */
async function fillAndCheck(
  filling: Filling & { readonly checksum: Checksum },
  address: Address,
): Promise<void> {
  const { web, sink, checksum, signal } = filling;
  for (let tries = 1; ; tries += 1) {
    await fillFrom(web, sink, address, signal);
    const found = checksumOf(sink, checksum);
    if (found === checksum) return;
    const again = address.mixed === true || address.total === undefined;
    await startOver(sink, address);
    if (again && tries < 2) continue;
    const page = address.contentType?.startsWith("text/html") === true ? " (a web page)" : "";
    throw new BundlerError(
      "INTEGRITY",
      `${address.subject}: ${shownAddress(address.url)}: its bytes${page} have the checksum ${found}, expected ${checksum}.`,
      {
        hint: "The file there was replaced, or something on the way changes what it carries. Compare with what the project publishes; a right file can be given by hand with --source.",
        details: { url: shownAddress(address.url), expected: checksum, found },
      },
    );
  }
}

function checksumOf(sink: BodySink, checksum: Checksum): string {
  const algorithm = algorithmOf(checksum);
  return `${algorithm}:${sink.hex(algorithm)}`;
}

/** Does the work with one address after the other until one succeeds. */
async function fromFirst(
  wanted: Wanted,
  addresses: readonly Address[],
  { onEvent }: SourceContext,
  work: (address: Address) => Promise<void>,
): Promise<void> {
  const failures: { readonly url: string; readonly error: BundlerError }[] = [];
  for (const [position, address] of addresses.entries()) {
    try {
      await work(address);
      return;
    } catch (error) {
      if (!isServerFailure(error)) throw error;
      failures.push({ url: shownAddress(address.url), error });
      const next = addresses[position + 1];
      if (next === undefined) continue;
      const message = `${error.message} Trying ${shownAddress(next.url)}.`;
      onEvent({ type: "notice", level: "warn", message });
    }
  }
  throw summary(wanted, failures);
}

/** Wrong bytes weigh most, for somebody may have meant them; a file that is missing least. */
function weight({ code }: BundlerError): number {
  return ["INTEGRITY", "AUTH", "NETWORK", "NOT_FOUND"].indexOf(code);
}

function summary(
  { name, checksum }: Wanted,
  failures: readonly { readonly url: string; readonly error: BundlerError }[],
): BundlerError {
  const subject = `Source ${name}`;
  const { error: deciding } = failures.reduce((one, other) =>
    weight(other.error) < weight(one.error) ? other : one,
  );
  const details = { source: name, ...deciding.details };
  if (failures.length < 2) return deciding.with({ source: name });
  const lines = failures.map(({ url, error }) => {
    const said = error.message.replace(`${subject}: `, "");
    return said.startsWith(url) ? `  ${said}` : `  ${url}: ${said}`;
  });
  return new BundlerError(
    deciding.code,
    `${subject}: no address gives the file${checksum === undefined ? "" : ` with the checksum ${checksum}`}.\n${lines.join("\n")}`,
    {
      ...(deciding.hint === undefined ? {} : { hint: deciding.hint }),
      details: {
        ...details,
        ...(checksum === undefined ? {} : { expected: checksum }),
        addresses: failures.map(({ url, error }) => ({
          url,
          code: error.code,
          ...("found" in error.details ? { found: error.details["found"] } : {}),
        })),
      },
      cause: deciding,
    },
  );
}

interface News {
  readonly from: (address: Address) => void;
  readonly bytes: (received: number) => void;
}

/** Tells how far a download is, now and then. */
function createNews(name: string, { onEvent }: SourceContext): News {
  let address: Address | undefined;
  let told = Date.now();
  return {
    from: (next) => {
      address = next;
      const detail = `fetching ${shownAddress(next.url)}`;
      onEvent({ type: "item", phase: "build", name, state: "step", detail });
    },
    bytes: (received) => {
      if (Date.now() - told < NEWS_MS) return;
      told = Date.now();
      const of = address?.total === undefined ? "" : ` of ${formatBytes(address.total)}`;
      const detail = `${formatBytes(received)}${of}`;
      onEvent({ type: "item", phase: "build", name, state: "step", detail });
    },
  };
}
