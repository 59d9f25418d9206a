import { visible } from "../core/invisible.js";

/** Longer values are cut here; `--json` has all of them. */
const LONGEST = 200;

/** How what came, went and changed is marked. */
export const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

/** `2 added, 1 changed`; `none` of nothing. */
export function countsOf(changes: readonly { readonly kind: keyof typeof SIGNS }[]): string {
  const parts = (["added", "removed", "changed"] as const).flatMap((kind) => {
    const count = changes.filter((one) => one.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** A text on one line, and no longer than can be read. */
export function oneLine(text: string): string {
  const line = visible(text);
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
