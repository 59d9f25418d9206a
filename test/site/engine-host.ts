import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parsePlatform } from "../../src/core/platform.js";
import { sampleProgram } from "../../src/sample/elf.js";
import { HOST, type RunResult, TEMPLATES, finished, which } from "./bundle.js";

/** How a host starts its services. */
export type Init = "systemd" | "openrc" | "lsb";

/** What a host has beside the tools of `bundle.ts`: an archive has to be unpacked. */
const TOOLS =
  "sh awk cat chmod chown cp cut date df dirname env find grep gzip head id kill ln ls mkdir mv printf rm rmdir sed setsid sha256sum sleep sort sync tail tar tee tr uname wc".split(
    " ",
  );

/** The daemon runs where the number in its file is that of a process that lives. */
const RUNS = `pid=$(cat "$ENGINE_ROOT/var/run/docker.pid" 2>/dev/null) && grep -q '^State:[[:space:]]*[RSDTI]' "/proc/$pid/status" 2>/dev/null`;

const CLIENT = `#!/bin/sh
[ "$1" != compose ] || exec "$ENGINE_ROOT/usr/local/lib/docker/cli-plugins/docker-compose" "$@"
${RUNS} || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case $1 in
  version) echo 27.5.1 ;;
  ps) echo 0123456789ab ;;
esac
`;

/** Runs what the unit, or the script, names, as the program of that name would. */
const START = `"$ENGINE_ROOT/usr/local/bin/dockerd" </dev/null >/dev/null 2>&1 & echo $! >"$ENGINE_ROOT/var/run/docker.pid"`;
const STOP = `if ${RUNS}; then kill "$pid"; fi`;

const RECORD = `echo "\${0##*/} $*" >>"$ENGINE_ROOT/calls"
if [ -n "\${FAKE_START_SECONDS:-}" ]; then case $* in *start*) : >"$ENGINE_ROOT/starting"; exec sleep "$FAKE_START_SECONDS" ;; esac; fi
if [ -n "\${FAKE_START_FAILS:-}" ]; then case $* in *start*) exit 1 ;; esac; fi
mkdir -p "$ENGINE_ROOT/var/run"
`;

const FAKES: Readonly<Record<string, string>> = {
  systemctl: `case $1 in start) ${START} ;; stop) ${STOP} ;; esac`,
  "rc-update": ":",
  "rc-service": `case $2 in start) ${START} ;; stop) ${STOP} ;; status) ${RUNS} ;; esac`,
  "update-rc.d": ":",
  groupadd: `echo "docker:x:999:" >>"$ENGINE_ROOT/etc/group"`,
  groupdel: `sed -i /^docker:/d "$ENGINE_ROOT/etc/group"`,
  iptables: ":",
};

const PROGRAMS_OF: Readonly<Record<Init, readonly string[]>> = {
  systemd: ["systemctl", "groupadd", "groupdel", "iptables"],
  openrc: ["rc-update", "rc-service", "groupadd", "groupdel", "iptables"],
  lsb: ["update-rc.d", "groupadd", "groupdel", "iptables"],
};

export interface EngineRun {
  readonly remove?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly data?: string;
  readonly language?: "en" | "zh";
  readonly env?: Readonly<Record<string, string>>;
}

/** A host without an engine, and a bundle that carries one: folders that stand in for both. */
export class EngineHost {
  private constructor(
    readonly dir: string,
    readonly root: string,
    readonly bundle: string,
    private readonly shell: readonly string[],
  ) {}

