import { BundlerError, isAbort } from "../core/errors.js";
import type { TakenAway } from "./types.js";

/** What was taken away and what was not, in one sentence. */
export function takenAwaySentence(taken: TakenAway): string {
  const { containers, networks, volumes, images, folders, kept, left } = taken;
  const parts = [
    count(containers, "container"),
    count(networks, "network"),
    count(volumes, "volume"),
    count(images, "image"),
    count(folders, "folder"),
  ].filter((part) => part !== "");
  const gone =
    parts.length === 0 ? "There was nothing to take away" : `Taken away: ${parts.join(", ")}`;
  const stays = kept.length === 0 ? "" : `; kept: ${kept.join(", ")}`;
  if (left.length === 0) return `${gone}${stays}. Nothing else is left.`;
  const names = left.map(({ kind, name, why, mend }) => `${kind} ${name} (${why}): ${mend}`);
  return `${gone}${stays}. STILL THERE: ${names.join("; ")}.`;
}

function count(number: number, what: string): string {
  return number === 0 ? "" : `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** The error that ended a rehearsal, which also tells what was taken away. */
export function afterwards(error: unknown, taken: TakenAway): unknown {
  const sentence = takenAwaySentence(taken);
  const details = { takenAway: taken };
  if (isAbort(error)) {
    return new BundlerError("INTERRUPTED", "The rehearsal was interrupted.", {
      hint: sentence,
      details,
    });
  }
  if (!(error instanceof BundlerError)) return error;
  return new BundlerError(error.code, error.message, {
    cause: error.cause,
    hint: [error.hint, sentence].filter((part) => part !== undefined).join(" "),
    details: { ...error.details, ...details },
  });
}
