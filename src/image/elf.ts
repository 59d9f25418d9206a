import type { Platform } from "../core/platform.js";

/** What an ELF file's header says of the machine it is for (System V ABI, "ELF Header"). */
export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly bigEndian: boolean;
  /** `program` and `shared` (ET_EXEC, ET_DYN) are what a machine runs. */
  readonly type: "program" | "shared" | "object" | "other";
  /** `e_machine`. */
  readonly machine: number;
  /** `e_flags`: the ABI; on ARM, whether floats travel in registers. */
  readonly flags: number;
  /** `EI_OSABI`: 0 or 3 on Linux. */
  readonly osAbi: number;
}

/** As many of a file's first bytes as {@link readElfHeader} looks at. */
export const ELF_HEADER_BYTES = 64;

const MACHINE = {
  i386: 3,
  i486: 6,
  ppc64: 21,
  s390: 22,
  arm: 40,
  x86_64: 62,
  aarch64: 183,
  riscv: 243,
  loongarch: 258,
} as const;

/** What a platform's programs say of themselves: `e_machine`, address size, byte order. */
type Form = readonly [machine: number, bits: 32 | 64, order: "little" | "big"];

const I386: Form = [MACHINE.i386, 32, "little"];

/** By OCI architecture. A 64-bit x86 kernel runs 32-bit programs; not every 64-bit ARM processor does. */
const FORMS: Readonly<Record<string, readonly Form[]>> = {
  amd64: [[MACHINE.x86_64, 64, "little"], I386],
  386: [I386, [MACHINE.i486, 32, "little"]],
  arm64: [[MACHINE.aarch64, 64, "little"]],
  arm: [[MACHINE.arm, 32, "little"]],
  ppc64le: [[MACHINE.ppc64, 64, "little"]],
  s390x: [[MACHINE.s390, 64, "big"]],
  riscv64: [[MACHINE.riscv, 64, "little"]],
  loong64: [[MACHINE.loongarch, 64, "little"]],
};

/** Systems whose programs carry their mark, and that Linux does not run. */
const OTHER_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [2, "NetBSD"],
  [6, "Solaris"],
  [9, "FreeBSD"],
  [12, "OpenBSD"],
]);

const TYPES: ReadonlyMap<number, ElfHeader["type"]> = new Map([
  [1, "object"],
  [2, "program"],
  [3, "shared"],
]);

/** On ARM, the flag of programs that pass floats in the processor's float registers, and that of the others. */
const ARM_FLOAT = { hard: 0x400, soft: 0x200 } as const;

/** Reads an ELF header from a file's first bytes; undefined for anything else. */
export function readElfHeader(bytes: Uint8Array): ElfHeader | undefined {
  if (bytes.length < 52) return undefined;
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    return undefined;
  }
  const bits = bytes[4] === 2 ? 64 : 32;
  const bigEndian = bytes[5] === 2;
  if ((bytes[4] !== 1 && bytes[4] !== 2) || (bytes[5] !== 1 && bytes[5] !== 2)) return undefined;
  if (bits === 64 && bytes.length < ELF_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    bits,
    bigEndian,
    type: TYPES.get(view.getUint16(16, !bigEndian)) ?? "other",
    machine: view.getUint16(18, !bigEndian),
    flags: view.getUint32(bits === 64 ? 48 : 36, !bigEndian),
    osAbi: bytes[7] ?? 0,
  };
}

/**
 * Whether a machine of a platform runs what a header describes. ARM versions cannot be told apart
 * by it, nor can amd64's; of an architecture that is not listed in SUPPORTED_PLATFORMS nothing is
 * known, so everything fits it.
 */
export function elfFits(header: ElfHeader, { os, architecture }: Platform): boolean {
  const forms = FORMS[architecture];
  if (os !== "linux" || forms === undefined) return true;
  if (OTHER_SYSTEMS.has(header.osAbi)) return false;
  return forms.some(
    ([machine, bits, order]) =>
      header.machine === machine && header.bits === bits && header.bigEndian === (order === "big"),
  );
}

/** `aarch64`, `x86-64`, `ARM 32-bit (hard float)`, as people know machines. */
export function describeMachine(header: ElfHeader): string {
  const system = OTHER_SYSTEMS.get(header.osAbi);
  return `${machineName(header)}${system === undefined ? "" : ` for ${system}`}`;
}

function machineName({ machine, bits, bigEndian, flags }: ElfHeader): string {
  switch (machine) {
    case MACHINE.i386:
    case MACHINE.i486:
      return "x86 32-bit";
    case MACHINE.x86_64:
      return bits === 64 ? "x86-64" : "x86-64 with 32-bit addresses (x32)";
    case MACHINE.aarch64:
      return `aarch64${bits === 64 ? "" : " with 32-bit addresses"}${bigEndian ? ", big-endian" : ""}`;
    case MACHINE.arm:
      return `ARM 32-bit${armFloat(flags)}${bigEndian ? ", big-endian" : ""}`;
    case MACHINE.ppc64:
      return bigEndian ? "ppc64 (big-endian)" : "ppc64le";
    case MACHINE.s390:
      return bits === 64 ? "s390x" : "s390 32-bit";
    case MACHINE.riscv:
      return `riscv${bits}`;
    case MACHINE.loongarch:
      return `loong${bits}`;
    case 8:
      return `MIPS ${bits}-bit`;
    case 20:
      return "PowerPC 32-bit";
    case 247:
      return "BPF";
    default:
      return `machine number ${machine}, ${bits}-bit`;
  }
}

function armFloat(flags: number): string {
  if ((flags & ARM_FLOAT.hard) !== 0) return " (hard float)";
  return (flags & ARM_FLOAT.soft) === 0 ? "" : " (soft float)";
}
