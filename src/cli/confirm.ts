import { createInterface } from "node:readline/promises";
import { BundlerError, interrupted, isAbort } from "../core/errors.js";
import { printable } from "../core/invisible.js";

export interface ConfirmOptions {
  /** `--yes` was given. */
  readonly yes: boolean;
  /** Nobody can be asked, e.g. because of `--json`. */
  readonly silent: boolean;
  readonly signal: AbortSignal;
}

/**
 * Asks on the terminal; anything but `y` or `yes` is a no.
 * @throws BundlerError USAGE where nobody can be asked and `--yes` was not given; INTERRUPTED.
 */
export async function confirm(
  question: string,
  { yes, silent, signal }: ConfirmOptions,
): Promise<boolean> {
  if (yes) return true;
  if (silent || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new BundlerError("USAGE", `${question} There is no terminal to ask on.`, {
      hint: "Give --yes to agree beforehand.",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${printable(question)} [y/N] `, { signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } catch (error) {
    throw isAbort(error) ? interrupted() : error;
  } finally {
    terminal.close();
  }
}
