import type { Platform } from "../core/platform.js";
import { Fields } from "./fields.js";
import { type Machine, machineOf } from "./machines.js";
import { type ThenDo, programText } from "./program-text.js";

export interface ProgramOptions {
  readonly platform: Platform;
  /** What it prints, with its line end. */
  readonly message: string;
  /** What it does after that. */
  readonly then: ThenDo;
}

/** Free of the zero page and the same for every architecture. */
const BASE = 0x400000;
/** The largest page size of all architectures: kernels with 64 KiB pages refuse less. */
const PAGE = 0x10000;

const EXECUTABLE = {
  ET_EXEC: 2,
  PT_LOAD: 1,
  PT_GNU_STACK: 0x6474e551,
  READ_EXECUTE: 5,
  READ_WRITE_EXECUTE: 7,
  READ_WRITE: 6,
} as const;

/**
 * A static Linux program that needs nothing else in its image: it prints a message, then exits, waits
 * or answers HTTP requests. One segment holds the headers, the code and its data (System V ABI,
 * "Object Files").
 * @throws BundlerError USAGE for a platform without a sample machine.
 */
export function sampleProgram({ platform, message, then }: ProgramOptions): Buffer {
  const machine = machineOf(platform);
  const start = headerSize(machine);
  const { bytes, room } = programText(machine, BASE + start, { message, then });
  const size = start + bytes.length;
  return Buffer.concat([
    elfHeader(machine, BASE + start),
    programHeaders(machine, { size, room }),
    bytes,
  ]);
}

function headerSize({ bits }: Machine): number {
  return bits === 64 ? 64 + 2 * 56 : 52 + 2 * 32;
}

function elfHeader(machine: Machine, entry: number): Buffer {
  const wide = machine.bits === 64;
  // Magic, class, byte order, ELF version 1, System V ABI, padding.
  const identification = [
    0x7f,
    0x45,
    0x4c,
    0x46,
    wide ? 2 : 1,
    machine.bigEndian ? 2 : 1,
    1,
    ...Array<number>(9).fill(0),
  ];
  const size = wide ? 64 : 52;
  const fields = new Fields(machine)
    .half(EXECUTABLE.ET_EXEC, machine.code)
    .int(1)
    // Entry point, program headers right behind this header, no section headers.
    .word(entry, size, 0)
    .int(machine.flags)
    .half(size, wide ? 56 : 32, 2, wide ? 64 : 40, 0, 0);
  return Buffer.concat([Buffer.from(identification), fields.bytes()]);
}

/** @param sizes bytes in the file, and of memory behind them that the program writes to */
function programHeaders(
  machine: Machine,
  { size, room }: { readonly size: number; readonly room: number },
): Buffer {
  const { PT_LOAD, PT_GNU_STACK, READ_EXECUTE, READ_WRITE, READ_WRITE_EXECUTE } = EXECUTABLE;
  const fields = new Fields(machine);
  const segment = (
    type: number,
    flags: number,
    address: number,
    length: number,
    memory: number,
    align: number,
  ): void => {
    // The flags stand second in a 64-bit header and last but one in a 32-bit header.
    if (machine.bits === 64)
      fields.int(type, flags).word(0, address, address, length, memory, align);
    else fields.int(type, 0, address, address, length, memory, flags, align);
  };
  segment(PT_LOAD, room > 0 ? READ_WRITE_EXECUTE : READ_EXECUTE, BASE, size, size + room, PAGE);
  // Without this, old kernels make every page executable.
  segment(PT_GNU_STACK, READ_WRITE, 0, 0, 0, 16);
  return fields.bytes();
}
