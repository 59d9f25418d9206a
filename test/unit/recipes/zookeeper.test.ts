import { spawnSync } from "node:child_process";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SHELLS } from "../../site/bundle.js";

const SCRIPT = join(import.meta.dirname, "../../../templates/build/zookeeper/start-zk.sh");
const MARK = "# Written at every start. To keep what you change here, remove this line.";
const SEEN = ".started-by-zookeeper-3.5-or-later";
const IS_ROOT = process.getuid?.() === 0;

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-zookeeper-"));
  await chmod(dir, 0o755);
  for (const folder of ["home/conf", "home/lib", "home/bin", "conf", "data"]) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  await writeFile(
    join(dir, "home/conf/zoo_sample.cfg"),
    "# sample\ntickTime=2000\ndataDir=/tmp/zookeeper\nclientPort=2181\n",
  );
  // In place of the JVM: says what it was started with, and by whom.
  await writeFile(
    join(dir, "home/bin/java"),
    `#!/bin/sh\nprintf 'user=%s pid=%s\\n' "$(id -u)" $$\nprintf '<%s>\\n' "$@"\n`,
    { mode: 0o755 },
  );
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

interface Started {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly pid: number;
  /** What the JVM was given. */
  readonly args: readonly string[];
}

function start(shell: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const [program = "/bin/sh", ...args] = shell;
  const { status, stdout, stderr, pid } = spawnSync(program, [...args, SCRIPT], {
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      JAVA_HOME: join(dir, "home"),
      ZK_HOME: join(dir, "home"),
      ZOOCFGDIR: join(dir, "conf"),
      ZOO_DATA_DIR: join(dir, "data"),
      ...env,
    },
  });
  const given = [...stdout.matchAll(/^<(.*)>$/gm)].map(([, arg = ""]) => arg);
  return { status, stdout, stderr, pid, args: given };
}

const config = (): Promise<string> => readFile(join(dir, "conf/zoo.cfg"), "utf8");

