import type { Platform } from "../core/platform.js";
import { formatPlatform, normalizePlatform } from "../core/platform.js";
import { BundlerError } from "../core/errors.js";

/** System calls that the sample programs make, by their number on one architecture. */
interface SystemCalls {
  readonly write: number;
  readonly exit: number;
  readonly ppoll: number;
}

/** What it takes to write a program for one architecture: its ELF header's fields and three instructions. */
export interface Machine {
  /** ELF `e_machine`. */
  readonly code: number;
  readonly bits: 32 | 64;
  readonly bigEndian: boolean;
  /** ELF `e_flags`: the ABI that the kernel and `file` look at. */
  readonly flags: number;
  readonly calls: SystemCalls;
  /** The register that holds the call's number, then those of its arguments. */
  readonly registers: readonly [number: number, ...args: number[]];
  /** Instructions that set a register to a value from 0 to 2^31 - 1. */
  load(register: number, value: number): number[];
  /** The instruction that enters the kernel. */
  readonly trap: readonly number[];
}

/** Linux numbers its calls alike on the architectures that came after 2010. */
const GENERIC_CALLS: SystemCalls = { write: 64, exit: 93, ppoll: 73 };

const ARM: Machine = {
  code: 40,
  bits: 32,
  bigEndian: false,
  // EABI version 5, hard float.
  flags: 0x05000400,
  calls: { write: 4, exit: 1, ppoll: 336 },
  registers: [7, 0, 1, 2, 3, 4],
  // ldr rd, [pc]; b over the word; the word. Unlike movw and movt this runs on v6 too.
  load: (register, value) => [
    ...little(0xe59f0000 | (register << 12)),
    ...little(0xea000000),
    ...little(value),
  ],
  // svc 0
  trap: little(0xef000000),
};

const MACHINES: Readonly<Record<string, Machine>> = {
  "linux/amd64": {
    code: 62,
    bits: 64,
    bigEndian: false,
    flags: 0,
    calls: { write: 1, exit: 60, ppoll: 271 },
    // eax; edi, esi, edx, r10d, r8d
    registers: [0, 7, 6, 2, 10, 8],
    // mov r32, imm32, with REX.B for r8 and above; clears the upper half.
    load: (register, value) => [
      ...(register > 7 ? [0x41] : []),
      0xb8 | (register & 7),
      ...little(value),
    ],
    // syscall
    trap: [0x0f, 0x05],
  },
  "linux/386": {
    code: 3,
    bits: 32,
    bigEndian: false,
    flags: 0,
    calls: { write: 4, exit: 1, ppoll: 309 },
    // eax; ebx, ecx, edx, esi, edi
    registers: [0, 3, 1, 2, 6, 7],
    // mov r32, imm32
    load: (register, value) => [0xb8 | register, ...little(value)],
    // int 0x80
    trap: [0xcd, 0x80],
  },
  "linux/arm64": {
    code: 183,
    bits: 64,
    bigEndian: false,
    flags: 0,
    calls: GENERIC_CALLS,
    registers: [8, 0, 1, 2, 3, 4],
    // movz wd, low; movk wd, high, lsl 16
    load: (register, value) => [
      ...little(0x52800000 | ((value & 0xffff) << 5) | register),
      ...little(0x72a00000 | ((value >>> 16) << 5) | register),
    ],
    // svc 0
    trap: little(0xd4000001),
  },
  "linux/arm/v7": ARM,
  "linux/arm/v6": ARM,
  "linux/ppc64le": {
    code: 21,
    bits: 64,
    bigEndian: false,
    // ABI version 2: the entry point is code, not a function descriptor.
    flags: 2,
    calls: { write: 4, exit: 1, ppoll: 281 },
    registers: [0, 3, 4, 5, 6, 7],
    // lis rd, high; ori rd, rd, low
    load: (register, value) => [
      ...little(0x3c000000 | (register << 21) | (value >>> 16)),
      ...little(0x60000000 | (register << 21) | (register << 16) | (value & 0xffff)),
    ],
    // sc
    trap: little(0x44000002),
  },
  "linux/s390x": {
    code: 22,
    bits: 64,
    bigEndian: true,
    flags: 0,
    calls: { write: 4, exit: 1, ppoll: 302 },
    registers: [1, 2, 3, 4, 5, 6],
    // lgfi rd, value
    load: (register, value) => [0xc0, (register << 4) | 1, ...little(value).reverse()],
    // svc 0: the number is in r1
    trap: [0x0a, 0x00],
  },
  "linux/riscv64": {
    code: 243,
    bits: 64,
    bigEndian: false,
    // Double-precision float ABI, no compressed instructions.
    flags: 4,
    calls: GENERIC_CALLS,
    // a7; a0 to a4
    registers: [17, 10, 11, 12, 13, 14],
    // lui rd, high; addiw rd, rd, low, where low is signed and high makes up for it.
    load: (register, value) => [
      ...little((((value + 0x800) >>> 12) << 12) | (register << 7) | 0x37),
      ...little(((value & 0xfff) << 20) | (register << 15) | (register << 7) | 0x1b),
    ],
    // ecall
    trap: little(0x00000073),
  },
  "linux/loong64": {
    code: 258,
    bits: 64,
    bigEndian: false,
    // Object file ABI v1, double-precision float.
    flags: 0x43,
    calls: GENERIC_CALLS,
    // a7; a0 to a4
    registers: [11, 4, 5, 6, 7, 8],
    // lu12i.w rd, high; ori rd, rd, low
    load: (register, value) => [
      ...little(0x14000000 | ((value >>> 12) << 5) | register),
      ...little(0x03800000 | ((value & 0xfff) << 10) | (register << 5) | register),
    ],
    // syscall 0
    trap: little(0x002b0000),
  },
};

/** The platforms that sample programs exist for. */
export const SAMPLE_PLATFORMS: readonly string[] = Object.keys(MACHINES);

/** @throws BundlerError USAGE for a platform that is none of {@link SAMPLE_PLATFORMS}. */
export function machineOf(platform: Platform): Machine {
  const name = formatPlatform(normalizePlatform(platform));
  const machine = MACHINES[name];
  if (machine !== undefined) return machine;
  throw new BundlerError("USAGE", `There is no sample program for ${name}.`, {
    hint: `Samples exist for ${SAMPLE_PLATFORMS.join(", ")}.`,
  });
}

function little(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
