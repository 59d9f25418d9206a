import type { Platform } from "../core/platform.js";

/** The ways in which projects spell architectures in file names, each with its own set of names. */
type Family =
  /** Go, Docker, and most release pages. */
  | "go"
  /** `uname -m`, RPM, Rust. */
  | "uname"
  /** Debian's packages. */
  | "debian"
  /** Node.js and Java distributions. */
  | "node"
  /** The organisations of Docker's official images. */
  | "docker"
  /** GNU triplets: library folders and cross compilers. */
  | "triplet"
  /** The value of GOARCH. */
  | "goarch";

/** An architecture as this file tells them apart: `arm/v7`, or the architecture alone. */
type Architecture =
  | "amd64"
  | "arm64"
  | "arm/v7"
  | "arm/v6"
  | "386"
  | "ppc64le"
  | "s390x"
  | "riscv64"
  | "loong64";

type Spellings = Readonly<Record<Architecture, string>>;

const ALIKE = {
  ppc64le: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loong64",
} as const;

const SPELLINGS: Readonly<Record<Family, Spellings>> = {
  go: {
    ...ALIKE,
    amd64: "amd64",
    arm64: "arm64",
    "arm/v7": "armv7",
    "arm/v6": "armv6",
    386: "386",
  },
  goarch: {
    ...ALIKE,
    amd64: "amd64",
    arm64: "arm64",
    "arm/v7": "arm",
    "arm/v6": "arm",
    386: "386",
  },
  uname: {
    ...ALIKE,
    amd64: "x86_64",
    arm64: "aarch64",
    "arm/v7": "armv7l",
    "arm/v6": "armv6l",
    386: "i686",
    loong64: "loongarch64",
  },
  debian: {
    ...ALIKE,
    amd64: "amd64",
    arm64: "arm64",
    "arm/v7": "armhf",
    "arm/v6": "armel",
    386: "i386",
    ppc64le: "ppc64el",
  },
  node: {
    ...ALIKE,
    amd64: "x64",
    arm64: "arm64",
    "arm/v7": "armv7l",
    "arm/v6": "armv6l",
    386: "x86",
  },
  docker: {
    ...ALIKE,
    amd64: "amd64",
    arm64: "arm64v8",
    "arm/v7": "arm32v7",
    "arm/v6": "arm32v6",
    386: "i386",
  },
  triplet: {
    amd64: "x86_64-linux-gnu",
    arm64: "aarch64-linux-gnu",
    "arm/v7": "arm-linux-gnueabihf",
    "arm/v6": "arm-linux-gnueabi",
    386: "i386-linux-gnu",
    ppc64le: "powerpc64le-linux-gnu",
    s390x: "s390x-linux-gnu",
    riscv64: "riscv64-linux-gnu",
    loong64: "loongarch64-linux-gnu",
  },
};

/** What each spelling means, and in which family its counterpart is looked for. */
const NAMES: ReadonlyMap<string, readonly [Architecture, Family]> = new Map([
  ["amd64", ["amd64", "go"]],
  ["x86_64", ["amd64", "uname"]],
  ["x86-64", ["amd64", "uname"]],
  ["x64", ["amd64", "node"]],
  ["arm64", ["arm64", "go"]],
  ["aarch64", ["arm64", "uname"]],
  ["armv8", ["arm64", "go"]],
  ["arm64v8", ["arm64", "docker"]],
  ["armhf", ["arm/v7", "debian"]],
  ["armv7", ["arm/v7", "go"]],
  ["armv7l", ["arm/v7", "uname"]],
  ["armv7hl", ["arm/v7", "uname"]],
  ["arm32v7", ["arm/v7", "docker"]],
  ["armel", ["arm/v6", "debian"]],
  ["armv6", ["arm/v6", "go"]],
  ["armv6l", ["arm/v6", "uname"]],
  ["arm32v6", ["arm/v6", "docker"]],
  ["i386", ["386", "debian"]],
  ["i686", ["386", "uname"]],
  ["ppc64le", ["ppc64le", "go"]],
  ["ppc64el", ["ppc64le", "debian"]],
  ["powerpc64le", ["ppc64le", "uname"]],
  ["s390x", ["s390x", "go"]],
  ["riscv64", ["riscv64", "go"]],
  ["riscv64gc", ["riscv64", "uname"]],
  ["loong64", ["loong64", "go"]],
  ["loongarch64", ["loong64", "uname"]],
  ["x86_64-linux-gnu", ["amd64", "triplet"]],
  ["x86-64-linux-gnu", ["amd64", "triplet"]],
  ["aarch64-linux-gnu", ["arm64", "triplet"]],
  ["arm-linux-gnueabihf", ["arm/v7", "triplet"]],
  ["arm-linux-gnueabi", ["arm/v6", "triplet"]],
  ["i386-linux-gnu", ["386", "triplet"]],
  ["i686-linux-gnu", ["386", "triplet"]],
  ["powerpc64le-linux-gnu", ["ppc64le", "triplet"]],
  ["s390x-linux-gnu", ["s390x", "triplet"]],
  ["riscv64-linux-gnu", ["riscv64", "triplet"]],
  ["loongarch64-linux-gnu", ["loong64", "triplet"]],
]);

