import { pipeline } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import { BundlerError, systemCode } from "../core/errors.js";
import { printable } from "../core/invisible.js";

/**
 * Writes a file's bytes: as they are, or for a terminal, which the control characters of a file must
 * not steer. A reader that goes away, like `head`, ends it without an error.
 * @throws BundlerError USAGE for a binary file on a terminal; whatever the chunks throw.
 */
export async function writeFile(
  to: NodeJS.WritableStream,
  chunks: AsyncIterable<Uint8Array>,
  { name, asItIs }: { readonly name: string; readonly asItIs: boolean },
): Promise<void> {
  try {
    await pipeline(asItIs ? chunks : printableChunks(chunks, name), to, { end: false });
  } catch (error) {
    if (systemCode(error) !== "EPIPE") throw error;
  }
}

/** Of a text cut into chunks, each safe for a terminal. */
async function* printableChunks(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<string, void, void> {
  const decoder = new StringDecoder("utf8");
  for await (const chunk of chunks) {
    const text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    // What is no UTF-8 becomes U+FFFD.
    if (/[\0\ufffd]/.test(text)) {
      throw new BundlerError(
        "USAGE",
        `${name} is a binary file, which is not written to a terminal.`,
        {
          hint: "Send it to a file or another program, or give --force.",
        },
      );
    }
    yield printable(text);
  }
  yield printable(decoder.end());
}
