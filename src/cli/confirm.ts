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

/** Puts a question; anything but `y` or `yes` is a no. @throws BundlerError INTERRUPTED. */
type Ask = (question: string) => Promise<boolean>;

/** Who says yes: `--yes`, or whoever sits at the terminal; undefined where there is nobody. */
export function whoAgrees({ yes, silent, signal }: ConfirmOptions): Ask | undefined {
  if (yes) return () => Promise.resolve(true);
  if (silent || !process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    // While it reads, the terminal gives Ctrl-C and Ctrl-D to it.
    terminal.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
    const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    try {
      const asked = terminal.question(`${printable(question)} [y/N] `, { signal });
      const answer = await Promise.race([asked, closed]);
      return /^y(?:es)?$/i.test(answer.trim());
    } catch (error) {
      throw isAbort(error) ? interrupted() : error;
    } finally {
      terminal.close();
    }
  };
}

/**
 * Asks on the terminal.
 * @throws BundlerError USAGE where nobody can be asked and `--yes` was not given; INTERRUPTED.
 */
export async function confirm(question: string, options: ConfirmOptions): Promise<boolean> {
  const ask = whoAgrees(options);
  if (ask !== undefined) return ask(question);
  throw new BundlerError("USAGE", `${question} There is no terminal to ask on.`, {
    hint: "Give --yes to agree beforehand.",
  });
}
