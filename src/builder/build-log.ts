import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { replaceUnseen } from "../core/invisible.js";
import type { Redactor } from "../core/redactor.js";

export interface BuildLog {
  readonly write: (line: string) => void;
  /** @throws BundlerError DISK, FILE when something could not be written. */
  readonly close: () => Promise<void>;
}

/**
 * Appends to a log that only its owner may read: plain lines, without credentials and without what a
 * terminal would obey.
 * @throws BundlerError DISK, FILE
 */
export async function openBuildLog(file: string, redacted: Redactor): Promise<BuildLog> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const stream = createWriteStream(file, { flags: "a", mode: 0o600 });
    let failure: unknown;
    stream.on("error", (error) => (failure ??= error));
    await once(stream, "open");
    return {
      write: (line) => {
        if (failure === undefined) stream.write(`${redacted(plainText(line))}\n`);
      },
      close: async () => {
        await new Promise<void>((resolve) => {
          stream.once("close", () => resolve());
          stream.end();
          if (stream.destroyed) resolve();
        });
        if (failure !== undefined) throw logError(file, failure);
      },
    };
  } catch (error) {
    throw logError(file, error);
  }
}

/** Colours, cursor movements and window titles (ECMA-48, 5.4 and 8.3.89). */
const SEQUENCES = new RegExp(
  ["\\[[0-?]*[ -/]*[@-~]", "\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?", "[@-Z\\\\^_]"]
    .map((sequence) => `\\x1b${sequence}`)
    .join("|"),
  "g",
);

/** Without what a terminal would obey; tabs stay. */
export function plainText(text: string): string {
  return replaceUnseen(text.replace(SEQUENCES, ""), () => "", "\t");
}

function logError(file: string, error: unknown): BundlerError {
  const full = ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "");
  return new BundlerError(
    full ? "DISK" : "FILE",
    full
      ? `No space left for the build's log ${file}.`
      : `The build's log ${file} cannot be written: ${messageOf(error)}`,
    { details: { file }, cause: error },
  );
}
