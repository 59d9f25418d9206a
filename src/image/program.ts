import type { Platform } from "../core/platform.js";
import { describeMachine, elfFits, readElfHeader } from "./elf.js";

/** A program or library that a platform's machines do not run. */
export interface Misfit {
  readonly format: "elf" | "mach-o" | "pe";
  /** What it is for: `x86-64`, `macOS arm64`, `Windows x86-64`. */
  readonly machine: string;
}

/** As many first bytes as tell a Windows program from a .NET assembly or a boot loader. */
export const PROGRAM_HEAD_BYTES = 1024;

/**
 * What is wrong with a file for a platform, by its first bytes; undefined when nothing is. ELF
 * programs and shared libraries count with or without an execute bit, the formats of other systems
 * only with it: packages of scripting languages carry their tools along for every system.
 */
export function misfitOf(
  head: Buffer,
  platform: Platform,
  { executable }: { readonly executable: boolean },
): Misfit | undefined {
  const elf = readElfHeader(head);
  if (elf !== undefined) {
    const runs = elf.type === "program" || elf.type === "shared";
    if (!runs || elfFits(elf, platform)) return undefined;
    return { format: "elf", machine: describeMachine(elf) };
  }
  return executable && platform.os === "linux" ? strangerOf(head) : undefined;
}

/** A program of macOS or Windows, by its first bytes; .NET assemblies and boot loaders are none. */
export function strangerOf(
  head: Buffer,
): { readonly format: "mach-o" | "pe"; readonly machine: string } | undefined {
  const machO = machOMachine(head);
  if (machO !== undefined) return { format: "mach-o", machine: `macOS ${machO}` };
  const windows = windowsMachine(head);
  return windows === undefined ? undefined : { format: "pe", machine: `Windows ${windows}` };
}

/** Mach-O's `cputype` (Apple, loader.h). */
const CPU_TYPES: ReadonlyMap<number, string> = new Map([
  [0x7, "x86 32-bit"],
  [0x0100_0007, "x86-64"],
  [0xc, "ARM 32-bit"],
  [0x0100_000c, "arm64"],
]);

/** No universal binary holds so many; the class files of Java, with the same magic, start at 45. */
const MAX_UNIVERSAL = 30;

function machOMachine(head: Buffer): string | undefined {
  if (head.length < 28) return undefined;
  const magic = head.readUInt32BE(0);
  if (magic === 0xcafe_babe) return head.readUInt32BE(4) <= MAX_UNIVERSAL ? "universal" : undefined;
  if (magic === 0xcefa_edfe || magic === 0xcffa_edfe) {
    return CPU_TYPES.get(head.readUInt32LE(4)) ?? "program";
  }
  if (magic === 0xfeed_face || magic === 0xfeed_facf) {
    return CPU_TYPES.get(head.readUInt32BE(4)) ?? "program";
  }
  return undefined;
}

/** The machine types and subsystems of "PE Format" (Microsoft), sections "Machine Types" and "Windows Subsystem". */
const PE_MACHINES: ReadonlyMap<number, string> = new Map([
  [0x14c, "x86 32-bit"],
  [0x8664, "x86-64"],
  [0x1c4, "ARM 32-bit"],
  [0xaa64, "arm64"],
]);
const PE_SUBSYSTEMS = { gui: 2, console: 3 } as const;
/** The data directory that only .NET assemblies fill: those run wherever .NET does. */
const CLR_DIRECTORY = 14;

function windowsMachine(head: Buffer): string | undefined {
  if (head.length < 64 || head.toString("latin1", 0, 2) !== "MZ") return undefined;
  const pe = head.readUInt32LE(0x3c);
  const optional = pe + 24;
  if (optional + 72 > head.length || head.toString("latin1", pe, pe + 4) !== "PE\0\0") {
    return undefined;
  }
  const subsystem = head.readUInt16LE(optional + 68);
  // Kernels and boot loaders are PE files for the firmware, whatever system they start.
  if (subsystem !== PE_SUBSYSTEMS.gui && subsystem !== PE_SUBSYSTEMS.console) return undefined;
  const isWide = head.readUInt16LE(optional) === 0x20b;
  const clr = optional + (isWide ? 112 : 96) + 8 * CLR_DIRECTORY;
  if (clr + 8 <= head.length && head.readUInt32LE(clr) !== 0) return undefined;
  return PE_MACHINES.get(head.readUInt16LE(pe + 4)) ?? "program";
}
