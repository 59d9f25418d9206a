import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OTHER, SHELLS, which, withSite } from "./bundle.js";
import { withInstalled } from "./installed.js";

describe("install.sh", () => {
  it.concurrent(
    "refuses sums that lead out of the folder",
    withSite(async (site) => {
      await appendFile(join(site.root, "SHA256SUMS"), `${"0".repeat(64)}  ../../etc/passwd\n`);
      const result = await site.run();
      await site.expectUntouched(result, 3);
      expect(result.stderr).toContain("of SHA256SUMS cannot be read");
    }),
  );

  it.concurrent(
    "refuses a bundle for another architecture",
    withSite(
      async (site) => {
        const result = await site.run();

        expect(result.code).toBe(4);
        expect(result.stdout).toContain(`The bundle is for ${OTHER}`);
        expect(await site.changes()).toEqual([]);
        expect(await site.run({ args: ["--allow-emulation"] })).toMatchObject({ code: 0 });
      },
      { platform: OTHER },
    ),
  );

  it.concurrent(
    "refuses an engine for another architecture than the host's",
    withSite(async (site) => {
      const result = await site.run({ env: { FAKE_PLATFORM: OTHER } });
      expect(result.code).toBe(4);
      expect(result.stdout).toContain("here is a program for");
      expect(await site.changes()).toEqual([]);
    }),
  );

  it.concurrent(
    "says what to install when there is no engine, no compose, or one that is too old",
    withSite(async (site) => {
      await site.engines();
      const none = await site.run();
      expect(none.code).toBe(5);
      expect(none.stdout).toContain("Neither Docker nor Podman is installed");

      await site.engines("docker");
      const compose = await site.run({ env: { FAKE_ENGINE: "18.09" } });
      expect(compose.code).toBe(5);
      expect(compose.stdout).toContain("Docker Compose is missing");

      const old = await site.run({ env: { FAKE_VERSION: "18.06.3-ce" } });
      expect(old.code).toBe(5);
      expect(old.stdout).toContain("Docker 18.06.3-ce is too old");

      const silent = await site.run({ env: { FAKE_SILENT: "1" } });
      expect(silent.code).toBe(5);
      expect(silent.stdout).toContain("systemctl start docker");
      expect(await site.changes()).toEqual([]);
    }),
  );

  it.concurrent.each([
    { engine: "18.09", programs: ["docker", "docker-compose"], version: "1.29.2" },
    { engine: "containerd", programs: ["docker"], version: "2.26.1" },
    { engine: "podman", programs: ["podman", "podman-compose"], version: "1.0.3" },
    { engine: "podman", programs: ["docker", "podman", "podman-compose"], version: "1.0.3" },
  ])("installs into $engine with $programs", ({ engine, programs, version }) =>
    withSite(async (site) => {
      await site.engines(...programs);
      const result = await site.run({
        env: { FAKE_ENGINE: engine, FAKE_COMPOSE_VERSION: version },
      });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect((await site.changes()).filter((call) => call.startsWith("load"))).toHaveLength(3);

      const again = await site.run({ env: { FAKE_ENGINE: engine, FAKE_COMPOSE_VERSION: version } });
      expect(again.code).toBe(0);
      expect((await site.changes()).filter((call) => call.startsWith("load"))).toHaveLength(3);
    })(),
  );

  it.concurrent(
    "names the image that the engine could not load",
    withSite(async (site) => {
      const result = await site.run({ env: { FAKE_LOAD_FAILS: "1" } });
      expect(result.code).toBe(7);
      expect(result.stderr).toContain("The image of mysql could not be loaded");
      expect(await site.kept("install.log")).toContain("no space left on device");
    }),
  );

  it.concurrent(
    "gives up at once on a service that ended and is not started again",
    withSite(async (site) => {
      await site.becomes("redis", "exited||137|0|no");
      const result = await site.run();
      expect(result.code).toBe(9);
      expect(result.stderr).toContain("Not ready: redis, state: exited (137)");
    }),
  );

  it.concurrent(
    "shows what compose said when it could not start the services",
    withSite(async (site) => {
      await site.becomes("mysql", "running|unhealthy|0|0|always");
      const result = await site.run({ env: { FAKE_UP_FAILS: "1" } });
      expect(result.code).toBe(9);
      expect(result.stderr).toContain("dependency failed to start");
      expect(result.stderr).toContain("last words of mysql");
    }),
  );

  it.concurrent(
    "takes a service that keeps restarting for not ready, though it looks well in between",
    withSite(async (site) => {
      const falling = Array.from({ length: 60 }, (_, at) => `running||0|${at}|always`);
      await site.becomes("redis", ...falling);
      const result = await site.run({ args: ["--timeout", "2"] });
      expect(result.code).toBe(9);
    }),
  );

  it.concurrent(
    "is content with a service without health check, and with a task that has ended well",
    withSite(async (site) => {
      await site.becomes("redis", "running||0|0|always");
      await site.becomes("mysql", "created||0|0|no", "exited||0|0|no");
      expect(await site.run()).toMatchObject({ code: 0 });
    }),
  );

  it.concurrent.each([
    ["an unknown option", ["--frob"], 2, "Unknown option: --frob"],
    ["an option without its value", ["--set"], 2, "--set needs a value"],
    ["an unknown setting", ["--set", "PORT=1"], 8, "There is no setting PORT. There are: DATA_DIR"],
    ["a port that is none", ["--set=API_PORT=70000"], 8, "API_PORT must be a port"],
    ["a value that .env cannot hold", ["--set", "TZ=a#b"], 8, "TZ must be a string"],
    ["a path with a space", ["--data-dir", "/a b"], 8, "DATA_DIR must be a path"],
    ["an address that is none", ["--host-address", "a b"], 8, "HOST_ADDRESS must be a host"],
    ["a folder as settings", ["--settings", "/etc"], 8, "/etc"],
    ["a time that is none", ["--timeout", "soon"], 2, "soon is not a number of seconds"],
  ])("refuses %s", (_, args, code, words) =>
    withSite(async (site) => {
      const result = await site.run({ args });
      expect(result.code, result.stderr).toBe(code);
      expect(result.stderr).toContain(words);
      expect(await site.changes()).toEqual([]);
      expect(existsSync(site.home)).toBe(false);
    })(),
  );

  it.concurrent(
    "takes a data folder relative to where it was called",
    withSite(async (site) => {
      const result = await site.run({ args: ["--data-dir", "./no-such/data"] });
      // The test's own folder has a space in it, which a path setting may not have.
      expect(result.code).toBe(8);
      expect(result.stderr).toContain(join(site.dir, "no-such/data"));
    }),
  );

  it.concurrent(
    "keeps data in the bundle's folder out of the copy that it keeps of itself",
    withSite(async (site) => {
      await site.write("data/large", "x");
      await site.keep("settings.env", `DATA_DIR=${site.data}\nHOST_ADDRESS=a.example\n`);
      await symlink(join(site.root, "data"), site.data);
      const result = await site.run();
      // A data folder elsewhere than the settings say is a stranger's file.
      expect(result.code).toBe(3);
      await rm(join(site.root, "data"), { recursive: true });
      await rm(site.data);
      expect(await site.run()).toMatchObject({ code: 0 });
      expect((await readdir(join(site.home, "current"))).sort()).toEqual(
        [".env", ".release", "README.md", "README.zh-CN.md", "SHA256SUMS", "bundle.json"].concat([
          "compose.yaml",
          "install.sh",
          "lib",
          "site",
        ]),
      );
    }),
  );

  it.concurrent(
    "does not take what the caller's environment says for a setting",
    withSite(async (site) => {
      const result = await site.run({ env: { REDIS_PASSWORD: "stranger", COMPOSE_FILE: "other" } });
      expect(result.code).toBe(0);
      expect(await readFile(join(site.state, "environment"), "utf8")).toBe("\n");
      expect(await site.settings()).not.toContain("stranger");
    }),
  );

  it.concurrent(
    "does not make new passwords for data that older ones locked",
    withSite(async (site) => {
      await mkdir(join(site.data, "mysql"), { recursive: true });
      const folder = await site.run();
      expect(folder.code).toBe(8);
      expect(folder.stderr).toContain("There is data of an earlier installation");

      const elsewhere = join(site.dir, "disk");
      await rename(site.data, elsewhere);
      await symlink(elsewhere, site.data);
      expect((await site.run()).code).toBe(8);

      await rm(site.data);
      await writeFile(join(site.state, "volumes"), "openim_mysql\n");
      const volumes = await site.run();
      expect(volumes.code).toBe(8);
      expect(volumes.stderr).toContain("openim_mysql");
      expect(existsSync(site.home)).toBe(false);
    }),
  );

  it.concurrent(
    "does not make them for services that are only started, either",
    withSite(async (site) => {
      expect(await site.call(["load"])).toMatchObject({ code: 0 });
      await mkdir(join(site.data, "mysql"), { recursive: true });
      const up = await site.call(["up", "--host-address", "10.0.0.5"]);
      expect(up.code).toBe(8);
      expect(up.stderr).toContain("There is data of an earlier installation");
    }),
  );

  it.concurrent(
    "does not change a password that is in use, and never prints one",
    withSite(async (site) => {
      await site.run();
      const result = await site.run({ args: ["--set", "MYSQL_PASSWORD=other"] });
      expect(result.code).toBe(8);
      expect(result.stderr).toContain("MYSQL_PASSWORD has a value already");
      expect(result.stderr).not.toContain("other");
    }),
  );

  it.concurrent(
    "puts no data where it would go with a release",
    withInstalled(async (site) => {
      const link = `${site.data}-link`;
      await symlink(join(site.home, "current"), link);
      try {
        const args = ["configure", "--data-dir", `${link}/data`];
        const result = await site.call(args, { installed: true });
        expect(result.code).toBe(8);
        expect(result.stderr).toContain(`The data folder ${link}/data lies in`);
      } finally {
        await rm(link);
      }
    }),
  );

  it.concurrent(
    "refuses a line of .env that compose might read in another way",
    withSite(async (site) => {
      await site.keep("settings.env", "# fine\n\nMYSQL_PASSWORD = abc\n");
      const result = await site.run();
      expect(result.code).toBe(8);
      expect(result.stderr).toContain(`Line 3 of ${site.home}/settings.env`);
    }),
  );

  it.concurrent(
    "adds a setting that .env lacks, with its meaning",
    withSite(async (site) => {
      await site.keep(
        "settings.env",
        `DATA_DIR=${site.data}\nHOST_ADDRESS=a.example\nMYSQL_PASSWORD=old\nAPI_PORT=1\n`,
      );

      expect(await site.run()).toMatchObject({ code: 0 });
      const env = await site.settings();
      expect(env).toMatch(
        /^DATA_DIR=.*\nHOST_ADDRESS=10\.0\.0\.5\nMYSQL_PASSWORD=old\nAPI_PORT=1\n# Time zone\.\nTZ=Asia\/Shanghai\n# Password REDIS_PASSWORD\.\nREDIS_PASSWORD=[A-Za-z0-9]{24}\n$/,
      );
    }),
  );

  it.skipIf(SHELLS["busybox ash"] === undefined).concurrent(
    "keeps the passwords where the disk is full and awk does not tell",
    withSite(async (site) => {
      await site.program("awk", 'exec busybox awk "$@"');
      await symlink(which("busybox")?.[0] ?? "", join(site.dir, "bin/busybox"));
      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      const env = await site.settings();
      await symlink("/dev/full", join(site.home, "current/.env.merged"));
      const result = await site.call(["configure", "--set", "API_PORT=1"], { installed: true });
      expect(result.code).not.toBe(0);
      expect(await site.settings()).toBe(env);
    }),
  );

  it.concurrent(
    "stops at a file that the medium does not give whole",
    withSite(async (site) => {
      const real = `"${join(site.dir, "tools/sha256sum")}" "$@"`;
      await writeFile(
        join(site.dir, "bin/sha256sum"),
        `#!/bin/sh\n[ $# -gt 0 ] || exec ${real}\n${real} | grep -v compose.yaml\n`,
        { mode: 0o755 },
      );
      const result = await site.run();
      await site.expectUntouched(result, 3);
      expect(result.stderr).toContain("Damaged or changed file: compose.yaml");
    }),
  );

  it.concurrent(
    "stops at a truncated, a missing and an unlisted file, and names all of them",
    withSite(async (site) => {
      await truncate(join(site.root, "images/mysql.tar"), 100);
      await rm(join(site.root, "site/leftout.tsv"));
      await site.write("files/a stranger.txt", "x");

      const result = await site.run();

      await site.expectUntouched(result, 3);
      expect(result.stderr).toContain("Damaged or changed file: images/mysql.tar");
      expect(result.stderr).toContain("Missing file: site/leftout.tsv");
      expect(result.stderr).toContain("./files/a stranger.txt");
    }),
  );

  it.concurrent(
    "only looks when it is told --dry-run",
    withSite(async (site) => {
      const result = await site.run({ args: ["--dry-run"] });
      await site.expectUntouched(result, 0);
      expect(result.stdout).toContain("Nothing was changed");
    }),
  );
});
