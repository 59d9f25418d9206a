import type { Machine } from "./machines.js";

/** Appends numbers in a machine's byte order; `word` has the size of its addresses. */
export class Fields {
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
