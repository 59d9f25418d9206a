import { resolveStart } from "../../walk/start.js";
import type { StartResolution, WalkedImage } from "../../walk/types.js";

/** A command of an image that an engine will run, followed to its program. */
export interface Start {
  /** What runs it, for messages: `The entrypoint`. */
  readonly of: string;
  /** Whether the image is of no use without it. */
  readonly isVital: boolean;
  readonly resolution: StartResolution;
}

/**
 * Every command that an image names: entrypoint and command together; the command by itself, which
 * entrypoint scripts hand over to at their end; the health check.
 */
export function startsOf(image: WalkedImage): readonly Start[] {
  const { entrypoint, cmd } = image.config;
  const starts: Start[] = [];
  if (entrypoint.length + cmd.length > 0) {
    const of = entrypoint.length > 0 ? "The entrypoint" : "The command";
    starts.push({ of, isVital: true, resolution: resolveStart(image) });
  }
  if (entrypoint.length > 0 && cmd.length > 0) {
    const resolution = resolveStart(image, cmd);
    // It may as well be arguments; only a program of that name is the program that is meant.
    if (resolution.steps.length > 0) {
      starts.push({ of: "The command", isVital: false, resolution });
    }
  }
  const check = healthCommand(image.config.healthcheck);
  if (check !== undefined) {
    const resolution = resolveStart(image, check);
    starts.push({ of: "The health check", isVital: false, resolution });
  }
  return starts;
}

function healthCommand([kind, ...words]: readonly string[]): readonly string[] | undefined {
  if (kind === "CMD" && words.length > 0) return words;
  return kind === "CMD-SHELL" ? ["/bin/sh", "-c", ...words] : undefined;
}