/** What a server that reads the file last-line-wins, as Java's Properties do, makes of it. */
function settings(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split("\n")
      .filter((line) => /^[^#=]+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

async function oldData(...files: readonly string[]): Promise<void> {
  await mkdir(join(dir, "data/version-2"));
  for (const file of files) await writeFile(join(dir, "data/version-2", file), "");
}

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`start-zk.sh under ${name}`, () => {
    const run = (env?: Readonly<Record<string, string>>): Started => start(shell ?? [], env);

    it("writes zoo.cfg from the sample and its defaults", async () => {
      const { status, stderr } = run();
      expect(stderr).toBe("");
      expect(status).toBe(0);
      const text = await config();
      expect(text.split("\n")[0]).toBe(MARK);
      expect(settings(text)).toEqual({
        tickTime: "2000",
        clientPort: "2181",
        dataDir: join(dir, "data"),
        "autopurge.purgeInterval": "24",
        "autopurge.snapRetainCount": "3",
        "admin.enableServer": "false",
        "4lw.commands.whitelist": "srvr, ruok, mntr",
      });
      expect(await readdir(join(dir, "conf"))).toEqual(["zoo.cfg"]);
    });

    it("takes settings from the environment, at every start anew", async () => {
      run({ ZOO_TICK_TIME: "3000" });
      run({
        ZOO_INIT_LIMIT: "7",
        ZOO_SYNC_LIMIT: "3",
        ZOO_MAX_CLIENT_CNXNS: "0",
        ZOO_STANDALONE_ENABLED: "false",
        ZOO_AUTOPURGE_PURGEINTERVAL: "1",
        ZOO_AUTOPURGE_SNAPRETAINCOUNT: "5",
        ZOO_ADMINSERVER_ENABLED: "true",
        ZOO_4LW_COMMANDS_WHITELIST: "*",
        ZOO_DATA_LOG_DIR: join(dir, "log"),
        ZOO_CFG_EXTRA: "clientPort=2182 quorumListenOnAllIPs=true",
      });
      expect(settings(await config())).toEqual({
        tickTime: "2000",
        initLimit: "7",
        syncLimit: "3",
        maxClientCnxns: "0",
        standaloneEnabled: "false",
        clientPort: "2182",
        quorumListenOnAllIPs: "true",
        dataDir: join(dir, "data"),
        dataLogDir: join(dir, "log"),
        "autopurge.purgeInterval": "1",
        "autopurge.snapRetainCount": "5",
        "admin.enableServer": "true",
        "4lw.commands.whitelist": "*",
      });
    });

    it("never touches somebody's own zoo.cfg", async () => {
      await writeFile(join(dir, "conf/zoo.cfg"), "tickTime=1\n");
      const { status, stdout } = run({ ZOO_TICK_TIME: "3000" });
      expect(status).toBe(0);
      expect(await config()).toBe("tickTime=1\n");
      expect(stdout).toContain(`using your own ${join(dir, "conf/zoo.cfg")}`);
    });

    it("becomes the JVM, with the options of the environment", () => {
      const { args, stdout, pid } = run({
        JVMFLAGS: "-Xms64m  -Xmx256m",
        SERVER_JVMFLAGS: "-Dx=*",
      });
      expect(args).toEqual([
        "-XX:+ExitOnOutOfMemoryError",
        "-Xms64m",
        "-Xmx256m",
        "-Dx=*",
        "-cp",
        `${join(dir, "conf")}:${join(dir, "home/conf")}:${join(dir, "home/lib")}/*`,
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        join(dir, "conf/zoo.cfg"),
      ]);
      expect(stdout).toContain(`pid=${pid}\n`);
    });

    it("makes a member of an ensemble, whose id stays", async () => {
      const env = { ZOO_SERVERS: "server.1=a:2888:3888;2181 server.2=b:2888:3888;2181" };
      run({ ...env, ZOO_MY_ID: "2" });
      run({ ...env, ZOO_MY_ID: "1" });
      expect(await readFile(join(dir, "data/myid"), "utf8")).toBe("2\n");
      expect(settings(await config())).toMatchObject({
        "server.1": "a:2888:3888;2181",
        "server.2": "b:2888:3888;2181",
      });
    });

    it("reads a log of ZooKeeper 3.4 that has no snapshot, until there is one", async () => {
      const trust = "-Dzookeeper.snapshot.trust.empty=true";
      await oldData("log.1");
      expect(run().args).toContain(trust);
      // It did not come as far as to write one.
      expect(run().args).toContain(trust);
      await writeFile(join(dir, "data/version-2/snapshot.5"), "");
      expect(run().args).not.toContain(trust);
      await rm(join(dir, "data/version-2/snapshot.5"));
      expect(run().args).not.toContain(trust);
    });

    it("looks for the log in its own folder too", async () => {
      await mkdir(join(dir, "log/version-2"), { recursive: true });
      await writeFile(join(dir, "log/version-2/log.1"), "");
      const { args } = run({ ZOO_DATA_LOG_DIR: join(dir, "log") });
      expect(args).toContain("-Dzookeeper.snapshot.trust.empty=true");
    });

    it("says when there is no ZooKeeper", () => {
      const { status, stderr } = run({ ZK_HOME: join(dir, "nowhere") });
      expect(status).toBe(1);
      expect(stderr).toBe(`start-zk: there is no ZooKeeper in ${join(dir, "nowhere")}\n`);
    });

    it.runIf(IS_ROOT)("gives the data away and root up", async () => {
      await oldData("log.1", "snapshot.0");
      await chown(join(dir, "data/version-2"), 4242, 4242);
      const { status, stdout, stderr } = run({ ZOO_DATA_LOG_DIR: join(dir, "log") });
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(stdout).toContain("user=10001 ");
      for (const path of ["data", "data/version-2/log.1", `data/${SEEN}`, "log"]) {
        const { uid, gid } = await lstat(join(dir, path));
        expect({ path, uid, gid }).toEqual({ path, uid: 10001, gid: 10001 });
      }
    });

    it.skipIf(IS_ROOT)("stays who it is where it is not root", async () => {
      const { status, stdout } = run();
      expect(status).toBe(0);
      expect(stdout).toContain(`user=${String(process.getuid?.())} `);
      expect((await lstat(join(dir, "data", SEEN))).uid).toBe(process.getuid?.());
    });

    it.skipIf(IS_ROOT)("says where it cannot write zoo.cfg", async () => {
      await chmod(join(dir, "conf"), 0o555);
      const { status, stderr } = run();
      expect(status).toBe(1);
      expect(stderr).toContain(`cannot write ${join(dir, "conf/zoo.cfg")} as user`);
    });
  });
}
