import { BundlerError } from "../core/errors.js";
import { type Position, formatPosition } from "../core/position.js";

/** How much of a text that someone else wrote an error quotes, in characters. */
const SHOWN = 100;

/** @throws BundlerError DEFINITION, always: `Dockerfile:12:7: message`. */
export function fail(at: Position, message: string, hint?: string): never {
  throw new BundlerError("DEFINITION", `${formatPosition(at)}: ${message}.`, {
    ...(hint === undefined ? {} : { hint }),
    details: { file: at.file, line: at.line, column: at.column },
  });
}

/** In quotes, and not longer than a message can bear. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}
