import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "vitest";
import { formatSums } from "../../src/bundle/sums.js";
import { type SiteManifest, siteIndexFiles } from "../../src/bundle/site-index.js";
import { tarballsOf } from "../../src/bundle/tarballs.js";
import { digestOf } from "../../src/core/digest.js";
import { formatPlatform, parsePlatform } from "../../src/core/platform.js";
import type { LockedImage } from "../../src/plan/types.js";

const run = promisify(execFile);
const HERE = dirname(fileURLToPath(import.meta.url));
export const TEMPLATES = join(HERE, "../../templates/site");

/** This machine: what a bundle has to be for to be installed here. */
export const HOST = formatPlatform(parsePlatform(process.arch === "ia32" ? "386" : process.arch));

export const OTHER = HOST === "linux/arm64" ? "linux/amd64" : "linux/arm64";

/** All that a site needs beside an engine. */
const TOOLS =
  "sh awk cat chmod cmp cp cut date dd df dirname env find getconf grep head hostname id ip ln ls mkdir mount mv od printf readlink rm rmdir sed sha256sum sleep sort stat sync tail tar tee tr uname uniq wc".split(
    " ",
  );

/** The shells that a site may have as /bin/sh; those that this machine lacks are undefined. */
export const SHELLS: Readonly<Record<string, readonly string[] | undefined>> = {
  dash: which("dash"),
  "busybox ash": which("busybox", "sh"),
  bash: which("bash"),
};

/** For what comes to pass sooner or later: late on a busy machine. */
export const PATIENCE = { interval: 20, timeout: 100_000 } as const;

/** For what does not depend on the shell: the smallest one here. */
export const SHELL = SHELLS["dash"] ?? ["/bin/sh"];

export function which(program: string, ...args: readonly string[]): readonly string[] | undefined {
  const found = (process.env["PATH"] ?? "")
    .split(":")
    .map((dir) => join(dir, program))
    .find((file) => existsSync(file));
  return found === undefined ? undefined : [found, ...args];
}

/** A compose file as sealed ones are: each image in a line of its own. */
function composeFile({ components }: SiteManifest): string {
  const services = components.map(
    ({ name, image: { reference } }) =>
      `  ${name}:\n    image: ${reference}\n    pull_policy: never\n`,
  );
  return `services:\n${services.join("")}`;
}

function image(reference: string, platform: string): LockedImage {
  const blob = (what: string) => ({
    mediaType: "application/octet-stream",
    digest: digestOf(`${reference} ${what}`),
    size: 10,
  });
  return { reference, manifest: blob("manifest"), config: blob("config"), layers: [], platform };
}

