/** What the tool is doing, in the order of design: each command shows the phases it goes through. */
export type Phase =
  | "plan"
  | "build"
  | "fetch"
  | "pack"
  | "verify"
  | "walk"
  | "report"
  | "load"
  | "start"
  | "remove";

/**
 * Everything the core says while it works. The UI renders these; nothing else prints.
 * Byte counts are compressed bytes, as they travel and as they lie in the archive.
 */
export type BundlerEvent =
  | {
      readonly type: "phase-start";
      readonly phase: Phase;
      /** What the phase works on, e.g. `linux/arm64`. */
      readonly subject: string;
      readonly totalBytes?: number;
      readonly totalItems?: number;
    }
  | {
      readonly type: "phase-end";
      readonly phase: Phase;
      readonly subject: string;
      readonly summary?: string;
      /** What the phase found is bad news, although it came to its end. */
      readonly failed?: boolean;
    }
  | {
      readonly type: "item";
      readonly phase: Phase;
      /** A component's name, or a file's path inside the bundle. */
      readonly name: string;
      /** `step` is news of an item at work, e.g. a build's step; its `detail` says what. */
      readonly state: "start" | "step" | "done" | "skipped";
      readonly detail?: string;
    }
  | { readonly type: "bytes"; readonly phase: Phase; readonly delta: number }
  | { readonly type: "notice"; readonly level: "info" | "warn"; readonly message: string };

export type EventSink = (event: BundlerEvent) => void;

export const noEvents: EventSink = () => undefined;
