import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { TEMPLATES, which } from "./bundle.js";

/** The programs that a check may use, engines apart. */
const TOOLS =
  "sh awk cat cp cut date df dirname env find getconf grep head id ls mkdir od printf rm sed sort tail tr uname".split(
    " ",
  );

/** Machines as ELF programs are marked for them (elf(5)). */
export const MACHINES = { arm: 40, aarch64: 183, x86_64: 62 } as const;

export interface Finding {
  readonly id: string;
  readonly level: "pass" | "warn" | "fail";
  readonly component: string | null;
  readonly message: string;
  readonly mend: string | null;
}

export interface Report {
  readonly bundle: string;
  readonly platform: string;
  readonly result: string;
  readonly findings: readonly Finding[];
}

interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A host that is not here: its /proc, /sys and /etc, its engine, and a bundle that is to fit it. */
export class Host {
  private readonly fakes = new Map<string, string>();

  private constructor(
    readonly dir: string,
    private readonly shell: readonly string[],
  ) {}

  /** An ordinary arm64 server, whose engine is left to the test. */
  static async create(shell: readonly string[]): Promise<Host> {
    const host = new Host(await mkdtemp(join(tmpdir(), "host test ")), shell);
    await mkdir(join(host.dir, "bin"));
    await mkdir(join(host.dir, "tools"));
    for (const tool of TOOLS) {
      const [found] = which(tool) ?? [];
      if (found) await symlink(found, join(host.dir, "tools", tool));
    }
    await mkdir(host.data);
    host.says("uname", 'case $1 in -m) echo aarch64 ;; *) echo "5.10.0" ;; esac');
    host.says("id", "case $1 in -u) echo 0 ;; *) echo root ;; esac");
    host.says("getconf", "echo 4096");
    host.says("date", "echo 2026-01-15");
    host.disk(500);
    await host.elf("bin/sh", 64, MACHINES.aarch64);
    await host.elf("running", 64, MACHINES.aarch64);
    await host.write("root/proc/sys/kernel/osrelease", "5.10.0-136.el9.aarch64\n");
    await host.write("root/proc/meminfo", "MemTotal: 16084276 kB\nMemAvailable: 12000000 kB\n");
    await host.write("root/proc/mounts", "/dev/vda1 / ext4 rw,relatime 0 0\n");
    await host.write("root/proc/cpuinfo", KUNPENG);
    await host.write("bundle/SHA256SUMS", `${"0".repeat(64)}  bundle.json\n`);
    await host.table("bundle", [
      ["name", "openim"],
      ["version", "2.3.9"],
      ["project", "openim"],
      ["platform", "linux/arm64"],
      ["date", "2025-06-01T00:00:00Z"],
    ]);
    await host.table("images", []);
    await host.table("ports", []);
    await host.table("settings", [["DATA_DIR", "path", `=${host.data}`, "-", "Data", "数据"]]);
    return host;
  }

  get data(): string {
    return join(this.dir, "data");
  }

  get home(): string {
    return join(this.dir, "home");
  }

  /** A program that answers with what a few lines of shell print. */
  says(program: string, lines: string): void {
    this.fakes.set(program, lines);
  }

  /** Free space in GiB, the same for every folder, or by the first words of a path. */
  disk(gibibytes: number, others: Readonly<Record<string, number>> = {}): void {
    const line = (free: number, mount: string): string =>
      `echo "/dev/vda 999999999 1 ${String(Math.round(free * 1024 * 1024))} 1% ${mount}"`;
    const cases = Object.entries(others).map(
      ([path, free]) => `'${path}'*) ${line(free, path)} ;;`,
    );
    this.says(
      "df",
      `for last in "$@"; do :; done; echo Filesystem; case $last in ${cases.join(" ")} *) ${line(gibibytes, "/")} ;; esac`,
    );
  }

