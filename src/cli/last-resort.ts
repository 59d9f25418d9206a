import { writeSync } from "node:fs";
import { EXIT_CODES, type ErrorCode, messageOf, redact, systemCode } from "../core/errors.js";
import { printable, printableJson } from "../core/invisible.js";

const DEFECT =
  "This is a defect of openim-bundler. Run again with DEBUG=* and report what it prints.";

/**
 * What ends the program when nothing else does: no run may end without a result or an error. An error
 * that nobody caught is told like any other, an output that cannot be written by its own name, and an
 * event loop that ran dry before the work was done as the defect that it is.
 * @returns to be called when the work is done.
 */
export function watchForLostErrors(argv: readonly string[]): () => void {
  const json = argv.includes("--json");
  let done = false;
  const onOutputError = (error: Error): void => {
    const system = systemCode(error);
    // Who reads no more, like `head`, has what they want, and the work goes on.
    if (system === "EPIPE") return;
    // An error that could not be told still ends with its own code.
    if (process.exitCode !== undefined && process.exitCode !== 0) process.exit();
    const code = system === "ENOSPC" || system === "EDQUOT" ? "DISK" : "FILE";
    tell(false, code, `The output cannot be written: ${error.message}`, "Look at where it goes.");
  };
  const onError = (error: unknown): void => {
    if (process.env["DEBUG"] && error instanceof Error) say(redact(error.stack ?? ""));
    tell(json, "INTERNAL", messageOf(error), DEFECT);
  };
  process.stdout.on("error", onOutputError);
  process.stderr.on("error", onOutputError);
  process.on("uncaughtException", onError);
  process.on("unhandledRejection", onError);
  process.on("beforeExit", () => {
    if (!done) tell(json, "INTERNAL", "The work stopped half done, and nothing said why.", DEFECT);
  });
  return () => {
    done = true;
  };
}

/** Ends the program. */
function tell(json: boolean, code: ErrorCode, message: string, hint: string): never {
  const exitCode = EXIT_CODES[code];
  if (json) {
    const error = { code, exitCode, message: redact(message), hint };
    write(1, `${printableJson({ error })}\n`);
  } else {
    say(`Error (${code}): ${redact(message)}\n  → ${hint}`);
  }
  process.exit(exitCode);
}

function say(text: string): void {
  write(2, `${printable(text)}\n`);
}

/** At once, as the process is about to end; where that fails there is nobody left to tell. */
function write(to: 1 | 2, text: string): void {
  try {
    writeSync(to, text);
  } catch {
    return;
  }
}
