import type { WalkedImage } from "./types.js";

/** What Docker's classic builder wrote before every step that is no RUN. */
const NO_OPERATION = /^\/bin\/sh -c #\(nop\) +/;

const MAX_LINE = 300;

/**
 * What made each layer, base first, in one line: the steps of the history that made one. Empty texts
 * where the history does not have as many such steps as there are layers.
 */
export function layerHistory({
  config,
  layers,
}: Pick<WalkedImage, "config" | "layers">): readonly string[] {
  const steps = config.history.filter(({ emptyLayer }) => !emptyLayer);
  return layers.map((_, index) =>
    steps.length === layers.length ? oneLine(steps[index]?.createdBy ?? "") : "",
  );
}

function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * MAX_LINE)
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(NO_OPERATION, "");
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE - 1)}…` : line;
}