  static async create(shell: readonly string[], init: Init): Promise<EngineHost> {
    const dir = await mkdtemp(join(tmpdir(), "engine-host-"));
    const host = new EngineHost(dir, join(dir, "root"), join(dir, "bundle"), shell);
    await host.file("etc/group", "root:x:0:\n");
    await host.file("proc/filesystems", "nodev\tproc\nnodev\toverlay\n");
    await host.file("proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    await mkdir(join(host.root, "usr"));
    await mkdir(join(host.root, "var"));
    if (init === "systemd") await mkdir(join(host.root, "run/systemd/system"), { recursive: true });
    await mkdir(join(dir, "tools"));
    for (const tool of TOOLS) {
      const [found] = which(tool) ?? [];
      if (found) await symlink(found, join(dir, "tools", tool));
    }
    for (const name of PROGRAMS_OF[init]) await host.program(name, `${RECORD}${FAKES[name] ?? ""}`);
    await host.carry(HOST);
    for (const name of ["install.sh", "lib"]) {
      await cp(join(TEMPLATES, name), join(host.bundle, name), { recursive: true });
    }
    return host;
  }

  /** Puts an engine for a platform into the bundle. */
  async carry(platform: string, daemon: "exit" | "wait" = "wait"): Promise<void> {
    const tree = join(this.dir, "tree");
    const program = (then: "exit" | "wait"): Buffer =>
      sampleProgram({ platform: parsePlatform(platform), message: "v2.30.3\n", then });
    await mkdir(join(tree, "docker"), { recursive: true });
    await mkdir(join(this.bundle, "extras"), { recursive: true });
    const put = (name: string, content: string | Buffer): Promise<void> =>
      writeFile(join(tree, "docker", name), content, { mode: 0o755 });
    await put("docker", CLIENT);
    await put("dockerd", program(daemon));
    for (const name of ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "docker-init"]) {
      await put(name, `${name}\n`);
    }
    spawnSync("tar", ["-czf", join(this.bundle, "extras/docker.tgz"), "-C", tree, "docker"]);
    await writeFile(join(this.bundle, "extras/docker-compose"), program("exit"));
    await mkdir(join(this.bundle, "site"), { recursive: true });
    await writeFile(
      join(this.bundle, "site/bundle.tsv"),
      `#key\tvalue\nname\topenim\nproject\topenim\nplatform\t${platform}\n`,
    );
    const rows = [];
    for (const name of ["docker", "compose"]) {
      const file = name === "docker" ? "extras/docker.tgz" : "extras/docker-compose";
      const bytes = await readFile(join(this.bundle, file));
      const sum = createHash("sha256").update(bytes).digest("hex");
      rows.push([name, file, sum, String(bytes.length), name === "docker" ? "27.5.1" : "2.30.3"]);
    }
    await writeFile(
      join(this.bundle, "site/extras.tsv"),
      [["#name", "file", "sha256", "bytes", "version"], ...rows]
        .map((row) => `${row.join("\t")}\n`)
        .join(""),
    );
  }

  /** Puts a shell script into PATH. */
  async program(name: string, body: string): Promise<void> {
    const file = join(this.dir, "bin", name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
  }

  async file(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.root, path), "utf8");
  }

  /** The calls that started, stopped or registered something. */
  async calls(): Promise<readonly string[]> {
    const text = await this.read("calls").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  /** Every file of the host, with what it holds; folders with a slash behind them. */
  async files(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const entry of await readdir(this.root, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      const path = relative(this.root, file);
      if (["calls", "starting"].includes(path)) continue;
      if (entry.isDirectory()) found.set(`${path}/`, "");
      else if (entry.isSymbolicLink()) found.set(path, `-> ${await readlink(file)}`);
      else found.set(path, (await readFile(file)).toString("latin1"));
    }
    return found;
  }

  async mode(path: string): Promise<string> {
    return ((await lstat(join(this.root, path))).mode & 0o777).toString(8);
  }

  start(run: EngineRun = {}): ChildProcess {
    const args = ["engine", "--lang", run.language ?? "en", "--home", join(this.dir, "home")];
    if (run.yes !== false) args.push("--yes");
    if (run.dryRun === true) args.push("--dry-run");
    if (run.remove === true) args.push("--remove");
    if (run.data !== undefined) args.push("--engine-data", run.data);
    const [program = "sh", ...rest] = this.shell;
    return spawn(program, [...rest, join(this.bundle, "install.sh"), ...args], {
      cwd: this.dir,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: `${join(this.dir, "bin")}:${join(this.dir, "tools")}`,
        ENGINE_ROOT: this.root,
        ENGINE_SECONDS: "100",
        ...run.env,
      },
    });
  }

  run(run: EngineRun = {}): Promise<RunResult> {
    return finished(this.start(run));
  }

  async daemonRuns(): Promise<boolean> {
    const pid = Number(await this.read("var/run/docker.pid").catch(() => "0"));
    if (pid === 0) return false;
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tX");
    return !/^State:\s*[ZX]/m.test(status);
  }

  async remove(): Promise<void> {
    const pid = Number(await this.read("var/run/docker.pid").catch(() => "0"));
    if (pid > 0 && (await this.daemonRuns())) process.kill(pid, "SIGKILL");
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A test's body with a host of its own. */
export function onHost(
  shell: readonly string[],
  init: Init,
  body: (host: EngineHost) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const host = await EngineHost.create(shell, init);
    try {
      await body(host);
    } finally {
      await host.remove();
    }
  };
}
