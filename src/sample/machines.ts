import type { Platform } from "../core/platform.js";
import { formatPlatform, normalizePlatform } from "../core/platform.js";
import { BundlerError } from "../core/errors.js";

/** System calls that the sample programs make, by their number on one architecture. */
interface SystemCalls {
  readonly write: number;
  readonly exit: number;
  readonly ppoll: number;
  readonly read: number;
  readonly close: number;
  readonly dup3: number;
  readonly socket: number;
  readonly setsockopt: number;
  readonly bind: number;
  readonly listen: number;
  readonly accept4: number;
}

/** What it takes to write a program for one architecture: its ELF header's fields and five instructions. */
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
  /** The register that holds what a call returned. */
  readonly result: number;
  /** A register that calls leave alone and that holds none of their arguments. */
  readonly kept: number;
  /** Instructions that set a register to a value from 0 to 2^31 - 1. */
  load(register: number, value: number): number[];
  /** The instruction that copies a register's lower half to another. */
  move(to: number, from: number): number[];
  /** The instruction that goes on `bytes` before its own beginning. */
  back(bytes: number): number[];
  /** The instruction that enters the kernel. */
  readonly trap: readonly number[];
}

/** Linux numbers its calls alike on the architectures that came after 2010. */
const GENERIC_CALLS: SystemCalls = {
  ...{ write: 64, exit: 93, ppoll: 73, read: 63, close: 57, dup3: 24 },
  ...{ socket: 198, setsockopt: 208, bind: 200, listen: 201, accept4: 242 },
};

const ARM: Machine = {
  code: 40,
  bits: 32,
  bigEndian: false,
  // EABI version 5, hard float.
  flags: 0x05000400,
  calls: {
    ...{ write: 4, exit: 1, ppoll: 336, read: 3, close: 6, dup3: 358 },
    ...{ socket: 281, setsockopt: 294, bind: 282, listen: 284, accept4: 366 },
  },
  registers: [7, 0, 1, 2, 3, 4],
  result: 0,
  kept: 8,
  // ldr rd, [pc]; b over the word; the word. Unlike movw and movt this runs on v6 too.
  load: (register, value) => [
    ...little(0xe59f0000 | (register << 12)),
    ...little(0xea000000),
    ...little(value),
  ],
  // mov rd, rm
  move: (to, from) => little(0xe1a00000 | (to << 12) | from),
  // b, counted in words from two instructions on
  back: (bytes) => little(0xea000000 | ((-(bytes + 8) >> 2) & 0xffffff)),
  // svc 0
  trap: little(0xef000000),
};

