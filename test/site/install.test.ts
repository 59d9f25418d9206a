import { appendFile, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { finished, HOST, OTHER, SHELLS, type Site, lines, withSite } from "./bundle.js";

function settings(env: string): ReadonlyMap<string, string> {
  return new Map(
    lines(env)
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`install.sh under ${name}`, () => {
    const onSite = (body: (site: Site) => Promise<void>) => withSite(body, { shell: shell ?? [] });

    it.concurrent(
      "checks, loads, writes the settings, starts the services and says so in its last line",
      onSite(async (site) => {
        const result = await site.run();

        expect(result).toMatchObject({ code: 0, stderr: "" });
        expect(lines(result.stdout).at(-1)).toMatch(
          /^INSTALLED: OpenIM 2\.3\.9 is running; all 3 services are ready\./,
        );
        expect(result.stdout).toContain("[2/3] redis: loading image (390.6 KiB)");
        expect(result.stdout).toMatch(/redis +127\.0\.0\.1:57379 +redis, a service/);
        expect(result.stdout).toMatch(/open_im_server +:57002 /);
        expect(await site.changes()).toEqual([
          "load -i images/mysql.tar",
          "load -i images/redis.tar",
          "load -i images/open_im_server.tar",
          "compose -p openim -f compose.yaml up -d --remove-orphans --pull never",
        ]);
        const env = settings(await site.settings());
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
        expect((await stat(join(site.home, "current/.env"))).mode & 0o777).toBe(0o600);
        expect((await stat(site.data)).mode & 0o777).toBe(0o755);
        const log = await site.kept("install.log");
        expect(log).toContain("Loaded image: docker.io/library/redis:7.0.15");
        expect(result.stdout + log).not.toContain(env.get("MYSQL_PASSWORD"));
        expect((await readdir(site.home)).sort()).toEqual([
          "current",
          "install.log",
          "receipt.json",
          "releases",
          "state",
        ]);
      }),
    );

    it.concurrent(
      "keeps the secrets and loads nothing again when it runs a second time",
      onSite(async (site) => {
        await site.run();
        const before = await site.settings();
        await appendFile(join(site.home, "current/.env"), "# by hand\nEXTRA=1\n");
        await rm(join(site.state, "calls"));

        const result = await site.run({ args: ["--set", "API_PORT=20002"] });

        expect(result).toMatchObject({ code: 0, stderr: "" });
        expect(await site.settings()).toBe(
          `${before.replace("API_PORT=10002", "API_PORT=20002")}# by hand\nEXTRA=1\n`,
        );
        expect(await site.changes()).toEqual([
          "compose -p openim -f compose.yaml up -d --remove-orphans --pull never",
        ]);
        expect(result.stdout).toContain("redis: image is already there");
      }),
    );

    it.concurrent(
      "stops at a flipped byte before it asks the engine to change anything",
      onSite(async (site) => {
        const tarball = join(site.root, "images/redis.tar");
        const bytes = await readFile(tarball);
        bytes[200_000] = 0x2f;
        await writeFile(tarball, bytes);

        const result = await site.run();

        await site.expectUntouched(result, 3);
        expect(result.stderr).toContain("Damaged or changed file: images/redis.tar");
        expect(result.stderr).not.toContain("images/mysql.tar");
      }),
    );

    it.concurrent.each(name === "dash" ? (["SIGINT", "SIGTERM"] as const) : (["SIGINT"] as const))(
      "ends at once on %s and goes on when run again",
      (signal) =>
        onSite(async (site) => {
          const child = site.start({
            args: ["--host-address", "10.0.0.5"],
            env: { FAKE_LOAD_SECONDS: "600" },
          });
          const end = finished(child);
          let seen = "";
          await new Promise<void>((resolve) => {
            child.stdout?.on("data", (chunk: Buffer) => {
              seen += chunk.toString();
              if (seen.includes("loading image")) resolve();
            });
          });
          // A terminal sends SIGINT to the whole group, a service manager SIGTERM to the process.
          process.kill(signal === "SIGINT" ? -(child.pid ?? 0) : (child.pid ?? 0), signal);

          const result = await end;

          expect(result.code).toBe(130);
          expect(result.stderr).toContain("Interrupted.");
          expect(await readdir(site.home)).not.toContain("lock");
          const [release = ""] = await readdir(join(site.home, "releases"));
          const secrets = await site.kept(`releases/${release}/.env`);
          expect(await site.run()).toMatchObject({ code: 0 });
          expect(await site.settings()).toBe(secrets);
        })(),
    );

    // What follows depends less on the shell than it takes.
    if (name !== "dash") return;

    it.concurrent(
      "refuses an image that is for another platform under the right name",
      onSite(async (site) => {
        const result = await site.run({ env: { FAKE_LOADED_PLATFORM: OTHER } });
        expect(result.code).toBe(7);
        expect(result.stderr).toContain(
          `The image of mysql (docker.io/library/mariadb:10.11) should be for ${HOST}, but the engine says ${OTHER}`,
        );
        expect((await site.changes()).some((call) => call.includes("up"))).toBe(false);
      }),
    );

    it.concurrent(
      "shows the last words of what does not become healthy in time",
      onSite(async (site) => {
        await site.becomes("mysql", "running|starting|0|0|always", "running|unhealthy|0|2|always");

        const result = await site.run({ args: ["--timeout", "5"] });

        expect(result.code).toBe(9);
        expect(result.stdout).toMatch(/\d of 3 ready; waiting for mysql \(starting\)/);
        expect(result.stderr).toContain("Not ready: mysql, state: unhealthy, restarts: 2");
        expect(result.stderr).toContain("health check: exit code 1 connection refused");
        expect(result.stderr).toContain("    last words of mysql");
        expect(result.stderr).not.toContain("last words of redis");
        expect(result.stderr).toContain("Not all services were ready after 5 s");
        expect(lines(result.stderr).at(-1)).toMatch(
          /^NOT INSTALLED: OpenIM 2\.3\.9 does not run as it should/,
        );
      }),
    );

    it.concurrent(
      "speaks Chinese where the locale does, and where it is asked to",
      onSite(async (site) => {
        const locale = await site.run({ env: { LANG: "zh_CN.UTF-8" } });
        expect(locale).toMatchObject({ code: 0, stderr: "" });
        expect(lines(locale.stdout).at(-1)).toMatch(
          /^安装成功：OpenIM 即时通讯 2\.3\.9 正在运行，3 个服务全部就绪。/,
        );
        expect(locale.stdout).toContain("正在加载镜像");
        expect(await site.settings()).toContain("# 密码 MYSQL_PASSWORD。");

        const legacy = await site.call(["help"], { env: { LANG: "zh_CN.GB18030" } });
        expect(legacy.stdout).toMatch(/^Installs this bundle/);

        const asked = await site.run({ args: ["--lang", "zh", "--set", "API_PORT=x"] });
        expect(asked.code).toBe(8);
        expect(asked.stderr).toContain("API_PORT 的类型须为 port");
      }),
    );

    it.concurrent(
      "names the notes of the bundle before it starts anything, and none where there are none",
      onSite(async (site) => {
        expect((await site.run({ args: ["--dry-run"] })).stdout).not.toContain("NOTES");
        await site.write("files/NOTES.md", "Read me.\n");
        await site.sums();

        const { code, stdout } = await site.run();
        expect(code).toBe(0);
        const notes = `Before the first use, read ${site.home}/releases/2.3.9-`;
        expect(stdout).toContain(notes);
        expect(stdout.indexOf(notes)).toBeLessThan(stdout.indexOf("Starting the services"));

        await site.write("files/NOTES.zh-CN.md", "请阅读。\n");
        await site.sums();
        const again = await site.run({ args: ["--lang", "zh", "--yes"] });
        expect(again.stdout).toContain("files/NOTES.zh-CN.md");
      }),
    );

    it.concurrent(
      "makes the settings alone with configure, so that files can be put into the data folder",
      onSite(async (site) => {
        const first = await site.call(["configure", "--host-address", "10.0.0.5"]);
        expect(first).toMatchObject({ code: 0, stderr: "" });
        expect(lines(first.stdout).at(-1)).toMatch(/^CONFIGURED: .* up applies it\.$/);
        expect(await site.changes()).toEqual([]);
        const [release = ""] = await readdir(join(site.home, "releases"));
        const env = await site.kept(`releases/${release}/.env`);
        await writeFile(join(site.data, "config.yaml"), "x: 1\n");

        const up = await site.call(["up"]);
        expect(up.code).toBe(7);
        expect(up.stderr).toContain("Not all images are in the engine");
        expect(await site.call(["load"])).toMatchObject({ code: 0, stderr: "" });
        expect(await site.call(["up"])).toMatchObject({ code: 0, stderr: "" });
        expect(await site.settings()).toBe(env);
      }),
    );

    it.concurrent(
      "explains itself in the language asked for, wherever that option stands",
      onSite(async (site) => {
        for (const args of [
          ["--help", "--lang", "zh"],
          ["--lang=zh", "-h"],
        ]) {
          const help = await finished(site.start({ args }));
          expect(help).toMatchObject({ code: 0, stderr: "" });
          expect(help.stdout).toMatch(/^在无法联网的主机上安装并维护本安装包。/);
        }
        await site.expectUntouched(await finished(site.start({ args: ["--help", "--lang"] })), 2);
      }),
    );
  });
}
