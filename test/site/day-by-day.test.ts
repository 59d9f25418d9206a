import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OTHER, SHELLS, type Site, lines, withSite } from "./bundle.js";
import { withInstalled } from "./installed.js";

async function installed(site: Site): Promise<void> {
  expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
  await site.forget();
}

function secretsOf(env: string): readonly string[] {
  return [...env.matchAll(/^\w*PASSWORD=(.+)$/gm)].map(([, value]) => value ?? "");
}

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`install.sh under ${name}, day by day`, () => {
    const onInstalled = (body: (site: Site) => Promise<void>) =>
      withInstalled(body, { shell: shell ?? [] });

    it.concurrent(
      "shows, stops, starts, verifies and removes what it installed, from its own copy",
      onInstalled(async (site) => {
        const here = { installed: true };

        const status = await site.call(["status"], here);
        expect(status).toMatchObject({ code: 0, stderr: "" });
        expect(lines(status.stdout).at(-1)).toBe("READY: OpenIM 2.3.9; all services are ready.");
        const json = JSON.parse((await site.call(["status", "--json"], here)).stdout) as unknown;
        expect(json).toMatchObject({
          project: "openim",
          bundle: "openim 2.3.9",
          operation: "",
          ready: true,
          services: [
            { service: "mysql", state: "ready", restarts: 0 },
            { service: "redis" },
            { service: "open_im_server" },
          ],
        });
        expect((await site.call(["logs", "redis", "--tail", "5"], here)).stdout).toContain(
          "--tail 5 redis",
        );
        expect(await site.call(["logs", "stranger"], here)).toMatchObject({ code: 2 });

        const verified = await site.call(["verify"], here);
        expect(verified).toMatchObject({ code: 0, stderr: "" });
        expect(verified.stdout).toMatch(/ok +redis +docker\.io\/library\/redis:7\.0\.15 linux\//);

        const down = await site.call(["down"], here);
        expect(down).toMatchObject({ code: 0, stderr: "" });
        expect(await site.changes()).toEqual([
          "compose -p openim -f compose.yaml down --remove-orphans",
        ]);
        expect(await site.call(["status"], here)).toMatchObject({ code: 9 });
        expect(await site.call(["up"], here)).toMatchObject({ code: 0, stderr: "" });

        const env = await site.settings();
        const unsure = await site.call(["uninstall"], here);
        expect(unsure.code).toBe(2);
        const gone = await site.call(["uninstall", "--yes"], here);
        expect(gone).toMatchObject({ code: 0, stderr: "" });
        expect(await readdir(site.home)).toEqual(["settings.env"]);
        expect(await site.kept("settings.env")).toBe(env);
        expect(await readdir(join(site.state, "images"))).toEqual([]);
        expect(existsSync(site.data)).toBe(true);

        await installed(site);
        expect(await site.settings()).toBe(env);
      }),
    );
  });
}