/** Longest first, so that `x86_64-linux-gnu` is not `x86_64`; never a part of a longer word. */
const NAME = new RegExp(
  `(?<![a-z0-9])(?:${[...NAMES.keys()].sort((a, b) => b.length - a.length).join("|")})(?![a-z0-9])`,
  "gi",
);

/** `386` and `arm` are words of their own; after an operating system or in GOARCH they are architectures. */
const AFTER_SYSTEM = /(?<![a-z0-9])linux[-_/.](386|arm)(?![a-z0-9])/gi;
const GOARCH = /(?<![a-z0-9_])GOARCH=["']?([a-z0-9]+)/g;

/** An architecture's name somewhere in a text. */
export interface ArchitectureName {
  readonly text: string;
  readonly start: number;
  readonly architecture: string;
  readonly family: Family;
}

/** Finds the names in one word: a URL, a file, a package. */
export function architectureNames(word: string): readonly ArchitectureName[] {
  const names = new Map<number, ArchitectureName>();
  for (const { 0: text, index: start } of word.matchAll(NAME)) {
    const known = NAMES.get(text.toLowerCase());
    if (known === undefined) continue;
    const [architecture, usual] = known;
    names.set(start, { text, start, architecture, family: familyIn(word, start, text, usual) });
  }
  for (const match of word.matchAll(AFTER_SYSTEM)) {
    const text = match[1] ?? "";
    const start = match.index + match[0].length - text.length;
    const architecture = text === "386" ? "386" : "arm/v7";
    names.set(start, { text, start, architecture, family: "go" });
  }
  for (const match of word.matchAll(GOARCH)) {
    const text = match[1] ?? "";
    const start = match.index + match[0].length - text.length;
    const architecture = text === "arm" ? "arm/v7" : text;
    names.set(start, { text, start, architecture, family: "goarch" });
  }
  return [...names.values()].sort((a, b) => a.start - b.start);
}

/** How the same family spells a platform; undefined for one that it has no name for. */
export function spelledFor(name: ArchitectureName, platform: Platform): string | undefined {
  const { family, text } = name;
  const spellings: Readonly<Record<string, string>> = SPELLINGS[family];
  const spelling = spellings[keyOf(platform)];
  if (spelling === undefined) return undefined;
  if (family === "triplet" && text.toLowerCase().startsWith("x86-64")) {
    return spelling.replace("x86_64", "x86-64");
  }
  return text === text.toUpperCase() && /[A-Z]/.test(text) ? spelling.toUpperCase() : spelling;
}

/** Whether programs that carry the name run on a platform; an ARM v6 program does on v7. */
export function nameFits({ architecture, family }: ArchitectureName, platform: Platform): boolean {
  const key = keyOf(platform);
  if (architecture === key) return true;
  const isArm = architecture.startsWith("arm/") && platform.architecture === "arm";
  // GOARCH=arm says nothing of the version: GOARM does.
  return isArm && (family === "goarch" || architecture === "arm/v6");
}

function keyOf({ architecture, variant }: Platform): string {
  return architecture === "arm" ? `arm/${variant ?? "v7"}` : architecture;
}

/** `amd64` is Go's word and Debian's; what stands around it tells which. */
function familyIn(word: string, start: number, text: string, usual: Family): Family {
  const before = word.slice(Math.max(0, start - 1), start);
  const behind = word.slice(start + text.length, start + text.length + 16);
  if (usual === "go" && (behind.startsWith(".deb") || (before === ":" && behind === ""))) {
    return "debian";
  }
  if (usual === "go" && word.startsWith("arch=", start - "arch=".length)) return "debian";
  return usual;
}
