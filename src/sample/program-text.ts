import { Fields } from "./fields.js";
import type { Machine } from "./machines.js";

/** Leave with exit code 0, wait until killed, or answer every HTTP request at a port with a text. */
export type ThenDo = "exit" | "wait" | { readonly port: number; readonly answer: string };

/** Bytes of a request that are read before it is answered. */
const REQUEST = 4096;

/** Far from what an emulator has open in the program's place. */
const LISTENER = 100;

/** Nanoseconds between two requests: a socket that fails must not keep a processor busy. */
const PAUSE = 2_000_000;

/** A number, an address in the data, or what a register has from a call before. */
type Argument = number | "result" | "kept";

/**
 * The code of a sample program and its data behind it, to be placed at an address.
 * @returns with `room` the bytes of memory behind them that the program writes to.
 */
export function programText(
  machine: Machine,
  address: number,
  { message, then }: { readonly message: string; readonly then: ThenDo },
): { readonly bytes: Buffer; readonly room: number } {
  const texts = [
    Buffer.from(message),
    ...(typeof then === "object" ? serverData(machine, then) : []),
  ];
  const code = (from: number): Buffer => {
    const places = placesOf(texts, from);
    return Buffer.from([
      ...call(machine, "write", 1, ...(places[0] ?? [])),
      ...(typeof then === "object"
        ? serverCode(machine, places)
        : // No descriptors and no timeout: it returns only when a signal ends the process.
          then === "wait"
          ? call(machine, "ppoll", 0, 0, 0, 0, 0)
          : []),
      ...call(machine, "exit", 0),
    ]);
  };
  // The code's length does not depend on the addresses in it.
  const { length } = code(0);
  return {
    bytes: Buffer.concat([code(address + length), ...texts]),
    room: typeof then === "object" ? REQUEST : 0,
  };
}

/** Address and length of each text, and the address behind them all. */
function placesOf(texts: readonly Buffer[], from: number): readonly [number, number][] {
  let at = from;
  const places = texts.map(({ length }): [number, number] => {
    at += length;
    return [at - length, length];
  });
  return [...places, [at, REQUEST]];
}

function serverData(
  machine: Machine,
  { port, answer }: { readonly port: number; readonly answer: string },
): readonly Buffer[] {
  const head = [
    "HTTP/1.0 200 OK",
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(answer)}`,
    "Connection: close",
  ];
  const inNetworkOrder = Buffer.from([port >> 8, port & 0xff]);
  return [
    Buffer.from(`${head.join("\r\n")}\r\n\r\n${answer}`),
    // struct sockaddr_in: AF_INET, the port, any address.
    Buffer.concat([new Fields(machine).half(2).bytes(), inNetworkOrder, Buffer.alloc(12)]),
    new Fields(machine).int(1).bytes(),
    // struct timespec
    new Fields(machine).word(0, PAUSE).bytes(),
  ];
}

function serverCode(machine: Machine, places: readonly (readonly [number, number])[]): number[] {
  const [, answer = [0, 0], address = [0, 0], one = [0, 0], pause = [0, 0], buffer = [0, 0]] =
    places;
  const SOL_SOCKET = 1;
  const SO_REUSEADDR = 2;
  const loop = [
    ...call(machine, "ppoll", 0, 0, pause[0], 0, 0),
    ...call(machine, "accept4", LISTENER, 0, 0, 0),
    ...machine.move(machine.kept, machine.result),
    // An answer to what was not read would be lost: the kernel resets such a connection.
    ...call(machine, "read", "kept", ...buffer),
    ...call(machine, "write", "kept", ...answer),
    ...call(machine, "close", "kept"),
  ];
  return [
    ...call(machine, "socket", 2, 1, 0),
    ...call(machine, "dup3", "result", LISTENER, 0),
    ...call(machine, "setsockopt", LISTENER, SOL_SOCKET, SO_REUSEADDR, ...one),
    ...call(machine, "bind", LISTENER, ...address),
    ...call(machine, "listen", LISTENER, 64),
    ...loop,
    ...machine.back(loop.length),
  ];
}

function call(machine: Machine, name: keyof Machine["calls"], ...args: Argument[]): number[] {
  const [number, ...registers] = machine.registers;
  const set = args.map((value, position) => {
    const register = registers[position] ?? 0;
    if (typeof value === "number") return { code: machine.load(register, value), first: false };
    const from = value === "result" ? machine.result : machine.kept;
    return { code: machine.move(register, from), first: true };
  });
  return [
    // A call's number may go where the result of the last one is.
    ...set.filter(({ first }) => first).flatMap(({ code }) => code),
    ...machine.load(number, machine.calls[name]),
    ...set.filter(({ first }) => !first).flatMap(({ code }) => code),
    ...machine.trap,
  ];
}