describe("install.sh, day by day", () => {
  it.concurrent(
    "writes a receipt of what the engine really has",
    withInstalled(async (site) => {
      const receipt = JSON.parse(await site.kept("receipt.json")) as { images: unknown[] };
      expect(receipt).toMatchObject({
        bundle: "openim 2.3.9",
        result: "ok",
        images: [{ component: "mysql" }, { component: "redis" }, { component: "open_im_server" }],
      });
      expect(receipt.images[1]).toMatchObject({
        reference: "docker.io/library/redis:7.0.15",
        ok: true,
        found: { os: "linux", size: 12345 },
      });

      const file = join(site.state, "images/redis:7.0.15");
      const [reference, manifest, config] = (await readFile(file, "utf8")).split(" ");
      await writeFile(file, `${reference} ${manifest} ${config} ${OTHER}\n`);
      const other = await site.call(["verify"]);
      expect(other.code).toBe(7);
      expect(other.stdout).toMatch(new RegExp(`WRONG redis .*${OTHER}`));

      await writeFile(file, `${reference} sha256:1 sha256:2 linux/amd64\n`);
      const json = await site.call(["verify", "--json"]);
      expect(json.code).toBe(7);
      expect(JSON.parse(json.stdout)).toMatchObject({ result: "failed" });
    }),
  );

  it.concurrent(
    "sees a container that runs another image than the bundle's",
    withInstalled(async (site) => {
      await writeFile(join(site.state, "runs/redis"), "sha256:stranger\n");
      const result = await site.call(["verify"]);
      expect(result.code).toBe(7);
      expect(result.stderr).toContain("Containers that run another image");
    }),
  );

  it.concurrent(
    "removes the data only when the project's name is said",
    withInstalled(async (site) => {
      const anonymous = "0123456789abcdef".repeat(4);
      await writeFile(join(site.state, "volumes"), `openim_data\n${anonymous}\nanother\n`);
      await mkdir(join(site.state, "mounts"));
      await writeFile(join(site.state, "mounts/redis"), `${anonymous}\nopenim_data\nanother\n`);
      for (const args of [["--purge"], ["--purge", "--yes"], ["--purge", "--confirm", "other"]]) {
        expect(await site.call(["uninstall", ...args])).toMatchObject({ code: 2 });
      }
      expect(existsSync(site.data)).toBe(true);
      // Without their containers the volumes are remembered, as long as they are there.
      const gone = "fedcba9876543210".repeat(4);
      await writeFile(join(site.state, "mounts/mysql"), `${gone}\n`);
      expect(await site.call(["down"])).toMatchObject({ code: 0 });
      expect(await site.kept("state")).toContain(`volumes=${anonymous} ${gone}\n`);
      const plan = await site.call(["uninstall", "--purge", "--dry-run"]);
      expect(plan.stdout).toContain(
        `AND FOR EVER: the data in ${site.data} and in the volumes ${anonymous} openim_data, and all`,
      );

      const result = await site.call(["uninstall", "--purge", "--confirm", "openim"]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(existsSync(site.data)).toBe(false);
      expect(existsSync(site.home)).toBe(false);
      expect(await readFile(join(site.state, "volumes"), "utf8")).toBe("another\n");
    }),
  );

  it.concurrent.each(["/", "/usr/lib", "/etc/openim", "/var/lib", "/home/somebody"])(
    "never removes %s as data",
    (folder) =>
      withSite(async (site) => {
        await site.keep("settings.env", `DATA_DIR=${folder}\nHOST_ADDRESS=a.example\n`);
        const result = await site.call(["uninstall", "--purge", "--confirm", "openim"]);
        // A folder that is not there is nobody's to remove.
        expect(result.code).toBe(existsSync(folder) ? 8 : 0);
        expect(await site.changes()).toEqual([]);
      })(),
  );

  it.concurrent(
    "leaves the images that another installation here needs",
    withInstalled(async (site) => {
      const table = (await site.kept("current/site/images.tsv"))
        .split("\n")
        .filter((line) => !line.startsWith("mysql"))
        .join("\n");
      await site.keep("../second/releases/2.3.9-0/site/images.tsv", table);
      expect(await site.call(["uninstall", "--yes"])).toMatchObject({ code: 0, stderr: "" });
      const left = await readdir(join(site.state, "images"));
      expect(left.toSorted()).toEqual(["open_im_server:v2.3.9", "redis:7.0.15"]);
    }),
  );

  it.concurrent(
    "removes what killed runs left, too",
    withInstalled(async (site) => {
      await site.keep("receipt.json.new", "{");
      await site.keep("lock.stale.1/pid", "1 1\n");
      expect(await site.call(["uninstall", "--yes"])).toMatchObject({ code: 0, stderr: "" });
      expect(await readdir(site.home)).toEqual(["settings.env"]);
    }),
  );

  it.concurrent(
    "removes no data as its own of which it does not know",
    withSite(async (site) => {
      // A run was cut off before it had any settings; the default folder is another installation's.
      await mkdir(site.home, { recursive: true });
      await mkdir(join(site.data, "mysql"), { recursive: true });
      expect(await site.call(["uninstall", "--purge", "--confirm", "openim"])).toMatchObject({
        code: 0,
        stderr: "",
      });
      expect(existsSync(join(site.data, "mysql"))).toBe(true);
    }),
  );

  it.concurrent(
    "purges a disk that is mounted as the data folder, and not more than it can",
    withInstalled(async (site) => {
      await mkdir(join(site.data, "mysql"), { recursive: true });
      await writeFile(join(site.data, "mysql/ibdata1"), "x");
      const refuse = (rest: string) =>
        site.program("rm", `case $* in *" ${site.data}"*) ${rest}; echo busy >&2; exit 1 ;; esac`);
      await refuse(":");
      const stuck = await site.call(["uninstall", "--purge", "--confirm", "openim"]);
      expect(stuck.code).toBe(9);
      expect(stuck.stderr).toContain(`Some of the data in ${site.data} could not be removed`);

      await refuse(`"$real" -rf "${site.data}/mysql"`);
      const result = await site.call(["uninstall", "--purge", "--confirm", "openim"]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(existsSync(site.home)).toBe(false);
      expect(await readdir(site.data)).toEqual([]);
    }),
  );

  it.concurrent(
    "does not purge the bundle that lies in the data folder",
    withSite(async (site) => {
      const link = await mkdtemp(join(tmpdir(), "site-link-"));
      await rmdir(link);
      await symlink(join(site.dir, "a folder"), link);
      try {
        await site.keep("settings.env", `DATA_DIR=${link}\nHOST_ADDRESS=a.example\n`);
        const result = await site.call(["uninstall", "--purge", "--confirm", "openim"]);
        expect(result.code).toBe(8);
        expect(existsSync(site.root)).toBe(true);
      } finally {
        await rm(link);
      }
    }),
  );

  it.concurrent(
    "goes on, and keeps its exit code, where the log cannot grow",
    withInstalled(async (site) => {
      await rm(join(site.home, "install.log"));
      await symlink("/dev/full", join(site.home, "install.log"));
      expect(await site.call(["status"])).toMatchObject({ code: 0, stderr: "" });
      expect(await site.call(["prune", "--yes"])).toMatchObject({ code: 0, stderr: "" });
      expect((await site.call(["rollback", "--yes"])).code).toBe(10);
    }),
  );

  it.concurrent(
    "packs what helps and no password",
    withInstalled(async (site) => {
      const secrets = secretsOf(await site.settings());
      expect(secrets).toHaveLength(2);
      await writeFile(join(site.home, "install.log"), `it said ${secrets.join(" and ")}\n`);
      const file = join(site.dir, "help.tar");

      const result = await site.call(["support", file]);
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(lines(result.stdout).at(-1)).toMatch(/^PACKED: .*help\.tar\./);
      const tar = spawnSync("tar", ["-xOf", file], { encoding: "latin1" });
      for (const secret of secrets) expect(tar.stdout).not.toContain(secret);
      expect(tar.stdout).toContain("it said *** and ***");
      const names = spawnSync("tar", ["-tf", file], { encoding: "utf8" }).stdout;
      const parts = ["host.txt", "engine.txt", "check.json", "status.txt", "install.log"];
      for (const part of [...parts, "log-redis.txt"]) {
        expect(names).toContain(`openim-support/${part}`);
      }
      expect(names).not.toContain(".env");
      expect(await site.call(["support", file])).toMatchObject({ code: 10 });
    }),
  );

  it.concurrent(
    "follows no link that others left where it packs, and leaves nothing else there",
    withInstalled(async (site) => {
      const shared = join(site.dir, "shared");
      const theirs = join(site.dir, "theirs");
      await mkdir(shared);
      await mkdir(theirs);
      await writeFile(join(theirs, "precious"), "precious\n");
      await symlink(join(theirs, "precious"), join(shared, "a.tar"));
      await symlink(join(theirs, "precious"), join(shared, "b.tar.new"));
      await symlink(theirs, join(shared, "c.tar"));
      await symlink(join(theirs, "nothing"), join(shared, "d.tar"));
      for (const name of ["a.tar", "c.tar", "d.tar"]) {
        expect(await site.call(["support", join(shared, name)])).toMatchObject({ code: 10 });
      }
      expect(await site.call(["support", join(shared, "b.tar")])).toMatchObject({ code: 0 });
      expect(await readFile(join(theirs, "precious"), "utf8")).toBe("precious\n");
      expect(await readdir(theirs)).toEqual(["precious"]);
      expect((await readdir(shared)).toSorted()).toEqual([
        "a.tar",
        "b.tar",
        "b.tar.new",
        "c.tar",
        "d.tar",
      ]);
      expect((await stat(join(shared, "b.tar"))).mode & 0o777).toBe(0o600);
    }),
  );

  it.concurrent(
    "loads some components only, and refuses a name that is none",
    withSite(async (site) => {
      expect(await site.call(["load", "--only", "redis"])).toMatchObject({ code: 0, stderr: "" });
      expect(await site.changes()).toEqual(["load -i images/redis.tar"]);
      const typo = await site.call(["load", "--only", "redis,reddis"]);
      expect(typo.code).toBe(2);
      expect(typo.stderr).toContain("There is no component reddis. There are: mysql redis");
    }),
  );

  it.concurrent(
    "takes a table of smoke tests for data, whatever stands in it",
    withSite(async (site) => {
      const planted = join(site.state, "planted");
      await site.write(
        "site/smoke.tsv",
        [
          "#component\tkind\tlimit\texpect\tcommand",
          `redis\trun\t1\t-\t'true'; touch ${planted}`,
          `redis\trun\t1\t-\t$(touch ${planted})`,
          `redis\trun\t1\t-\t'true' \`touch ${planted}\``,
          "",
        ].join("\n"),
      );
      await site.sums();
      const result = await site.run();
      expect(result.code).toBe(9);
      expect(result.stderr).toContain("3 smoke tests failed");
      expect(existsSync(planted)).toBe(false);
    }),
  );

  it.concurrent(
    "tries each service once, and does not call it installed where one fails",
    withSite(async (site) => {
      await site.write(
        "site/smoke.tsv",
        [
          "#component\tkind\tlimit\texpect\tcommand",
          "redis\trun\t2\tPONG\t'redis-cli' 'a b' '$HOME' 'it'\\''s'",
          "mysql\trun\t2\t-\t'true'",
          "",
        ].join("\n"),
      );
      await site.sums();
      await mkdir(join(site.state, "answers"), { recursive: true });
      await writeFile(join(site.state, "answers/redis"), "echo LOADING\n");
      const failed = await site.run();
      expect(failed.code).toBe(9);
      expect(failed.stderr).toContain(
        "FAIL  redis: redis-cli a b $HOME it's (exit code 0, without",
      );
      expect(failed.stderr).toContain("LOADING");
      expect(failed.stderr).toMatch(/1 smoke tests failed\.\nNOT INSTALLED/);

      const [release = ""] = await readdir(join(site.home, "releases"));
      const [secret = ""] = secretsOf(await site.kept(`releases/${release}/.env`));
      await writeFile(join(site.state, "answers/redis"), `echo not with ${secret}\n`);
      const told = await site.run();
      expect(told.stderr).toContain("not with ***");
      expect(await site.kept("install.log")).not.toContain(secret);

      await writeFile(join(site.state, "answers/redis"), "echo PONG\n");
      const passed = await site.run();
      expect(passed).toMatchObject({ code: 0, stderr: "" });
      expect(passed.stdout).toContain("ok    mysql: true");
      expect(await readFile(join(site.state, "executed"), "utf8")).toContain(
        "redis-cli a b $HOME it's\n",
      );
    }),
  );

  it.concurrent(
    "takes settings from a file, and those of the command line before them",
    withSite(async (site) => {
      const file = join(site.dir, "site.conf");
      await writeFile(file, "# ours\nAPI_PORT=20001\nTZ=UTC\nMYSQL_PASSWORD=from.elsewhere\n");
      const args = ["--set", "API_PORT=20002", "--settings", file];
      expect(await site.run({ args })).toMatchObject({ code: 0, stderr: "" });
      const env = await site.settings();
      expect(env).toContain("\nAPI_PORT=20002\n");
      expect(env).toContain("\nTZ=UTC\n");
      expect(env).toContain("\nMYSQL_PASSWORD=from.elsewhere\n");
    }),
  );

  it.concurrent(
    "keeps two installations on one host apart",
    withInstalled(async (site) => {
      const mixed = await site.call(["status", "--project", "second"]);
      expect(mixed.code).toBe(2);
      expect(mixed.stderr).toContain("belongs to another project, openim");
    }),
  );

  it.concurrent.each([
    [["frob"], "Unknown command: frob"],
    [["status", "now"], "Unexpected word: now"],
    [["up", "--purge"], "The option --purge means nothing to `up`"],
    [["install", "--registry", "a.example"], "it belongs to: load"],
    [["logs", "--tail", "x"], "x is not a number of lines"],
    [["--project", "A B"], "cannot be the name of a project"],
    [["--project", "openim-"], "cannot be the name of a project"],
    [["--project", "open_-im"], "cannot be the name of a project"],
  ])("refuses %j", (args, words) =>
    withSite(async (site) => {
      const result = await site.call(args);
      await site.expectUntouched(result, 2);
      expect(result.stderr).toContain(words);
    })(),
  );

  it.concurrent(
    "explains each of its commands in both languages",
    withSite(async (site) => {
      const commands = [
        ...["install", "check", "load", "configure", "up", "status", "logs", "down", "upgrade"],
        ...["rollback", "verify", "prune", "uninstall", "engine", "support"],
      ];
      for (const command of commands) {
        const [en, zh] = await Promise.all([
          site.call(["help", command]),
          site.call([command, "--help", "--lang", "zh"]),
        ]);
        expect(en).toMatchObject({ code: 0, stderr: "" });
        expect(en.stdout).toMatch(/^Usage: \.\/install\.sh /);
        expect(zh.stdout).toMatch(/^用法：\.\/install\.sh /);
      }
      expect(await site.call(["help", "instal"])).toMatchObject({ code: 2, stdout: "" });
    }),
  );

  it.concurrent(
    "leaves a host alone where nothing of it is installed",
    withSite(async (site) => {
      for (const [command, code] of [
        ["down", 10],
        ["rollback", 10],
        ["status", 10],
        ["up", 7],
      ] as const) {
        const result = await site.call([command, "--yes"]);
        expect(result.code, `${command}: ${result.stderr}`).toBe(code);
        expect(existsSync(site.home), command).toBe(false);
        expect(existsSync(site.data), command).toBe(false);
      }
    }),
  );

  it.concurrent(
    "says as JSON, too, what went wrong, in one document",
    withSite(async (site) => {
      const errorOf = async (command: string): Promise<unknown> =>
        (JSON.parse((await site.call([command, "--json"])).stdout) as { error?: unknown }).error;
      expect(await errorOf("status")).toMatchObject({ exitCode: 10 });
      expect(await errorOf("verify")).toMatchObject({ exitCode: 10 });
      await site.write("README.md", "another one");
      expect(await errorOf("check")).toMatchObject({ exitCode: 3 });
      await site.engines();
      expect(await errorOf("status")).toMatchObject({
        exitCode: 5,
        message: expect.stringContaining("Neither Docker nor Podman") as string,
      });
    }),
  );

  it.concurrent(
    "puts what support packs beside the bundle, whose files stay as they are",
    withSite(async (site) => {
      const said = spawnSync(
        "sh",
        [
          "-c",
          'cd "$1" && ./install.sh support --home "$2" $3',
          "sh",
          site.root,
          site.home,
          "--dry-run",
        ],
        { env: { ...site.environment() }, encoding: "utf8" },
      );
      expect(said).toMatchObject({ status: 0, stderr: "" });
      expect(said.stdout).toContain("Nothing was changed");
      const beside = join(site.root, "..");
      expect((await readdir(beside)).filter((name) => name.endsWith(".tar"))).toEqual([]);
      const packed = spawnSync(
        "sh",
        ["-c", 'cd "$1" && ./install.sh support --home "$2"', "sh", site.root, site.home],
        { env: { ...site.environment() }, encoding: "utf8" },
      );
      expect(packed.status).toBe(0);
      expect((await readdir(beside)).filter((name) => name.endsWith(".tar"))).toHaveLength(1);
      expect(await site.call(["check"])).toMatchObject({ code: 0 });
    }),
  );

  it.concurrent(
    "lets services read their files, whatever the umask was when the bundle was extracted",
    withSite(async (site) => {
      await site.write("files/redis/redis.conf", "save 60 1\n");
      await site.sums();
      spawnSync("chmod", ["-R", "go-rwx", site.root]);
      await installed(site);
      const modeOf = async (path: string): Promise<number> =>
        (await stat(join(site.home, "current", path))).mode & 0o777;
      expect(await modeOf("files/redis/redis.conf")).toBe(0o644);
      expect(await modeOf("files/redis")).toBe(0o755);
      expect(await modeOf("install.sh")).toBe(0o755);
      expect(await modeOf(".env")).toBe(0o600);
    }),
  );

  it.concurrent(
    "installs from a medium that cannot be written to",
    withSite(async (site) => {
      spawnSync("chmod", ["-R", "a-w", site.root]);
      try {
        await chmod(join(site.root, "install.sh"), 0o400);
        expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
        expect((await stat(join(site.home, "current/lib"))).mode & 0o777).toBe(0o755);
        expect((await stat(join(site.home, "current/install.sh"))).mode & 0o777).toBe(0o755);
        expect((await stat(join(site.home, "current/.env"))).mode & 0o777).toBe(0o600);
        expect((await readdir(site.root)).filter((file) => file.startsWith("."))).toEqual([]);
      } finally {
        spawnSync("chmod", ["-R", "u+w", site.root]);
      }
    }),
  );
});