  async write(path: string, text: string | Buffer, mode = 0o644): Promise<void> {
    const file = join(this.dir, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    await chmod(file, mode);
  }

  /** An ELF program's first bytes. */
  async elf(path: string, bits: 32 | 64, machine: number): Promise<void> {
    const bytes = Buffer.alloc(64);
    bytes.write("\x7fELF", "latin1");
    bytes.set([bits / 32, 1, 1], 4);
    bytes.writeUInt16LE(machine, 18);
    await this.write(`root/${path}`, bytes);
  }

  async table(name: string, rows: readonly (readonly string[])[]): Promise<void> {
    await this.write(
      `bundle/site/${name}.tsv`,
      ["#", ...rows.map((row) => row.join("\t"))].map((line) => `${line}\n`).join(""),
    );
  }

  /** A process with its name and, where it listens, the numbers of its sockets. */
  async process(pid: number, name: string, ...sockets: readonly number[]): Promise<void> {
    await this.write(`root/proc/${String(pid)}/comm`, `${name}\n`);
    const fds = join(this.dir, `root/proc/${String(pid)}/fd`);
    await mkdir(fds);
    await symlink("/dev/null", join(fds, "0"));
    for (const [at, socket] of sockets.entries()) {
      await symlink(`socket:[${String(socket)}]`, join(fds, String(at + 3)));
    }
  }

  /** A program in PATH; answers as `case` arms on its arguments, joined by a space. */
  async program(name: string, ...arms: readonly string[]): Promise<void> {
    const text = `#!/bin/sh\ncase "$*" in\n${arms.join("\n")}\n*) echo "template: can't evaluate field" >&2; exit 1 ;;\nesac\n`;
    await this.write(`bin/${name}`, text, 0o755);
  }

  run(...commands: readonly string[]): Output {
    const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
    const script = [
      "set -eu",
      `ROOT=${quoted(join(this.dir, "bundle"))} CALLED_FROM=$PWD`,
      `for lib in ${quoted(join(TEMPLATES, "lib"))}/*.sh; do . "$lib"; done`,
      ...[...this.fakes].map(([name, lines]) => `${name}() { ${lines}; }`),
      "export LC_ALL=C",
      `WANTED_HOME=${quoted(this.home)}`,
      'mkdir -p "$HOST_ROOT/proc/$$"; cp "$HOST_ROOT/running" "$HOST_ROOT/proc/$$/exe"',
      "find_home",
      ...commands,
    ].join("\n");
    const [program = "", ...args] = this.shell;
    const { status, stdout, stderr } = spawnSync(program, [...args, "-c", script], {
      encoding: "utf8",
      // With a socket for standard input bash takes itself for a remote login.
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: `${join(this.dir, "bin")}:${join(this.dir, "tools")}`,
        HOST_ROOT: join(this.dir, "root"),
      },
    });
    return { code: status, stdout, stderr };
  }

  /** What rules find; no complaint of a tool slips through. */
  check(...rules: readonly string[]): Report {
    const { code, stdout, stderr } = this.run(...rules, "findings_json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout) as Report;
  }

  /** The only finding of a rule. */
  finding(...rules: readonly string[]): Finding {
    const { findings } = this.check(...rules);
    const [first] = findings;
    if (first === undefined || findings.length > 1) {
      throw new Error(`not one finding: ${JSON.stringify(findings)}`);
    }
    return first;
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A test's body that gets a host of its own. */
export function onHost(
  shell: readonly string[],
  body: (host: Host) => Promise<void> | void,
): () => Promise<void> {
  return async () => {
    const host = await Host.create(shell);
    try {
      await body(host);
    } finally {
      await host.remove();
    }
  };
}

/** Kunpeng 920 (Armv8.2) and Phytium FT-2000+ (Armv8.0), as Linux shows them. */
export const KUNPENG = `processor\t: 0
BogoMIPS\t: 200.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma dcpop asimddp asimdfhm
CPU implementer\t: 0x48
CPU architecture: 8
CPU part\t: 0xd01
`;

export const PHYTIUM = `processor\t: 0
model name\t: phytium FT-2000+/64
BogoMIPS\t: 100.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid
CPU implementer\t: 0x70
CPU architecture: 8
CPU part\t: 0x662
`;

/** What Docker 18.09 answers, as openEuler and Kylin ship it. */
export const DOCKER_18_09 = [
  "--version) echo 'Docker version 18.09.0, build 384e3e9' ;;",
  "'version --format {{.Server.Version}}') echo 18.09.0 ;;",
  "'version --format {{.Server.Arch}}') echo arm64 ;;",
  "'info --format {{.DockerRootDir}}') echo /var/lib/docker ;;",
  "'info --format {{.Driver}}') echo overlay2 ;;",
  "'info --format {{.DriverStatus}}') echo '[[Backing Filesystem extfs] [Supports d_type true] [Native Overlay Diff true]]' ;;",
  "'info --format {{.SecurityOptions}}') echo '[name=seccomp,profile=default]' ;;",
  "'ps '*) ;;",
] as const;
