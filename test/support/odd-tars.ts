/**
 * Tars as no program, or a careless one, or a hostile one writes them, made from a seed: honest
 * archives, the same with bytes changed, and headers put together in every odd way that is known.
 */

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface BlockFields {
  readonly name?: string | Buffer;
  readonly flag?: string;
  readonly size?: number;
  readonly mode?: number;
  readonly link?: string | Buffer;
  /** Magic and version, 8 bytes. */
  readonly magic?: string;
  readonly prefix?: string;
  /** Bytes put where they are wanted, after all else but the checksum. */
  readonly raw?: readonly (readonly [offset: number, bytes: Buffer | string])[];
  /** The checksum's field, instead of the right one. */
  readonly sum?: (sum: number, signed: number) => string;
}

const USTAR = "ustar\u000000";
const GNU = "ustar  \0";
const V7 = "\0\0\0\0\0\0\0\0";

/** One header. Strings are bytes: Latin-1, unless given as buffers. */
function block(fields: BlockFields = {}): Buffer {
  const { name = "file", flag = "0", size = 0, mode = 0o644, link = "" } = fields;
  const { magic = USTAR, prefix = "", raw = [], sum } = fields;
  const bytes = Buffer.alloc(512);
  const put = (what: string | Buffer, at: number, length: number): void => {
    const from = typeof what === "string" ? Buffer.from(what, "latin1") : what;
    from.copy(bytes, at, 0, Math.min(from.length, length));
  };
  put(name, 0, 100);
  put(`${mode.toString(8).padStart(7, "0")}\0`, 100, 8);
  put("0000000\u00000000000\0", 108, 16);
  if (size < 8 ** 11) put(`${size.toString(8).padStart(11, "0")}\0`, 124, 12);
  else {
    bytes[124] = 0x80;
    bytes.writeBigUInt64BE(BigInt(size), 128);
  }
  put("14524545400\0", 136, 12);
  put(flag, 156, 1);
  put(link, 157, 100);
  put(magic, 257, 8);
  if (magic !== V7) put("0000000\u00000000000\0", 329, 16);
  put(prefix, 345, 155);
  for (const [offset, what] of raw) put(what, offset, 512 - offset);
  return summed(bytes, sum);
}

/** Makes a header's checksum right again. */
function summed(bytes: Buffer, sum?: BlockFields["sum"]): Buffer {
  bytes.fill(0x20, 148, 156);
  const unsigned = bytes.reduce((total, byte) => total + byte, 0);
  const signed = bytes.reduce((total, byte) => total + (byte > 127 ? byte - 256 : byte), 0);
  const usual = `${unsigned.toString(8).padStart(6, "0")}\0 `;
  bytes.write(sum?.(unsigned, signed) ?? usual, 148, 8, "latin1");
  return bytes;
}

function padded(data: string | Buffer): Buffer {
  const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A header with its data. */
export function entry(fields: BlockFields, data: string | Buffer = ""): Buffer {
  return Buffer.concat([block({ size: data.length, ...fields }), padded(data)]);
}

export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return `${length}${rest}`;
}

export function pax(records: string, flag = "x", name = "PaxHeaders/x"): Buffer {
  return entry({ name: flag === "g" ? "pax_global_header" : name, flag }, records);
}

function long(name: string, flag = "L"): Buffer {
  return entry({ name: "././@LongLink", flag, magic: GNU }, name);
}

const END = Buffer.alloc(1024);

type Random = () => number;
type Maker = (pick: Picker) => Buffer;

/** Choices of one archive. */
class Picker {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  chance(of: number): boolean {
    return this.random() < of;
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  name(): string {
    return this.one(NAMES);
  }