export function siteManifest(platform = HOST, dataDir = "/var/lib/openim"): SiteManifest {
  const component = (name: string, reference: string, port: number, zh: string) => ({
    name,
    required: true,
    title: { en: `${name}, a service`, zh },
    method: "image" as const,
    reason: "the table's own image",
    ports: [{ host: port, container: port, protocol: "tcp" as const }],
    image: image(reference, platform),
    tarball: { path: `images/${name}.tar`, size: 400_000 },
  });
  const secret = (name: string) => ({
    name,
    type: "secret" as const,
    length: 24,
    description: { en: `Password ${name}.`, zh: `密码 ${name}。` },
  });
  return {
    bundleVersion: 2,
    name: "openim",
    version: "2.3.9",
    title: { en: "OpenIM", zh: "OpenIM 即时通讯" },
    platform,
    date: "2024-01-02T03:04:05Z",
    tool: { name: "openim-bundler", version: "0.1.0" },
    definition: digestOf("definition"),
    components: [
      component("mysql", "docker.io/library/mariadb:10.11", 57306, "关系型数据库"),
      component("redis", "docker.io/library/redis:7.0.15", 57379, "缓存"),
      component("open_im_server", "docker.io/openim/open_im_server:v2.3.9", 57002, "服务端"),
    ],
    leftOut: [{ name: "open_im_enterprise", required: false, reason: "no image for arm64" }],
    settings: [
      {
        name: "DATA_DIR",
        type: "path",
        default: dataDir,
        description: { en: "Where the data lies.", zh: "数据目录。" },
      },
      {
        name: "HOST_ADDRESS",
        type: "host",
        description: { en: "Address of this host.", zh: "本机地址。" },
      },
      {
        name: "API_PORT",
        type: "port",
        default: "10002",
        description: { en: "Port of the API.", zh: "API 端口。" },
      },
      {
        name: "TZ",
        type: "string",
        default: "Asia/Shanghai",
        description: { en: "Time zone.", zh: "时区。" },
      },
      secret("MYSQL_PASSWORD"),
      secret("REDIS_PASSWORD"),
    ],
  };
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A tarball as a small and a large blob with gaps before, between and behind them, none of a round size. */
function blobRows(path: string, bytes: Buffer): readonly string[] {
  const places =
    bytes.length < 20_000
      ? []
      : [
          [4096, 1000],
          [5632, bytes.length - 7133],
        ];
  const structure: Buffer[] = [];
  let at = 0;
  const rows = places.map(([offset = 0, size = 0]) => {
    structure.push(bytes.subarray(at, offset));
    at = offset + size;
    return `${path}\t${offset}\t${size}\t${sha256(bytes.subarray(offset, at))}\n`;
  });
  const rest = Buffer.concat([...structure, bytes.subarray(at)]);
  return [...rows, `${path}\t-\t${rest.length}\t${sha256(rest)}\n`];
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs the copy of the installed release instead of the bundle's. */
  readonly installed?: boolean;
}

/** A bundle as it lies on a site after extraction, with an engine to install it into. */
export class Site {
  private constructor(
    readonly dir: string,
    readonly root: string,
    readonly home: string,
    readonly data: string,
    readonly state: string,
    private readonly shell: readonly string[],
  ) {}

  static async create(shell: readonly string[], platform = HOST): Promise<Site> {
    const dir = await mkdtemp(join(tmpdir(), "site test "));
    const root = join(dir, "a folder", "openim 2.3.9");
    // A setting of type path has no spaces.
    const data = await mkdtemp(join(tmpdir(), "site-data-"));
    await rm(data, { recursive: true });
    const home = join(dir, "a home", "openim");
    const site = new Site(dir, root, home, data, join(dir, "engine"), shell);
    const manifest = siteManifest(platform, data);
    await site.pack(manifest);
    await mkdir(join(dir, "bin"));
    // Tools that a site has and no others, so that no engine of this machine is found.
    await mkdir(join(dir, "tools"));
    for (const tool of TOOLS) {
      const [found] = which(tool) ?? [];
      if (found) await symlink(found, join(dir, "tools", tool));
    }
    for (const name of ["becomes", "containers", "images"]) {
      await mkdir(join(site.state, name), { recursive: true });
    }
    await site.engines("docker");
    for (const { name } of manifest.components) {
      await site.becomes(name, "running|healthy|0|0|always");
    }
    return site;
  }

  /** Another bundle beside the first one, as it lies on the site after extraction. */
  async newer(version: string, change: (manifest: SiteManifest) => SiteManifest): Promise<Site> {
    const root = join(this.dir, "a folder", `openim ${version}`);
    const other = new Site(this.dir, root, this.home, this.data, this.state, this.shell);
    await other.pack({ ...change(siteManifest(HOST, this.data)), version });
    return other;
  }

  private async pack(manifest: SiteManifest): Promise<void> {
    await cp(TEMPLATES, this.root, { recursive: true });
    await this.write("bundle.json", JSON.stringify(manifest));
    await this.write("compose.yaml", composeFile(manifest));
    for (const { path, text } of siteIndexFiles(manifest)) await this.write(path, text);
    for (const { path, components } of tarballsOf(manifest.components)) {
      const images = components.map(({ image: one }) =>
        [one.reference, one.manifest.digest, one.config.digest, one.platform, "."].join(" "),
      );
      const { size } = components[0]!.tarball;
      await this.write(path, `${images.join("\n")}\n`.padEnd(size, ".\n"));
    }
    await this.sums();
  }

  /** Puts engines and compose tools into PATH, and no others. */
  async engines(...names: readonly string[]): Promise<void> {
    const bin = join(this.dir, "bin");
    for (const name of await readdir(bin)) await rm(join(bin, name));
    for (const name of names) await symlink(join(HERE, "engine/docker"), join(bin, name));
  }

  /** Puts shell code before one of the site's tools; `$real` is the tool itself. */
  async program(tool: string, before: string): Promise<void> {
    const real = join(this.dir, "tools", tool);
    const script = `#!/bin/sh\nreal='${real}'\n${before}\nexec "$real" "$@"\n`;
    await writeFile(join(this.dir, "bin", tool), script, { mode: 0o755 });
  }

  /** What `uname` says, for a host of another architecture. */
  async machine(name: string): Promise<void> {
    await writeFile(join(this.dir, "bin", "uname"), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
  }

  /** The states that a service goes through once it is started, one a look. */
  async becomes(service: string, ...states: readonly string[]): Promise<void> {
    await writeFile(
      join(this.state, "becomes", service),
      states.map((state) => `${state}\n`).join(""),
    );
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  async read(path: string): Promise<string> {
    return readFile(join(this.root, path), "utf8");
  }

  /** A file of the installation's home; those of the installed release are under `current/`. */
  async kept(path: string): Promise<string> {
    return readFile(join(this.home, path), "utf8");
  }

  /** Puts a file into the home, as an earlier run left it. */
  async keep(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.home, path)), { recursive: true });
    await writeFile(join(this.home, path), text);
  }

  /** The settings of the installed release. */
  async settings(): Promise<string> {
    return this.kept("current/.env");
  }

  /** The image that a service's container runs. */
  async runs(service: string): Promise<string> {
    return (await readFile(join(this.state, "runs", service), "utf8")).trim();
  }

  /** Sums that fit the bundle as it lies there. */
  async sums(): Promise<void> {
    const rows = ["#tarball\toffset\tsize\tsha256\n"];
    for (const name of (await readdir(join(this.root, "images"))).toSorted()) {
      rows.push(...blobRows(`images/${name}`, await readFile(join(this.root, "images", name))));
    }
    await this.write("site/blobs.tsv", rows.join(""));
    await this.onlySums();
  }

  /** SHA256SUMS alone, of files and tables as they are. */
  async onlySums(): Promise<void> {
    const sums = new Map<string, string>();
    for (const entry of await readdir(this.root, { recursive: true, withFileTypes: true })) {
      const path = relative(this.root, join(entry.parentPath, entry.name));
      if (!entry.isFile() || path === "SHA256SUMS" || path.startsWith("images/")) continue;
      sums.set(path, sha256(await readFile(join(this.root, path))));
    }
    await writeFile(join(this.root, "SHA256SUMS"), formatSums(sums));
  }

  /** What the engine was told to do, reading aside. */
  async changes(): Promise<readonly string[]> {
    const calls = await readFile(join(this.state, "calls"), "utf8").catch(() => "");
    return calls
      .split("\n")
      .map((call) => call.replace(`${this.root}/`, ""))
      .filter((call) => /^load|^tag|^push|^rmi|up -d|down/.test(call));
  }

  /** A site's tools, the engine that stands in, and no patience. */
  environment(env: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    return {
      PATH: `${join(this.dir, "bin")}:${join(this.dir, "tools")}`,
      LANG: "C",
      POLL_SECONDS: "0.1",
      SMOKE_PAUSE: "0.1",
      FAKE_STATE: this.state,
      FAKE_PLATFORM: HOST,
      ...env,
    };
  }

  start({ args = [], env = {}, installed = false }: RunOptions = {}): ChildProcess {
    const [program = "sh", ...rest] = this.shell;
    const script = installed
      ? [join(this.home, "current/install.sh")]
      : [join(this.root, "install.sh"), "--home", this.home];
    return spawn(program, [...rest, ...script, ...args], {
      cwd: this.dir,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: this.environment(env),
    });
  }

  /** The whole installation. */
  async run(options: RunOptions = {}): Promise<RunResult> {
    const args = ["--host-address", "10.0.0.5", ...(options.args ?? [])];
    return this.call(args, options);
  }

  async call(args: readonly string[], options: Omit<RunOptions, "args"> = {}): Promise<RunResult> {
    return finished(this.start({ ...options, args }));
  }

  /** Forgets what the engine was told so far. */
  async forget(): Promise<void> {
    await rm(join(this.state, "calls"), { force: true });
  }

  /** That a run ended so, with nothing loaded, started or written. */
  async expectUntouched(result: RunResult, code: number): Promise<void> {
    expect(result, JSON.stringify(result)).toMatchObject({ code });
    expect(await this.changes()).toEqual([]);
    expect(existsSync(this.home)).toBe(false);
    expect(existsSync(this.data)).toBe(false);
  }

  /** Keeps everything as it is now, for {@link restore}. */
  async save(): Promise<void> {
    await run("cp", ["-a", this.dir, this.#saved]);
    if (existsSync(this.data)) await run("cp", ["-a", this.data, `${this.#saved}-data`]);
  }

  async restore(): Promise<void> {
    await rm(this.dir, { recursive: true });
    await rm(this.data, { recursive: true, force: true });
    await run("cp", ["-a", this.#saved, this.dir]);
    if (existsSync(`${this.#saved}-data`))
      await run("cp", ["-a", `${this.#saved}-data`, this.data]);
  }

  get #saved(): string {
    return `${this.dir}-saved`;
  }

  async remove(): Promise<void> {
    for (const each of [this.dir, this.data, this.#saved, `${this.#saved}-data`]) {
      await rm(each, { recursive: true, force: true });
    }
  }
}

/** A test's body that gets a site of its own, so that tests can run beside each other. */
export function withSite(
  body: (site: Site) => Promise<void>,
  { shell = SHELL, platform = HOST }: { shell?: readonly string[]; platform?: string } = {},
): () => Promise<void> {
  return async () => {
    const site = await Site.create(shell, platform);
    try {
      await body(site);
    } finally {
      await site.remove();
    }
  };
}

export function finished(child: ChildProcess): Promise<RunResult> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export function lines(text: string): readonly string[] {
  return text.trimEnd().split("\n");
}
