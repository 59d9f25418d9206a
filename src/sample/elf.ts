import type { Platform } from "../core/platform.js";
import { type Machine, machineOf } from "./machines.js";

export interface ProgramOptions {
  readonly platform: Platform;
  /** What it prints, with its line end. */
  readonly message: string;
  /** Whether it leaves with exit code 0 after that, or waits until it is killed. */
  readonly then: "exit" | "wait";
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
  READ_WRITE: 6,
} as const;

/**
 * A static Linux program that needs nothing else in its image: it prints a message, then exits or
 * waits. One segment holds the headers, the code and the message (System V ABI, "Object Files").
 * @throws BundlerError USAGE for a platform without a sample machine.
 */
export function sampleProgram(options: ProgramOptions): Buffer {
  const machine = machineOf(options.platform);
  const message = Buffer.from(options.message);
  const start = headerSize(machine);
  // The code's length does not depend on the addresses in it.
  const length = codeFor(machine, 0, message.length, options.then).length;
  const code = codeFor(machine, BASE + start + length, message.length, options.then);
  const size = start + length + message.length;
  return Buffer.concat([
    elfHeader(machine, BASE + start),
    programHeaders(machine, size),
    code,
    message,
  ]);
}

function codeFor(machine: Machine, address: number, length: number, then: "exit" | "wait"): Buffer {
  const { calls } = machine;
  const call = (number: number, ...args: number[]): number[] => [
    ...[number, ...args].flatMap((value, index) =>
      machine.load(machine.registers[index] ?? 0, value),
    ),
    ...machine.trap,
  ];
  return Buffer.from([
    ...call(calls.write, 1, address, length),
    // No descriptors and no timeout: it returns only when a signal ends the process.
    ...(then === "wait" ? call(calls.ppoll, 0, 0, 0, 0, 0) : []),
    ...call(calls.exit, 0),
  ]);
}

function headerSize({ bits }: Machine): number {
  return bits === 64 ? 64 + 2 * 56 : 52 + 2 * 32;
}

/** Appends numbers in a machine's byte order; `word` has the size of its addresses. */
class Fields {
  readonly #bytes: number[] = [];
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  #add(value: number, size: number): this {
    const bytes = Array.from({ length: size }, (_, index) =>
      index < 4 ? (value >>> (8 * index)) & 0xff : 0,
    );
    this.#bytes.push(...(this.#machine.bigEndian ? bytes.reverse() : bytes));
    return this;
  }

  half(...values: number[]): this {
    for (const value of values) this.#add(value, 2);
    return this;
  }

  int(...values: number[]): this {
    for (const value of values) this.#add(value, 4);
    return this;
  }

  word(...values: number[]): this {
    for (const value of values) this.#add(value, this.#machine.bits / 8);
    return this;
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }
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

function programHeaders(machine: Machine, size: number): Buffer {
  const { PT_LOAD, PT_GNU_STACK, READ_EXECUTE, READ_WRITE } = EXECUTABLE;
  const fields = new Fields(machine);
  const segment = (
    type: number,
    flags: number,
    address: number,
    length: number,
    align: number,
  ): void => {
    // The flags stand second in a 64-bit header and last but one in a 32-bit header.
    if (machine.bits === 64)
      fields.int(type, flags).word(0, address, address, length, length, align);
    else fields.int(type, 0, address, address, length, length, flags, align);
  };
  segment(PT_LOAD, READ_EXECUTE, BASE, size, PAGE);
  // Without this, old kernels make every page executable.
  segment(PT_GNU_STACK, READ_WRITE, 0, 0, 16);
  return fields.bytes();
}
