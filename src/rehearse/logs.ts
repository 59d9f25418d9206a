import { ANSWER_MS, type Docker } from "../engine/docker.js";
import { isAbort, redact } from "../core/errors.js";
import type { ServiceState } from "./containers.js";
import type { Rehearsal } from "./types.js";

const LINES = 20;
const LONGEST = 500;
/** Bytes of a log that are read. */
const BYTES = 256 * 1024;

/** The last lines of services that are not ready, with secrets blanked out. */
export async function quoteLogs(
  docker: Docker,
  states: readonly ServiceState[],
  blank: (text: string) => string,
): Promise<Rehearsal["logs"]> {
  const logs: { component: string; lines: readonly string[] }[] = [];
  for (const { name, rank, container } of states) {
    if (rank === "ready" || container === undefined) continue;
    const signal = AbortSignal.timeout(ANSWER_MS);
    try {
      const args = ["logs", "--tail", String(LINES), container.id];
      const { stdout, stderr } = await docker.run(args, { signal, capture: BYTES });
      const lines = lastLines(`${stdout}${stderr}`, blank);
      if (lines.length > 0) logs.push({ component: name, lines });
    } catch (error) {
      if (!isAbort(error)) throw error;
    }
  }
  return logs;
}

/** The end of a text for a report: few lines, none of them long, secrets blanked out. */
export function lastLines(text: string, blank: (text: string) => string): readonly string[] {
  return blank(redact(text))
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .slice(-LINES)
    .map((line) => (line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line));
}
