import { type Platform, formatPlatform } from "../../core/platform.js";
import { type ElfHeader, describeMachine, elfFits } from "../../image/elf.js";
import type { WalkedImage } from "../../walk/types.js";
import type { Finding } from "../report.js";
import type { Start } from "./program-starts.js";
import { declareRules } from "../rule.js";

export const LABEL = declareRules(
  "programs",
  {
    error: {
      "programs/label": "The config's platform is not the one that the programs are for.",
    },
  },
  { deep: true },
);

/**
 * The config's platform against the machine that the image's programs are for: by the program that
 * starts, or by most of all programs where that is none of ELF. A label that lies is told as such,
 * whether the programs are the right ones or not.
 */
export function checkLabel(
  image: WalkedImage,
  target: Platform,
  starts: readonly Start[],
): readonly Finding[] {
  const header = decisive(image, starts);
  const { platform } = image.config;
  if (header === undefined || elfFits(header, platform)) return [];
  const label = formatPlatform(platform);
  const message = elfFits(header, target)
    ? `The config says ${label}, but the programs are for ${formatPlatform(target)}: they are right, and the label is wrong.`
    : `The config says ${label}, but the programs are for another machine.`;
  return [
    LABEL.finding("programs/label", {
      component: image.component,
      subject: image.image.reference,
      message,
      expected: label,
      found: describeMachine(header),
      hint: elfFits(header, target)
        ? "Engines go by the label and may refuse the image: take a later one, or build it again."
        : "Take an image that is made for the platform, or build one.",
    }),
  ];
}

function decisive(image: WalkedImage, starts: readonly Start[]): ElfHeader | undefined {
  for (const { resolution } of starts) {
    const { program } = resolution.end ?? {};
    if (program?.format === "elf") return program.header;
  }
  const counts = new Map<string, { readonly header: ElfHeader; count: number }>();
  for (const { program } of image.files.values()) {
    if (program?.format !== "elf") continue;
    const { header } = program;
    if (header.type !== "program" && header.type !== "shared") continue;
    const machine = describeMachine(header);
    const counted = counts.get(machine) ?? { header, count: 0 };
    counted.count += 1;
    counts.set(machine, counted);
  }
  return [...counts.values()].reduce<{ header?: ElfHeader; count: number }>(
    (most, one) => (one.count > most.count ? one : most),
    { count: 0 },
  ).header;
}