  data(): Buffer {
    const size = this.one([0, 0, 1, 5, 511, 512, 513, 1024, 1500]);
    return Buffer.alloc(size, this.one(["a", "\0", "\n", "xyz", "8 a=b\n"]));
  }
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");
const NAMES = [
  "a",
  "b",
  "d/a",
  "d/b",
  "usr/bin/tool",
  "./c",
  "x".repeat(100),
  `${"l".repeat(60)}/${"m".repeat(60)}`,
  utf8("é/中"),
  "with space",
];
const ODD_NAMES = [
  ...["", ".", "./", "/", "..", "../a", "a/../b", "d//a", "/d/a", "a/.", "d/./b", "a/", "d/"],
  ...["a\nb", "\xff", "d/\xfe\xff", "a\0b", "a\0", "\xc3", "a\\b", ".wh.a", "d/.wh..wh..opq"],
  ...["d/.wh.", ".wh..wh.plnk/1", "n".repeat(256), "p/".repeat(2100), "\xed\xa0\x80", " a", "a "],
  "t".repeat(99) + "/",
];
const MAGICS = [
  USTAR,
  GNU,
  V7,
  "ustar\0\0\0",
  "ustar\0  ",
  "ustar  0",
  "ustar 00",
  "ustar00\0",
  "USTAR\u000000",
];
const NUMBERS = [
  ...[
    "00000000005\0",
    "5          \0",
    "          5\0",
    "         5 \0",
    "5\0\0\0\0\0\0\0\0\0\0\0",
  ],
  ...[
    "\u00005\0\0\0\0\0\0\0\0\0\0",
    "\0\0\0\0\0\0\0\0\0\0\0\0",
    "            ",
    "0x000000005\0",
    "-0000000005\0",
  ],
  ...[
    "+0000000005\0",
    "00000000008\0",
    "5\u00009\0\0\0\0\0\0\0\0\0",
    "000000000005",
    "5_0\0\0\0\0\0\0\0\0\0",
    "\t0000000005\0",
  ],
  ...[
    "\x80\0\0\0\0\0\0\0\0\0\0\x05",
    "\x80\0\0\x01\0\0\0\0\0\0\0\x05",
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb",
  ],
  ...[
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    "\x81\0\0\0\0\0\0\0\0\0\0\x05",
    "\xa0\0\0\0\0\0\0\0\0\0\0\x05",
  ],
  ...[
    "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
    "\x80\0\0\0\0\0\0\0\x80\0\0\0",
  ],
  ...["AAAAAAAAAAA\0", "5 5 5 5 5  \0", "\0\0\0\0\0\0\0\0\0\0\x005", " 5 \0 5 \0   "],
];
const VALUES = [
  ...[
    "",
    "0",
    "5",
    "+5",
    "-5",
    "005",
    " 5",
    "5 ",
    "0x5",
    "5.5",
    "5_0",
    "5\n",
    "\n",
    "a",
    "d/a",
    "a\0b",
  ],
  ...[
    "512",
    "1024",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999",
  ],
  ...[
    "1.000000001",
    "-1.5",
    "1.",
    ".5",
    "1e3",
    "1.5.5",
    "-",
    "+",
    "00000000000000000000000005",
    "\xff",
    "a/",
    "/",
  ],
];
const KEYS = [
  ...[
    "path",
    "path",
    "path",
    "linkpath",
    "linkpath",
    "size",
    "size",
    "size",
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
  ],
  ...[
    "uname",
    "gname",
    "comment",
    "hdrcharset",
    "charset",
    "SCHILY.xattr.user.a",
    "SCHILY.xattr.trusted.overlay.opaque",
  ],
  ...[
    "GNU.sparse.major",
    "GNU.sparse.minor",
    "GNU.sparse.name",
    "GNU.sparse.realsize",
    "GNU.sparse.size",
  ],
  ...[
    "GNU.sparse.map",
    "GNU.sparse.numblocks",
    "GNU.sparse.offset",
    "GNU.sparse.numbytes",
    "SCHILY.realsize",
  ],
  ...[
    "",
    "a\0",
    "PATH",
    " path",
    "=path",
    "SCHILY.filetype",
    "GNU.volume.filename",
    "LIBARCHIVE.creationtime",
  ],
];

/** Entries as honest programs write them, with what belongs before them. */
const HONEST: readonly Maker[] = [
  (pick) => entry({ name: pick.name(), magic: pick.one([USTAR, GNU]) }, pick.data()),
  (pick) => entry({ name: pick.name(), magic: V7, flag: "\0" }, pick.data()),
  (pick) => entry({ name: `${pick.one(["d", "usr", "e/f"])}/`, flag: "5", mode: 0o755 }),
  (pick) => entry({ name: pick.name(), flag: "2", link: pick.one(["a", "../x", "/etc/a"]) }),
  (pick) => entry({ name: `h${pick.below(3)}`, flag: "1", link: pick.one(["a", "d/a"]) }),
  (pick) =>
    entry({
      name: pick.name(),
      flag: pick.one(["3", "4", "6"]),
      raw: [[329, "0000001\u00000000003\0"]],
    }),
  (pick) =>
    entry({ name: "tool", prefix: pick.one(["usr/bin", "d", "p".repeat(155)]) }, pick.data()),
  (pick) =>
    Buffer.concat([long(`${pick.name()}/long\0`), entry({ name: "cut", magic: GNU }, pick.data())]),
  (pick) =>
    Buffer.concat([
      long(`${pick.name()}\0`, "K"),
      entry({ name: "s", flag: "2", link: "cut", magic: GNU }),
    ]),
  (pick) =>
    Buffer.concat([pax(record("path", `${pick.name()}/pax`)), entry({ name: "cut" }, pick.data())]),
  (pick) =>
    Buffer.concat([
      pax(record("mtime", "1.5") + record("SCHILY.xattr.security.capability", "\x01\n\0")),
      entry({ name: pick.name() }, pick.data()),
    ]),
  (pick) =>
    Buffer.concat([
      pax(record("comment", "c".repeat(40)), "g"),
      entry({ name: pick.name() }, pick.data()),
    ]),
  (pick) => sparse(pick, "1.0"),
  (pick) => sparse(pick, "0.1"),
  (pick) => sparse(pick, "0.0"),
  () => oldSparse("\0"),
];

const ODD: readonly Maker[] = [
  (pick) =>
    entry(
      {
        name: pick.one(ODD_NAMES),
        flag: pick.one(["0", "\0", "5", "2", "1"]),
        link: pick.one(ODD_NAMES),
      },
      "",
    ),
  (pick) => entry({ name: pick.one(ODD_NAMES) }, pick.data()),
  (pick) =>
    entry(
      { name: pick.name(), magic: pick.one(MAGICS), prefix: pick.one(["", "p", "p\0q", "p\xff"]) },
      pick.data(),
    ),
  (pick) => entry({ name: pick.name(), flag: String.fromCharCode(pick.below(256)) }, pick.data()),
  (pick) =>
    entry({
      name: pick.name(),
      flag: pick.one(["1", "2", "3", "5", "6"]),
      size: pick.one([1, 512, 1024]),
    }),
  (pick) =>
    entry(
      {
        name: pick.name(),
        raw: [[pick.one([100, 108, 116, 124, 124, 124, 136, 329, 337]), pick.one(NUMBERS)]],
      },
      "12345",
    ),
  (pick) =>
    entry({
      ...{ name: pick.one(["n\xe9\xff", "a"]) },
      sum: (sum, signed) =>
        pick.one([
          `${signed.toString(8)}\0`,
          `${sum.toString(8)} \0`,
          ` ${sum.toString(8)}`,
          `\0${sum.toString(8)}`,
          "",
          "0",
        ]),
    }),
  (pick) => pax(odd(pick), pick.one(["x", "x", "x", "g"])),
  (pick) =>
    pax(odd(pick) + record("path", "d/a"), pick.one(["x", "x", "x", "g"]), pick.one(["x", "a/b"])),
  (pick) => pax(record(pick.one(KEYS), pick.one(VALUES)), pick.one(["x", "x", "x", "g"])),
  (pick) =>
    pax(record(pick.one(KEYS), pick.one(VALUES)) + record(pick.one(KEYS), pick.one(VALUES))),
  (pick) => long(pick.one([...ODD_NAMES, "d/a", "d/a\0x", "d/a\0\0"]), pick.one(["L", "K"])),
  (pick) => pax("\n".repeat(pick.one([1, 5, 600]))),
  (pick) => entry({ name: pick.one(ODD_NAMES), flag: "g" }, record("comment", "x")),
  (pick) => sparse(pick, pick.one(["1.0", "0.1", "0.0"]), true),
  (pick) => oldSparse(pick.one(["\0", "\x01", "1"])),
  (pick) =>
    entry({
      name: "st",
      prefix: pick.one(["p", "q".repeat(131), "q".repeat(130)]),
      raw: [
        [476, pick.one(NUMBERS)],
        [508, "tar\0"],
      ],
    }),
  (pick) =>
    entry({
      name: "gn",
      magic: GNU,
      raw: [[pick.one([345, 357, 369, 386]), pick.one([...NUMBERS, "pre/fix"])]],
    }),
  (pick) =>
    entry({
      name: "dev",
      flag: pick.one(["3", "4"]),
      raw: [[329, pick.one(["\0\0\0\0\0\0\0\0", "0000000\0", "0000005\0"])]],
    }),
  () => Buffer.alloc(512),
  () => END,
  (pick) =>
    entry({ name: "head", raw: [[pick.below(512), String.fromCharCode(pick.below(256))]] }, "x"),
];

function odd(pick: Picker): string {
  const plain = record("path", "opt/note");
  return pick.one([
    ...[
      `0${plain}`,
      `+${plain}`,
      `-${plain}`,
      ` ${plain}`,
      `${plain}\0`,
      `${plain}\n`,
      `garbage\n${plain}`,
    ],
    ...[
      "5 a=\n",
      "4 a\n",
      "6 =aa\n",
      "9 path=a\n",
      "10 path=a\n",
      "99 path=a\n",
      "8 path=\n",
      "9 a=b",
      "path=a\n",
    ],
    ...[
      `0${plain.length + 1}${plain.slice(2)}`,
      `+${plain.length + 1}${plain.slice(2)}`,
      `00${plain.length + 2}${plain.slice(2)}`,
    ],
    ...[
      plain + plain,
      plain + record("path", "a"),
      record("path", "a\nb"),
      record("comment", "x\n17 path=usr/bin\n"),
    ],
    ...[
      plain.replace("\n", "x"),
      `${plain.length} path=opt/note `,
      "",
      "0",
      " ",
      "18446744073709551624 a=b\n",
    ],
  ]);
}

function sparse(pick: Picker, version: "1.0" | "0.1" | "0.0", isOdd = false): Buffer {
  const size = pick.one([0, 700, 5000]);
  const runs = pick.one([
    [],
    [[0, Math.min(5, size)]],
    [
      [0, 0],
      [size, 0],
    ],
    [[size - (size % 512), size % 512]],
  ]);
  const numbers = runs.flat();
  const count = runs.length + (isOdd && pick.chance(0.3) ? pick.one([-1, 1]) : 0);
  if (isOdd && pick.chance(0.3) && numbers.length > 0)
    numbers[pick.below(numbers.length)] = pick.one([-1, 3, 600, 2 ** 40]);
  const bytes = runs.reduce((sum, [, length = 0]) => sum + length, 0);
  const data = Buffer.alloc(isOdd && pick.chance(0.2) ? bytes + 1 : bytes, "s");
  const key = (name: string, value: unknown): string =>
    isOdd && pick.chance(0.08) ? "" : record(`GNU.sparse.${name}`, String(value));
  if (version === "1.0") {
    const map = padded(`${[count, ...numbers].join("\n")}\n`);
    const head =
      key("major", 1) + key("minor", 0) + key("name", "sparse/file") + key("realsize", size);
    return Buffer.concat([
      pax(head),
      entry({ name: "GNUSparseFile.0/file" }, Buffer.concat([map, data])),
    ]);
  }
  const map =
    version === "0.1"
      ? key("map", numbers.join(","))
      : runs
          .map((_, at) => key("offset", numbers[2 * at]) + key("numbytes", numbers[2 * at + 1]))
          .join("");
  const head =
    key("size", size) +
    key("numblocks", count) +
    (version === "0.1" ? key("name", "sparse/file") : "") +
    map;
  return Buffer.concat([pax(head), entry({ name: "sparse/raw" }, data)]);
}

function oldSparse(more: string): Buffer {
  const pair = (offset: number, length: number): string =>
    `${offset.toString(8).padStart(11, "0")}\0${length.toString(8).padStart(11, "0")}\0`;
  const header = block({
    ...{ name: "old", flag: "S", magic: GNU, size: 5 },
    raw: [
      [386, pair(0, 2) + pair(1000, 3)],
      [482, more],
      [483, "00000003720\0"],
    ],
  });
  return Buffer.concat([
    header,
    more === "\0" ? Buffer.alloc(0) : Buffer.alloc(512),
    padded("sssss"),
  ]);
}

/** Archives without end: the same for the same seed. */
export function* oddTars(seed: number): Generator<Buffer, never, void> {
  for (let number = 0; ; number += 1) yield oddTar(seed + number * 7919);
}

function oddTar(seed: number): Buffer {
  const pick = new Picker(randomFrom(seed));
  const isHonest = pick.chance(0.25);
  const parts = Array.from({ length: 1 + pick.below(5) }, () =>
    pick.one(isHonest || pick.chance(0.5) ? HONEST : ODD)(pick),
  );
  const bytes = Buffer.concat([...parts, pick.chance(0.9) ? END : Buffer.alloc(0)]);
  if (isHonest && pick.chance(0.6)) return bytes;
  if (pick.chance(0.4)) mutate(bytes, pick);
  return pick.chance(0.05) ? bytes.subarray(0, pick.below(bytes.length)) : bytes;
}

/** Changes some bytes of one block, which stays a header whose checksum holds. */
function mutate(bytes: Buffer, pick: Picker): void {
  const blocks = Math.floor(bytes.length / 512);
  if (blocks === 0) return;
  const at = 512 * pick.below(blocks);
  const header = bytes.subarray(at, at + 512);
  const isHeader = /^[0-7]{6}\0 $/.test(header.toString("latin1", 148, 156));
  for (let changes = 1 + pick.below(3); changes > 0; changes -= 1) {
    header[pick.below(512)] = pick.one([
      0,
      0x20,
      0x2f,
      0x30,
      0x35,
      0x37,
      0x0a,
      0x80,
      0xff,
      pick.below(256),
    ]);
  }
  if (isHeader) summed(header);
}
