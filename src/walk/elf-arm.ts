import type { ElfHeader } from "../image/elf.js";
import { ElfFields, type Tables } from "./elf-layout.js";
import type { FileWindow } from "./elf-window.js";

/** What a 32-bit ARM file says of the processors it is for. */
export interface ArmFacts {
  readonly version?: number;
  readonly float?: "hard" | "soft";
}

/** Of `e_flags` (ELF for the Arm Architecture, "ELF header"). */
const FLAG = { soft: 0x200, hard: 0x400 } as const;

const SHT_ARM_ATTRIBUTES = 0x7000_0003;
const MAX_SECTIONS = 65_535;
const MAX_ATTRIBUTES = 4096;

/** By Tag_CPU_arch (Addenda to the ABI for the Arm Architecture, "Build Attributes"). */
const ARCHITECTURES = [
  ...[3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 6, 6, 7, 8, 8, 8, 8],
  ...[8, 8, 8, 8, 9],
] as const;

const TAG = {
  file: 1,
  rawName: 4,
  name: 5,
  architecture: 6,
  floatArguments: 28,
  compatibility: 32,
};

/** Reads the flags of a file's header, and its section of build attributes where that was kept. */
export function readArm(window: FileWindow, header: ElfHeader, tables: Tables): ArmFacts {
  const attributes = fileAttributes(attributesSection(window, header, tables), header);
  const version = ARCHITECTURES[attributes.get(TAG.architecture) ?? -1];
  const float = floatOf(header.flags, attributes.get(TAG.floatArguments));
  return {
    ...(version === undefined ? {} : { version }),
    ...(float === undefined ? {} : { float }),
  };
}

function floatOf(flags: number, attribute: number | undefined): ArmFacts["float"] {
  if ((flags & FLAG.hard) !== 0) return "hard";
  if ((flags & FLAG.soft) !== 0) return "soft";
  // What is not said is the base standard, but some compilers say nothing at all.
  return attribute === 1 ? "hard" : undefined;
}

function attributesSection(
  window: FileWindow,
  header: ElfHeader,
  { sections: { offset, entry, count } }: Tables,
): Buffer | undefined {
  if (!(entry >= 40)) return undefined;
  for (let index = 0; index < Math.min(count, MAX_SECTIONS); index += 1) {
    const bytes = window.at(offset + index * entry, 40);
    if (bytes === undefined) continue;
    const fields = new ElfFields(bytes, header);
    if (fields.int(4) !== SHT_ARM_ATTRIBUTES) continue;
    return window.at(fields.int(16), Math.min(fields.int(20), 64 * 1024));
  }
  return undefined;
}

/** The attributes of the file as a whole, of the vendor `aeabi`; texts are passed over. */
function fileAttributes(
  section: Buffer | undefined,
  header: ElfHeader,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  if (section?.[0] !== 0x41) return found;
  const fields = new ElfFields(section, header);
  for (let vendorAt = 1; vendorAt + 4 < section.length;) {
    const vendorEnd = vendorAt + fields.int(vendorAt);
    if (!(vendorEnd > vendorAt + 4)) break;
    const end = Math.min(vendorEnd, section.length);
    const nameEnd = section.indexOf(0, vendorAt + 4);
    if (nameEnd >= 0 && section.toString("latin1", vendorAt + 4, nameEnd) === "aeabi") {
      for (let at = nameEnd + 1; at + 5 <= end;) {
        const length = fields.int(at + 1);
        if (!(length >= 5)) break;
        if (section[at] === TAG.file) {
          readAttributes(section.subarray(at + 5, Math.min(at + length, end)), found);
        }
        at += length;
      }
    }
    vendorAt = vendorEnd;
  }
  return found;
}

function readAttributes(bytes: Buffer, into: Map<number, number>): void {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at] ?? 0;
      at += 1;
      if (shift < 28) value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) break;
    }
    return value;
  };
  const skipText = (): void => {
    const end = bytes.indexOf(0, at);
    at = end < 0 ? bytes.length : end + 1;
  };
  for (let count = 0; at < bytes.length && count < MAX_ATTRIBUTES; count += 1) {
    const tag = number();
    const isText =
      tag === TAG.rawName || tag === TAG.name || (tag > TAG.compatibility && tag % 2 === 1);
    if (isText) skipText();
    else into.set(tag, number());
    if (tag === TAG.compatibility) skipText();
  }
}
