import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { finished, HOST, type RunResult, SHELLS, Site } from "./bundle.js";

const OTHER = HOST === "linux/arm64" ? "linux/amd64" : "linux/arm64";

function lines(text: string): readonly string[] {
  return text.trimEnd().split("\n");
}

function settings(env: string): ReadonlyMap<string, string> {
  return new Map(
    lines(env)
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`install.sh under ${name}`, () => {
    let site: Site;

    beforeEach(async () => {
      site = await Site.create(shell ?? []);
    });

    afterEach(async () => site.remove());

    async function untouched(result: RunResult, code: number): Promise<void> {
      expect(result, JSON.stringify(result)).toMatchObject({ code });
      expect(await site.changes()).toEqual([]);
      expect((await readdir(site.root)).filter((file) => /^\.|install\.log/.test(file))).toEqual(
        [],
      );
      expect(existsSync(site.data)).toBe(false);
    }

    it("checks, loads, writes the settings, starts the services and says so in its last line", async () => {
      const result = await site.run();

      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(lines(result.stdout).at(-1)).toMatch(
        /^INSTALLED: OpenIM 2\.3\.9 is running; all 3 services are ready\./,
      );
      expect(result.stdout).toContain("[2/3] redis: loading image (390.6 KiB)");
      expect(result.stdout).toMatch(/redis +127\.0\.0\.1:16379 +redis, a service/);
      expect(result.stdout).toMatch(/open_im_server +:10002 /);
      expect(await site.changes()).toEqual([
        "load -i images/mysql.tar",
        "load -i images/redis.tar",
        "load -i images/open_im_server.tar",
        "compose -p openim -f compose.yaml up -d --pull never",
      ]);
      const env = settings(await site.read(".env"));
      expect([...env.keys()]).toEqual([
        "DATA_DIR",
        "HOST_ADDRESS",
        "API_PORT",
        "TZ",
        "MYSQL_PASSWORD",
        "REDIS_PASSWORD",
      ]);
      expect(env.get("HOST_ADDRESS")).toBe("10.0.0.5");
      expect(env.get("MYSQL_PASSWORD")).toMatch(/^[A-Za-z0-9]{24}$/);
      expect(env.get("MYSQL_PASSWORD")).not.toBe(env.get("REDIS_PASSWORD"));
      expect((await stat(join(site.root, ".env"))).mode & 0o777).toBe(0o600);
      expect((await stat(site.data)).mode & 0o777).toBe(0o755);
      const log = await site.read("install.log");
      expect(log).toContain("Loaded image: docker.io/library/redis:7.0.15");
      expect(result.stdout + log).not.toContain(env.get("MYSQL_PASSWORD"));
      expect(await readdir(site.root)).not.toContain(".install.lock");
    });

    it("keeps the secrets and loads nothing again when it runs a second time", async () => {
      await site.run();
      const before = await site.read(".env");
      await appendFile(join(site.root, ".env"), "# by hand\nEXTRA=1\n");
      await rm(join(site.state, "calls"));

      const result = await site.run({ args: ["--set", "API_PORT=20002"] });

      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(await site.read(".env")).toBe(
        `${before.replace("API_PORT=10002", "API_PORT=20002")}# by hand\nEXTRA=1\n`,
      );
      expect(await site.changes()).toEqual([
        "compose -p openim -f compose.yaml up -d --pull never",
      ]);
      expect(result.stdout).toContain("redis: image is already there");
    });

    it("adds a setting that .env lacks, with its meaning", async () => {
      await site.write(
        ".env",
        `DATA_DIR=${site.data}\nHOST_ADDRESS=a.example\nMYSQL_PASSWORD=old\nAPI_PORT=1\n`,
      );

      expect(await site.run()).toMatchObject({ code: 0 });
      const env = await site.read(".env");
      expect(env).toMatch(
        /^DATA_DIR=.*\nHOST_ADDRESS=10\.0\.0\.5\nMYSQL_PASSWORD=old\nAPI_PORT=1\n# Time zone\.\nTZ=Asia\/Shanghai\n# Password REDIS_PASSWORD\.\nREDIS_PASSWORD=[A-Za-z0-9]{24}\n$/,
      );
    });

    it("stops at a flipped byte before it asks the engine to change anything", async () => {
      const tarball = join(site.root, "images/redis.tar");
      const bytes = await readFile(tarball);
      bytes[200_000] = 0x2f;
      await writeFile(tarball, bytes);

      const result = await site.run();

      await untouched(result, 3);
      expect(result.stderr).toContain("Damaged or changed file: images/redis.tar");
      expect(result.stderr).not.toContain("images/mysql.tar");
    });

    it("stops at a truncated, a missing and an unlisted file, and names all of them", async () => {
      await truncate(join(site.root, "images/mysql.tar"), 100);
      await rm(join(site.root, "site/leftout.tsv"));
      await site.write("files/a stranger.txt", "x");

      const result = await site.run();

      await untouched(result, 3);
      expect(result.stderr).toContain("Damaged or changed file: images/mysql.tar");
      expect(result.stderr).toContain("Missing file: site/leftout.tsv");
      expect(result.stderr).toContain("./files/a stranger.txt");
    });

    it("refuses sums that lead out of the folder", async () => {
      await appendFile(join(site.root, "SHA256SUMS"), `${"0".repeat(64)}  ../../etc/passwd\n`);
      const result = await site.run();
      await untouched(result, 3);
      expect(result.stderr).toContain("of SHA256SUMS cannot be read");
    });

    it("refuses a bundle for another architecture", async () => {
      await site.remove();
      site = await Site.create(shell ?? [], OTHER);

      const result = await site.run();

      expect(result.code).toBe(4);
      expect(result.stderr).toContain(`This bundle is for ${OTHER}, but this host is ${HOST}`);
      expect(await site.changes()).toEqual([]);
      expect(await site.run({ args: ["--allow-emulation"] })).toMatchObject({ code: 0 });
    });

    it("refuses an engine for another architecture than the host's", async () => {
      const result = await site.run({ env: { FAKE_PLATFORM: OTHER } });
      expect(result.code).toBe(4);
      expect(result.stderr).toContain("here is a program for");
      expect(await site.changes()).toEqual([]);
    });

    it("says what to install when there is no engine, no compose, or one that is too old", async () => {
      await site.engines();
      const none = await site.run();
      expect(none.code).toBe(5);
      expect(none.stderr).toContain("Neither Docker nor Podman is installed");

      await site.engines("docker");
      const compose = await site.run({ env: { FAKE_ENGINE: "18.09" } });
      expect(compose.code).toBe(5);
      expect(compose.stderr).toContain("Docker Compose is missing");

      const old = await site.run({ env: { FAKE_VERSION: "18.06.3-ce" } });
      expect(old.code).toBe(5);
      expect(old.stderr).toContain("docker 18.06.3-ce is too old".replace("docker", "Docker"));

      const silent = await site.run({ env: { FAKE_SILENT: "1" } });
      expect(silent.code).toBe(5);
      expect(silent.stderr).toContain("systemctl start docker");
      expect(await site.changes()).toEqual([]);
    });

    it.each([
      { engine: "18.09", programs: ["docker", "docker-compose"], version: "1.29.2" },
      { engine: "containerd", programs: ["docker"], version: "2.26.1" },
      { engine: "podman", programs: ["podman", "podman-compose"], version: "1.0.3" },
      { engine: "podman", programs: ["docker", "podman", "podman-compose"], version: "1.0.3" },
    ])("installs into $engine with $programs", async ({ engine, programs, version }) => {
      await site.engines(...programs);
      const result = await site.run({
        env: { FAKE_ENGINE: engine, FAKE_COMPOSE_VERSION: version },
      });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect((await site.changes()).filter((call) => call.startsWith("load"))).toHaveLength(3);

      const again = await site.run({ env: { FAKE_ENGINE: engine, FAKE_COMPOSE_VERSION: version } });
      expect(again.code).toBe(0);
      expect((await site.changes()).filter((call) => call.startsWith("load"))).toHaveLength(3);
    });

    it("refuses an image that is for another platform under the right name", async () => {
      const result = await site.run({ env: { FAKE_LOADED_PLATFORM: OTHER } });
      expect(result.code).toBe(7);
      expect(result.stderr).toContain(
        `The image of mysql (docker.io/library/mariadb:10.11) should be for ${HOST}, but the engine says ${OTHER}`,
      );
      expect((await site.changes()).some((call) => call.includes("up"))).toBe(false);
    });

    it("names the image that the engine could not load", async () => {
      const result = await site.run({ env: { FAKE_LOAD_FAILS: "1" } });
      expect(result.code).toBe(7);
      expect(result.stderr).toContain("The image of mysql could not be loaded");
      expect(await site.read("install.log")).toContain("no space left on device");
    });

    it("shows the last words of what does not become healthy in time", async () => {
      await site.becomes("mysql", "running|starting|0|0|always", "running|unhealthy|0|2|always");

      const result = await site.run({ args: ["--timeout", "1"] });

      expect(result.code).toBe(9);
      expect(result.stdout).toContain("2 of 3 ready; waiting for mysql (starting)");
      expect(result.stderr).toContain("Not ready: mysql, state: unhealthy, restarts: 2");
      expect(result.stderr).toContain("    last words of mysql");
      expect(result.stderr).not.toContain("last words of redis");
      expect(lines(result.stderr).at(-1)).toMatch(
        /^NOT INSTALLED: not all services were ready after 1 s/,
      );
    });

    it("gives up at once on a service that ended and is not started again", async () => {
      await site.becomes("redis", "exited||137|0|no");
      const result = await site.run();
      expect(result.code).toBe(9);
      expect(result.stderr).toContain("Not ready: redis, state: exited (137)");
    });

    it("shows what compose said when it could not start the services", async () => {
      await site.becomes("mysql", "running|unhealthy|0|0|always");
      const result = await site.run({ env: { FAKE_UP_FAILS: "1" } });
      expect(result.code).toBe(9);
      expect(result.stderr).toContain("dependency failed to start");
      expect(result.stderr).toContain("last words of mysql");
    });

    it("takes a service that keeps restarting for not ready, though it looks well in between", async () => {
      const falling = Array.from({ length: 60 }, (_, at) => `running||0|${at}|always`);
      await site.becomes("redis", ...falling);
      const result = await site.run({ args: ["--timeout", "2"] });
      expect(result.code).toBe(9);
    });

    it("is content with a service without health check, and with a task that has ended well", async () => {
      await site.becomes("redis", "running||0|0|always");
      await site.becomes("mysql", "created||0|0|no", "exited||0|0|no");
      expect(await site.run()).toMatchObject({ code: 0 });
    });

    it("speaks Chinese where the locale does, and where it is asked to", async () => {
      const locale = await site.run({ env: { LANG: "zh_CN.UTF-8" } });
      expect(locale).toMatchObject({ code: 0, stderr: "" });
      expect(lines(locale.stdout).at(-1)).toMatch(
        /^安装成功：OpenIM 即时通讯 2\.3\.9 正在运行，3 个服务全部就绪。/,
      );
      expect(locale.stdout).toContain("正在加载镜像");
      expect(await site.read(".env")).toContain("# 密码 MYSQL_PASSWORD。");

      const asked = await site.run({ args: ["--lang", "zh", "--set", "API_PORT=x"] });
      expect(asked.code).toBe(8);
      expect(asked.stderr).toContain("API_PORT 的类型须为 port");
    });

    it("only looks when it is told --dry-run", async () => {
      const result = await site.run({ args: ["--dry-run"] });
      await untouched(result, 0);
      expect(result.stdout).toContain("Nothing was changed");
    });

    it.each([
      ["an unknown option", ["--frob"], 2, "Unknown option: --frob"],
      ["an option without its value", ["--set"], 2, "--set needs a value"],
      [
        "an unknown setting",
        ["--set", "PORT=1"],
        8,
        "There is no setting PORT. There are: DATA_DIR",
      ],
      ["a port that is none", ["--set=API_PORT=70000"], 8, "API_PORT must be a port"],
      ["a value that .env cannot hold", ["--set", "TZ=a#b"], 8, "TZ must be a string"],
      ["a path with a space", ["--data-dir", "/a b"], 8, "DATA_DIR must be a path"],
      ["an address that is none", ["--host-address", "a b"], 8, "HOST_ADDRESS must be a host"],
      ["a time that is none", ["--timeout", "soon"], 2, "soon is not a number of seconds"],
    ])("refuses %s", async (_, args, code, words) => {
      const result = await site.run({ args });
      expect(result.code, result.stderr).toBe(code);
      expect(result.stderr).toContain(words);
      expect(await site.changes()).toEqual([]);
      expect(existsSync(join(site.root, ".env"))).toBe(false);
    });

    it("takes a data folder relative to where it was called", async () => {
      const result = await site.run({ args: ["--data-dir", "./no-such/data"] });
      // The test's own folder has a space in it, which a path setting may not have.
      expect(result.code).toBe(8);
      expect(result.stderr).toContain(join(site.dir, "no-such/data"));
    });

    it("does not take what the caller's environment says for a setting", async () => {
      const result = await site.run({ env: { REDIS_PASSWORD: "stranger", COMPOSE_FILE: "other" } });
      expect(result.code).toBe(0);
      expect(await readFile(join(site.state, "environment"), "utf8")).toBe("");
      expect(await site.read(".env")).not.toContain("stranger");
    });

    it("does not make new passwords for data that older ones locked", async () => {
      await mkdir(join(site.data, "mysql"), { recursive: true });
      const folder = await site.run();
      expect(folder.code).toBe(8);
      expect(folder.stderr).toContain("There is data of an earlier installation");

      await rm(site.data, { recursive: true });
      await writeFile(join(site.state, "volumes"), "openim_mysql\n");
      const volumes = await site.run();
      expect(volumes.code).toBe(8);
      expect(volumes.stderr).toContain("openim_mysql");
      expect(existsSync(join(site.root, ".env"))).toBe(false);
    });

    it("does not change a password that is in use, and never prints one", async () => {
      await site.run();
      const result = await site.run({ args: ["--set", "MYSQL_PASSWORD=other"] });
      expect(result.code).toBe(8);
      expect(result.stderr).toContain("MYSQL_PASSWORD has a value already");
      expect(result.stderr).not.toContain("other");
    });

    it("refuses a line of .env that compose might read in another way", async () => {
      await site.write(".env", "# fine\n\nMYSQL_PASSWORD = abc\n");
      const result = await site.run();
      expect(result.code).toBe(8);
      expect(result.stderr).toContain("Line 3 of .env");
    });

    it.each(["SIGINT", "SIGTERM"] as const)(
      "ends at once on %s and goes on when run again",
      async (signal) => {
        const child = site.start({
          args: ["--host-address", "10.0.0.5"],
          env: { FAKE_LOAD_SECONDS: "30" },
        });
        const end = finished(child);
        let seen = "";
        await new Promise<void>((resolve) => {
          child.stdout?.on("data", (chunk: Buffer) => {
            seen += chunk.toString();
            if (seen.includes("loading image")) resolve();
          });
        });
        const began = Date.now();
        // A terminal sends SIGINT to the whole group, a service manager SIGTERM to the process.
        process.kill(signal === "SIGINT" ? -(child.pid ?? 0) : (child.pid ?? 0), signal);

        const result = await end;

        expect(result.code).toBe(130);
        expect(Date.now() - began).toBeLessThan(5000);
        expect(result.stderr).toContain("Interrupted.");
        expect((await readdir(site.root)).filter((file) => file.startsWith(".install"))).toEqual(
          [],
        );
        const secrets = await site.read(".env");
        expect(await site.run()).toMatchObject({ code: 0 });
        expect(await site.read(".env")).toBe(secrets);
      },
    );

    it("does not run twice at once", async () => {
      await site.write(".install.lock/pid", `${process.pid}\n`);
      const result = await site.run();
      expect(result.code).toBe(10);
      expect(result.stderr).toContain(`process ${process.pid}`);

      // One that was killed leaves its lock, and nobody of that number.
      await site.write(".install.lock/pid", "4194305\n");
      expect(await site.run()).toMatchObject({ code: 0 });
    });
  });
}
