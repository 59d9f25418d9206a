import type { ScriptProgram } from "./types.js";

/** Linux looks at no more of a script's first line (BINPRM_BUF_SIZE), in bytes. */
const MAX_LINE = 256;

/** A script by its first bytes, as Linux reads them (execve(2), "Interpreter scripts"). */
export function readScript(head: Buffer): ScriptProgram | undefined {
  if (head[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const end = head.subarray(0, MAX_LINE).indexOf("\n");
  // A zero byte ends the line, too: the kernel reads texts of C.
  const [line = ""] = head
    .toString("utf8", 2, end < 0 ? Math.min(head.length, MAX_LINE) : end)
    .split("\0");
  const [interpreter = "", ...rest] = line.trim().split(/[ \t]+/);
  if (interpreter === "") return undefined;
  const argument = rest.join(" ");
  return { format: "script", interpreter, ...(argument === "" ? {} : { argument }) };
}
