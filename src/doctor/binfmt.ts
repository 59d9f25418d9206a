import { readFile, readdir, realpath } from "node:fs/promises";
import path from "node:path";
import { askProgram } from "./ask.js";

/** One handler of binfmt_misc that runs Linux programs of an architecture. */
export interface Handler {
  /** `qemu-aarch64`. */
  readonly name: string;
  /** OCI names: `arm64`, `arm`. */
  readonly architecture: string;
  readonly enabled: boolean;
  /** Path of the emulator, on the machine or in the container that registered it. */
  readonly interpreter: string;
  /** Letters such as `POCF`. */
  readonly flags: string;
  /** Of the emulator, where it can be asked: `7.2.22`. */
  readonly version?: string;
}

export interface Binfmt {
  /** Whether the kernel's binfmt_misc is mounted here. */
  readonly mounted: boolean;
  readonly enabled: boolean;
  readonly handlers: readonly Handler[];
  /** Handlers that a package has brought and that only have to be switched on, registered or not. */
  readonly packaged: readonly Packaged[];
}

export interface Packaged {
  readonly architecture: string;
  /** `qemu-aarch64`. */
  readonly name: string;
  /** What switches it on: Debian's binfmt-support, or systemd-binfmt(8). */
  readonly by: "update-binfmts" | "systemd-binfmt";
}

/** Where things lie; tests have a tree of their own. */
interface BinfmtFolders {
  readonly kernel: string;
  readonly debian: string;
  readonly systemd: readonly string[];
}

const BINFMT_FOLDERS: BinfmtFolders = {
  kernel: "/proc/sys/fs/binfmt_misc",
  debian: "/var/lib/binfmts",
  systemd: ["/etc/binfmt.d", "/usr/lib/binfmt.d"],
};

/** QEMU's names of architectures, where they differ from those of OCI. */
const QEMU_NAMES: Readonly<Record<string, string>> = {
  arm64: "aarch64",
  386: "i386",
  amd64: "x86_64",
  loong64: "loongarch64",
};

/** The name under which everybody registers QEMU for an architecture: `qemu-aarch64`. */
export function qemuHandlerName(architecture: string): string {
  return `qemu-${QEMU_NAMES[architecture] ?? architecture}`;
}

/** ELF e_machine, with EI_CLASS (1 is 32 bits, 2 is 64) and EI_DATA (1 is little-endian): elf(5). */
const MACHINES: Readonly<Record<string, string>> = {
  "2/1/183": "arm64",
  "1/1/40": "arm",
  "1/1/3": "386",
  "2/1/62": "amd64",
  "2/1/21": "ppc64le",
  "2/2/22": "s390x",
  "2/1/243": "riscv64",
  "2/1/258": "loong64",
};

const ARCHITECTURES = Object.values(MACHINES);

/** Reads the kernel's handlers. Never throws: other systems have no binfmt_misc. */
export async function readBinfmt(folders = BINFMT_FOLDERS): Promise<Binfmt> {
  const { kernel } = folders;
  const packaged = await readPackaged(folders);
  const [names, status] = await Promise.all([list(kernel), text(path.join(kernel, "status"))]);
  if (status === undefined) return { mounted: false, enabled: false, handlers: [], packaged };
  const handlers: Handler[] = [];
  for (const name of names) {
    if (name === "status" || name === "register") continue;
    // It may have been taken away in this moment.
    const said = await text(path.join(kernel, name));
    const handler = said === undefined ? undefined : parseHandler(name, said);
    if (handler !== undefined) handlers.push(handler);
  }
  return { mounted: true, enabled: status.trim() === "enabled", handlers, packaged };
}

async function readPackaged({ debian, systemd }: BinfmtFolders): Promise<readonly Packaged[]> {
  const found: Packaged[] = [];
  const add = (names: readonly string[], by: Packaged["by"]): void => {
    for (const file of names) {
      const name = file.replace(/(-static)?(\.conf)?$/, "");
      const architecture = ARCHITECTURES.find((one) => qemuHandlerName(one) === name);
      if (architecture !== undefined) found.push({ architecture, name, by });
    }
  };
  add(await list(debian), "update-binfmts");
  for (const folder of systemd) add(await list(folder), "systemd-binfmt");
  return found;
}

async function list(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).toSorted();
}

async function text(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").catch(() => undefined);
}

/**
 * One file of /proc/sys/fs/binfmt_misc (Documentation/admin-guide/binfmt-misc.rst). The architecture
 * is read from the ELF header that it waits for, since names are anybody's choice. Undefined for a
 * handler of something else, such as a script language.
 */
export function parseHandler(name: string, said: string): Handler | undefined {
  const field = (key: string): string | undefined =>
    new RegExp(`^${key}:? (.*)$`, "m").exec(said)?.[1]?.trim();
  const magic = Buffer.from(field("magic") ?? "", "hex");
  const interpreter = field("interpreter");
  if (interpreter === undefined || magic.length < 20) return undefined;
  if (magic.readUInt32BE(0) !== 0x7f454c46 || field("offset") !== "0") return undefined;
  const [bits = 0, order = 0] = magic.subarray(4, 6);
  const machine = order === 1 ? magic.readUInt16LE(18) : magic.readUInt16BE(18);
  const architecture = MACHINES[`${bits}/${order}/${machine}`];
  if (architecture === undefined) return undefined;
  return {
    name,
    architecture,
    enabled: said.startsWith("enabled"),
    interpreter,
    flags: field("flags") ?? "",
  };
}

/**
 * Asks an emulator for its version. Only what is called as QEMU's programs are is run; an
 * interpreter that a container registered is not there to be asked.
 */
export async function qemuVersion(
  interpreter: string,
  options: Parameters<typeof askProgram>[2],
): Promise<string | undefined> {
  let program: string;
  try {
    // Debian registers links such as `aarch64-binfmt-P`, under whose name QEMU takes no options.
    program = await realpath(interpreter);
  } catch {
    return undefined;
  }
  if (!/^qemu-[a-z0-9_]+(-static)?$/.test(path.basename(program))) return undefined;
  const answer = await askProgram(program, ["--version"], options);
  return answer.kind === "ended" ? parseQemuVersion(answer.stdout) : undefined;
}

/** `qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)` → `7.2.22`. */
export function parseQemuVersion(text: string): string | undefined {
  return /\bversion (\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];
}
