import { type Platform, formatPlatform } from "../core/platform.js";
import { type ArchitectureName, architectureNames, nameFits, spelledFor } from "./architectures.js";

/** What the programs in a stage may be for. */
export interface StageMachines {
  /** The stage's own. */
  readonly machine: Platform;
  readonly target: Platform;
}

/** A word that carries an architecture of neither. */
export interface ForeignName {
  /** The word, as a shell would split it off. */
  readonly word: string;
  /** Where it begins in the text. */
  readonly start: number;
  readonly message: string;
  readonly instead?: string;
}

/** A word for a shell, or for the eyes: nothing that only holds words together. */
const WORD = /[^\s"'`;|&()<>]+/g;

/** Where a script finds out an architecture. */
const ASKS =
  /\b(?:TARGET|BUILD)(?:ARCH|PLATFORM|VARIANT)\b|\buname\b|--print-architecture|--print-arch|\barch\b/;
/** How a script chooses by it. */
const CHOOSES = /\b(?:case|if|sed|tr|awk|test)\b|\[\s|\$\{\w+[/#%]/;

/** The words of a text that are for another architecture than its stage's product. */
export function foreignNames(text: string, machines: StageMachines): readonly ForeignName[] {
  const found: ForeignName[] = [];
  for (const { 0: word, index: start } of text.matchAll(WORD)) {
    const foreign = architectureNames(word).filter((name) => !fits(name, machines));
    const [first] = foreign;
    if (first === undefined) continue;
    const instead = replaced(word, foreign, machines.target);
    found.push({
      word,
      start,
      message: describe(word, first, machines),
      ...(instead === undefined ? {} : { instead }),
    });
  }
  return found;
}

/** Whether a script has names for several architectures, and takes the one that it needs. */
export function choosesByArchitecture(text: string, machines: StageMachines): boolean {
  if (!CHOOSES.test(text)) return false;
  return ASKS.test(text) || architectureNames(text).some((name) => fits(name, machines));
}

/** On a builder's own stage a tool for the builder is right; what Go compiles is the product. */
function fits(name: ArchitectureName, { machine, target }: StageMachines): boolean {
  return nameFits(name, target) || (name.family !== "goarch" && nameFits(name, machine));
}

function replaced(
  word: string,
  names: readonly ArchitectureName[],
  target: Platform,
): string | undefined {
  const parts: string[] = [];
  let at = 0;
  for (const name of names) {
    const spelled = spelledFor(name, target);
    if (spelled === undefined) return undefined;
    parts.push(word.slice(at, name.start), spelled);
    at = name.start + name.text.length;
  }
  return [...parts, word.slice(at)].join("");
}

function describe(word: string, name: ArchitectureName, machines: StageMachines): string {
  const { machine, target } = machines;
  const wanted = name.family === "goarch" ? [target] : [machine, target];
  const platforms = [...new Set(wanted.map(formatPlatform))];
  const shown = word.length > 200 ? `${word.slice(0, 200)}…` : word;
  const is = shown === name.text ? shown : `${name.text} in ${shown}`;
  const advice =
    spelledFor(name, target) === target.architecture
      ? "after ARG TARGETARCH, ${TARGETARCH} stands for the right name"
      : "after ARG TARGETARCH, the right name can be chosen by ${TARGETARCH}";
  return `${is} is not for ${platforms.join(" or ")}; ${advice}.`;
}
