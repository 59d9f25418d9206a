import { parseReference } from "../image/reference.js";
import { fail } from "./fault.js";
import { mountSource } from "./mount.js";
import { type LinkedStage, linkStages, neededStages } from "./stage-graph.js";
import type { Dockerfile, Flag, FromInstruction, Instruction } from "./syntax.js";
import type { BuildInputs } from "./types.js";

/** A run of the file that gives way to another text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Writes a digest to every image that the build uses: in `FROM`, `COPY --from` and
 * `RUN --mount=from`. `pin` gives what an image, its variables replaced, is called with its digest;
 * undefined leaves it as it is, and so does a digest that is there. Every other byte, and every
 * line's number, stays.
 * @param text what `dockerfile` was parsed from.
 * @throws BundlerError DEFINITION as {@link linkStages} does, and when `pin` gives no image's name.
 */
export function pinBases(
  text: string,
  dockerfile: Dockerfile,
  pin: (image: string) => string | undefined,
  inputs: BuildInputs,
): string {
  if (text !== dockerfile.text) throw new Error("The text is not the one that was parsed.");
  const { needed } = neededStages(dockerfile, linkStages(dockerfile, inputs), inputs.target);
  const edits = new Map<number, Edit>();
  for (const place of needed.flatMap(placesOf)) {
    if (place.image.includes("@")) continue;
    const pinned = pin(place.image);
    if (pinned === undefined) continue;
    parseReference(pinned);
    for (const edit of editsOf(place, pinned)) edits.set(edit.start, edit);
  }
  return applyEdits(text, [...edits.values()]);
}

/** Where an image's name stands: `start` and `end` count in the instruction's joined text. */
interface Place {
  readonly image: string;
  readonly by: Instruction | FromInstruction;
  readonly start: number;
  readonly end: number;
}

function placesOf({ stage, base, sources }: LinkedStage): readonly Place[] {
  const { from } = stage;
  const places: Place[] = [];
  if (base.kind === "image") places.push({ ...from.image, image: base.image, by: from });
  for (const { origin, instruction, flag } of sources) {
    if (origin.kind !== "image") continue;
    const found = nameIn(flag, instruction);
    if (found !== undefined) places.push({ ...found, by: instruction });
  }
  return places;
}

/** The image's name in a `--from` or `--mount`, without the quotes around it. */
function nameIn(flag: Flag, by: Instruction): Omit<Place, "by"> | undefined {
  const value = flag.value ?? "";
  const found =
    flag.name === "mount" ? mountSource(flag) : { image: value, start: 0, end: value.length };
  if (found === undefined) return undefined;
  const start = flag.valueAt[found.start] ?? flag.start;
  const end = (flag.valueAt[found.end - 1] ?? start) + 1;
  if (end - start !== found.image.length) {
    fail(by.source.positionAt(start), "quotes stand in the middle of an image's name");
  }
  return { image: found.image, start, end };
}

/**
 * A name that is broken across lines goes to the last of them: a line that is left with nothing
 * but its escape character goes on, while one that is left empty would swallow the next instruction.
 */
function editsOf({ by, start, end }: Place, text: string): readonly Edit[] {
  const runs = by.source.runs(start, end);
  return runs.map((run, index) => ({ ...run, text: index === runs.length - 1 ? text : "" }));
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, edit.start), edit.text);
    at = edit.end;
  }
  return [...parts, text.slice(at)].join("");
}