const MACHINES: Readonly<Record<string, Machine>> = {
  "linux/amd64": {
    code: 62,
    bits: 64,
    bigEndian: false,
    flags: 0,
    calls: {
      ...{ write: 1, exit: 60, ppoll: 271, read: 0, close: 3, dup3: 292 },
      ...{ socket: 41, setsockopt: 54, bind: 49, listen: 50, accept4: 288 },
    },
    // eax; edi, esi, edx, r10d, r8d
    registers: [0, 7, 6, 2, 10, 8],
    result: 0,
    // ebx
    kept: 3,
    // mov r32, imm32, with REX.B for r8 and above; clears the upper half.
    load: (register, value) => [
      ...(register > 7 ? [0x41] : []),
      0xb8 | (register & 7),
      ...little(value),
    ],
    move: moveX86,
    back: backX86,
    // syscall
    trap: [0x0f, 0x05],
  },
  "linux/386": {
    code: 3,
    bits: 32,
    bigEndian: false,
    flags: 0,
    // Those of sockets by themselves since Linux 4.3.
    calls: {
      ...{ write: 4, exit: 1, ppoll: 309, read: 3, close: 6, dup3: 330 },
      ...{ socket: 359, setsockopt: 366, bind: 361, listen: 363, accept4: 364 },
    },
    // eax; ebx, ecx, edx, esi, edi
    registers: [0, 3, 1, 2, 6, 7],
    result: 0,
    // ebp
    kept: 5,
    // mov r32, imm32
    load: (register, value) => [0xb8 | register, ...little(value)],
    move: moveX86,
    back: backX86,
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
    result: 0,
    kept: 19,
    // movz wd, low; movk wd, high, lsl 16
    load: (register, value) => [
      ...little(0x52800000 | ((value & 0xffff) << 5) | register),
      ...little(0x72a00000 | ((value >>> 16) << 5) | register),
    ],
    // orr wd, wzr, wm
    move: (to, from) => little(0x2a0003e0 | (from << 16) | to),
    // b, counted in words
    back: (bytes) => little(0x14000000 | ((-bytes >> 2) & 0x3ffffff)),
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
    calls: {
      ...{ write: 4, exit: 1, ppoll: 281, read: 3, close: 6, dup3: 316 },
      ...{ socket: 326, setsockopt: 339, bind: 327, listen: 329, accept4: 344 },
    },
    registers: [0, 3, 4, 5, 6, 7],
    result: 3,
    kept: 14,
    // lis rd, high; ori rd, rd, low
    load: (register, value) => [
      ...little(0x3c000000 | (register << 21) | (value >>> 16)),
      ...little(0x60000000 | (register << 21) | (register << 16) | (value & 0xffff)),
    ],
    // or ra, rs, rs
    move: (to, from) => little(0x7c000378 | (from << 21) | (to << 16) | (from << 11)),
    // b
    back: (bytes) => little(0x48000000 | (-bytes & 0x03fffffc)),
    // sc
    trap: little(0x44000002),
  },
  "linux/s390x": {
    code: 22,
    bits: 64,
    bigEndian: true,
    flags: 0,
    // Those of sockets by themselves since Linux 4.3.
    calls: {
      ...{ write: 4, exit: 1, ppoll: 302, read: 3, close: 6, dup3: 326 },
      ...{ socket: 359, setsockopt: 366, bind: 361, listen: 363, accept4: 364 },
    },
    registers: [1, 2, 3, 4, 5, 6],
    result: 2,
    kept: 8,
    // lgfi rd, value
    load: (register, value) => [0xc0, (register << 4) | 1, ...little(value).reverse()],
    // lgr rd, rs
    move: (to, from) => [0xb9, 0x04, 0x00, (to << 4) | from],
    // jg, counted in half words
    back: (bytes) => [0xc0, 0xf4, ...little(-bytes >> 1).reverse()],
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
    result: 10,
    // s2
    kept: 18,
    // lui rd, high; addiw rd, rd, low, where low is signed and high makes up for it.
    load: (register, value) => [
      ...little((((value + 0x800) >>> 12) << 12) | (register << 7) | 0x37),
      ...little(((value & 0xfff) << 20) | (register << 15) | (register << 7) | 0x1b),
    ],
    // addi rd, rs, 0
    move: (to, from) => little((from << 15) | (to << 7) | 0x13),
    // jal x0, its offset in the order that the ISA manual calls J
    back: (bytes) =>
      little(
        (((-bytes >>> 20) & 1) << 31) |
          (((-bytes >>> 1) & 0x3ff) << 21) |
          (((-bytes >>> 11) & 1) << 20) |
          (((-bytes >>> 12) & 0xff) << 12) |
          0x6f,
      ),
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
    result: 4,
    // s0
    kept: 23,
    // lu12i.w rd, high; ori rd, rd, low
    load: (register, value) => [
      ...little(0x14000000 | ((value >>> 12) << 5) | register),
      ...little(0x03800000 | ((value & 0xfff) << 10) | (register << 5) | register),
    ],
    // or rd, rj, r0
    move: (to, from) => little(0x00150000 | (from << 5) | to),
    // b, counted in words, its lower half first
    back: (bytes) =>
      little(0x50000000 | (((-bytes >> 2) & 0xffff) << 10) | ((-bytes >> 18) & 0x3ff)),
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

/** mov r32, r32 */
function moveX86(to: number, from: number): number[] {
  return [0x89, 0xc0 | (from << 3) | to];
}

/** jmp rel32, counted from its end */
function backX86(bytes: number): number[] {
  return [0xe9, ...little(-(bytes + 5))];
}
