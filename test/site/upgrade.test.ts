import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { SiteManifest } from "../../src/bundle/site-index.js";
import { digestOf } from "../../src/core/digest.js";
import { PATIENCE, SHELLS, Site, lines, withSite } from "./bundle.js";
import { withInstalled } from "./installed.js";

/** Another tag for redis, other content under mysql's tag, a new setting. */
function changed(manifest: SiteManifest): SiteManifest {
  return {
    ...manifest,
    components: manifest.components.map((component) => {
      const { image, name } = component;
      if (name === "redis") {
        return {
          ...component,
          image: {
            ...image,
            reference: "docker.io/library/redis:7.2.4",
            config: { ...image.config, digest: digestOf("redis 7.2.4") },
          },
        };
      }
      if (name !== "mysql") return component;
      return {
        ...component,
        image: { ...image, config: { ...image.config, digest: digestOf("mysql rebuilt") } },
      };
    }),
    settings: [
      ...manifest.settings,
      {
        name: "NEW_PASSWORD",
        type: "secret",
        length: 24,
        description: { en: "Password new.", zh: "新密码。" },
      },
    ],
  };
}

async function twoReleases(site: Site): Promise<Site> {
  expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
  await site.forget();
  return site.newer("2.4.0", changed);
}

function last(text: string): string | undefined {
  return lines(text).at(-1);
}

async function stateOf(site: Site): Promise<string> {
  return site.kept("state");
}

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`install.sh under ${name}, with a newer bundle`, () => {
    const onInstalled = (body: (site: Site) => Promise<void>) =>
      withInstalled(body, { shell: shell ?? [] });

    it.concurrent(
      "shows what changes, changes hands, and keeps data, passwords and the way back",
      onInstalled(async (site) => {
        const newer = await site.newer("2.4.0", changed);
        const before = await site.settings();
        const oldImage = await site.runs("redis");

        const asked = await newer.call(["upgrade"]);
        expect(asked.code).toBe(2);
        expect(asked.stderr).toContain("Run it with --yes");
        expect(asked.stdout).toContain(
          "redis: docker.io/library/redis:7.0.15 -> docker.io/library/redis:7.2.4",
        );
        expect(asked.stdout).toContain(
          "mysql: docker.io/library/mariadb:10.11, with other content",
        );
        expect(asked.stdout).toContain("new setting: NEW_PASSWORD");
        expect(await site.changes()).toEqual([]);

        const result = await newer.call(["upgrade", "--yes"]);
        expect(result).toMatchObject({ code: 0, stderr: "" });
        expect(last(result.stdout)).toMatch(
          /^UPGRADED: OpenIM 2\.4\.0 is running; OpenIM 2\.3\.9 /,
        );
        const after = await site.settings();
        expect(after.startsWith(before)).toBe(true);
        expect(after).toMatch(/NEW_PASSWORD=[A-Za-z0-9]{24}\n$/);
        expect(await site.runs("redis")).not.toBe(oldImage);
        expect(await site.runs("mysql")).toBe(digestOf("mysql rebuilt"));

        const back = await site.call(["rollback", "--yes"], { installed: true });
        expect(back).toMatchObject({ code: 0, stderr: "" });
        expect(last(back.stdout)).toBe("ROLLED BACK: OpenIM 2.3.9 is running.");
        expect(await site.runs("redis")).toBe(oldImage);
        expect(await site.runs("mysql")).not.toBe(digestOf("mysql rebuilt"));
        expect(await site.settings()).toBe(before);
      }),
    );

    if (name === "bash") return;

    it.concurrent(
      "goes back by itself when a service of the newer release does not become healthy",
      onInstalled(async (site) => {
        const newer = await site.newer("2.4.0", changed);
        const before = await site.settings();
        const image = await site.runs("mysql");
        await site.becomes("redis@7.2.4", "running|unhealthy|0|3|always");

        const result = await newer.call(["upgrade", "--yes", "--timeout", "2"]);

        expect(result.code).toBe(12);
        expect(result.stderr).toContain("last words of redis");
        expect(last(result.stderr)).toMatch(
          /^ROLLED BACK: OpenIM 2\.4\.0 did not come up; OpenIM 2\.3\.9 is running again, with its data\./,
        );
        expect(await site.settings()).toBe(before);
        expect(await site.runs("mysql")).toBe(image);
        expect(await stateOf(site)).not.toMatch(/operation|target|step/);
        expect(await site.call(["status"])).toMatchObject({ code: 0 });
      }),
    );
  });
}

describe("install.sh with a newer bundle", () => {
  it.concurrent(
    "says so when neither release comes up, and can be told to go back later",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      await site.becomes("mysql", "exited||1|0|no");

      const result = await newer.call(["upgrade", "--yes"]);
      expect(result.code).toBe(13);
      expect(last(result.stderr)).toMatch(
        /^NEITHER FORWARD NOR BACK: OpenIM 2\.4\.0 .*OpenIM 2\.3\.9/,
      );
      expect(await stateOf(site)).toContain("operation=rollback");
      expect((await site.call(["status"])).code).toBe(9);

      await site.becomes("mysql", "running|healthy|0|0|always");
      const again = await site.call(["up"], { installed: true });
      expect(again).toMatchObject({ code: 0, stderr: "" });
      expect(again.stdout).toContain("A rollback to OpenIM 2.3.9 did not come to its end");
      expect(await stateOf(site)).not.toContain("operation");
    }),
  );

  it.concurrent(
    "refuses a jump that the data does not survive, and names the reason",
    withSite(async (site) => {
      const row = (version: string) =>
        `#component\trepository\tversion\twithin\ten\tzh\nmysql\tdocker.io/library/mariadb\t${version}\tminor\tMariaDB goes one minor version at a time.\t逐个小版本升级。\n`;
      await site.write("site/upgrade.tsv", row("10.11.11"));
      await site.sums();
      expect(await site.run()).toMatchObject({ code: 0 });
      await site.forget();
      const newer = await site.newer("2.4.0", changed);
      for (const [version, code] of [
        ["11.4.2", 11],
        ["10.6.1", 11],
        ["10.11.4", 11],
        ["10.11.12", 0],
      ] as const) {
        await newer.write("site/upgrade.tsv", row(version));
        await newer.sums();
        const result = await newer.call(["upgrade", "--yes"]);
        expect(result.code, `${version}: ${result.stderr}`).toBe(code);
        if (code === 0) continue;
        expect(result.stderr).toContain(
          `mysql: docker.io/library/mariadb 10.11.11 -> docker.io/library/mariadb ${version} is not possible`,
        );
        expect(result.stderr).toContain("MariaDB goes one minor version at a time.");
        expect(await site.changes()).toEqual([]);
      }
      await newer.write(
        "site/upgrade.tsv",
        row("10.11.12").replace("library/mariadb", "library/mysql"),
      );
      await newer.sums();
      expect((await newer.call(["upgrade", "--yes"])).code).toBe(11);
    }),
  );

  it.concurrent(
    "drops an upgrade that changed no service yet, and has nothing before the first release",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      const failed = await newer.call(["upgrade", "--yes"], { env: { FAKE_LOAD_FAILS: "1" } });
      expect(failed.code).toBe(7);
      expect(await stateOf(site)).toContain("operation=upgrade");

      const dropped = await newer.call(["rollback", "--yes"]);
      expect(last(dropped.stdout)).toMatch(/^ROLLED BACK: the upgrade had not changed any service/);
      const none = await newer.call(["rollback", "--yes"]);
      expect(none.code).toBe(10);
      expect(none.stderr).toContain("There is no release before this one");
    }),
  );

  it.concurrent(
    "takes the settings of today into a release that was here once",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0 });
      const [secret = ""] = /^NEW_PASSWORD=.*$/m.exec(await site.settings()) ?? [];
      expect(await site.call(["rollback", "--yes"], { installed: true })).toMatchObject({
        code: 0,
      });
      const args = ["configure", "--set", "API_PORT=20002"];
      expect(await site.call(args, { installed: true })).toMatchObject({ code: 0 });

      expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0, stderr: "" });
      const env = await site.settings();
      expect(env).toContain("\nAPI_PORT=20002\n");
      expect(env).toContain(`\n# Password new.\n${secret}\n`);
      expect(env.match(/NEW_PASSWORD=/g)).toHaveLength(1);
    }),
  );

  it.concurrent.each([["uninstall"], ["prune"], []])(
    "never forgets a password that a release made before it was taken back, %j",
    (...between) =>
      withInstalled(async (site) => {
        const newer = await site.newer("2.4.0", changed);
        await newer.call(["upgrade", "--yes"], { env: { FAKE_UP_FAILS: "1" } });
        expect(await site.call(["rollback", "--yes"])).toMatchObject({ code: 0 });
        const [release = ""] = (await readdir(join(site.home, "releases"))).filter((name) =>
          name.startsWith("2.4.0"),
        );
        const env = await site.kept(`releases/${release}/.env`);
        const [secret = "none"] = /^NEW_PASSWORD=.*$/m.exec(env) ?? [];
        for (const command of between) {
          expect(await site.call([command, "--yes"])).toMatchObject({ code: 0 });
        }

        const corrected = await site.newer("2.4.1", changed);
        expect(await corrected.run({ args: ["--yes"] })).toMatchObject({ code: 0, stderr: "" });
        expect(await site.settings()).toContain(`\n${secret}\n`);
        expect((await stat(join(site.home, "current/.env"))).mode & 0o777).toBe(0o600);
      })(),
  );

  it.concurrent(
    "lets nothing but the same bundle, or a rollback, end a half-done upgrade",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      const third = await site.newer("2.5.0", changed);
      const child = newer.start({ args: ["upgrade", "--yes"], env: { FAKE_UP_SECONDS: "600" } });
      await vi.waitFor(async () => {
        expect((await site.changes()).some((call) => call.includes("up -d"))).toBe(true);
      }, PATIENCE);
      process.kill(-(child.pid ?? 0), "SIGKILL");
      expect(await stateOf(site)).toContain("step=switch");

      const other = await third.call(["upgrade", "--yes"]);
      expect(other.code).toBe(10);
      expect(other.stderr).toContain("An upgrade to OpenIM 2.4.0 has not come to its end");
      expect((await site.call(["status"])).stdout).toContain("`up` goes on, `rollback` goes back");

      const on = await site.call(["up"], { installed: true });
      expect(on).toMatchObject({ code: 0, stderr: "" });
      expect(last(on.stdout)).toMatch(/^UPGRADED: OpenIM 2\.4\.0/);
      expect(await third.call(["upgrade", "--yes"])).toMatchObject({ code: 0, stderr: "" });
    }),
  );

  it.concurrent(
    "has nothing to do for the same bundle, unless its services are down",
    withInstalled(async (site) => {
      const same = await site.call(["upgrade", "--yes"]);
      expect(last(same.stdout)).toMatch(/^UPGRADED: OpenIM 2\.3\.9 .* nothing to do\.$/);
      expect(await site.changes()).toEqual([]);

      // As after an engine that died.
      await rm(join(site.state, "containers"), { recursive: true });
      await mkdir(join(site.state, "containers"));
      const again = await site.call(["upgrade", "--yes"]);
      expect(again).toMatchObject({ code: 0, stderr: "" });
      expect(last(again.stdout)).toMatch(/^INSTALLED: /);
      expect(await site.call(["status"])).toMatchObject({ code: 0 });
    }),
  );

  it.concurrent(
    "prunes the images of older releases and nothing that the installed one needs",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0 });
      const broken = await site.newer("2.5.0", changed);
      const failed = await broken.call(["upgrade", "--yes"], { env: { FAKE_UP_FAILS: "1" } });
      expect(failed.code).toBe(13);
      expect(await site.call(["rollback", "--yes"])).toMatchObject({ code: 0 });
      const result = await site.call(["prune", "--yes"], { installed: true });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect((await readdir(join(site.state, "images"))).sort()).toEqual([
        "mariadb:10.11",
        "open_im_server:v2.3.9",
        "redis:7.2.4",
      ]);
      expect(await readdir(join(site.home, "releases"))).toHaveLength(1);
      expect((await site.call(["rollback", "--yes"])).code).toBe(10);
      expect(await site.call(["verify"])).toMatchObject({ code: 0, stderr: "" });
    }),
  );

  it.concurrent(
    "does not prune what another run has installed meanwhile",
    withInstalled(async (site) => {
      const newer = await site.newer("2.4.0", changed);
      const [old = ""] = await readdir(join(site.home, "releases"));
      expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0 });
      // The lock is there a moment after another run's last change.
      const state = (await stateOf(site)).replace(/^release=.*$/m, `release=${old}`);
      await writeFile(join(site.dir, "state"), state);
      await site.program(
        "mkdir",
        `case $* in *lock) cp "${site.dir}/state" "${site.home}/state" ;; esac`,
      );
      const result = await site.call(["prune", "--yes"]);
      expect(result.code).toBe(10);
      expect(result.stderr).toContain("Another run");
      expect(await readdir(join(site.home, "releases"))).toHaveLength(2);
    }),
  );
});

describe("a run that is killed", () => {
  /** Kills at every change of the engine in turn; each time the next run has to put things right. */
  async function killedEverywhere(
    prepare: (site: Site) => Promise<Site>,
    args: readonly string[],
    changes: number,
  ): Promise<void> {
    const site = await Site.create(SHELLS["dash"] ?? ["/bin/sh"]);
    try {
      const bundle = await prepare(site);
      await site.forget();
      const secret = existsSync(join(site.home, "current/.env"))
        ? await site.settings()
        : undefined;
      const killedAt = async (at: number): Promise<boolean> => {
        const killed = await bundle.call(args, { env: { FAKE_KILL_AT: String(at) } });
        if (existsSync(join(site.home, "state"))) {
          for (const line of lines(await stateOf(site))) expect(line).toMatch(/^[a-z]+=.+$/);
        }
        await site.forget();
        const again = await bundle.call(args);
        expect(again.code, `killed at ${at}: ${again.stdout}${again.stderr}`).toBe(0);
        if (secret !== undefined) expect((await site.settings()).startsWith(secret)).toBe(true);
        expect(existsSync(join(site.home, "lock"))).toBe(false);
        return killed.code === null;
      };
      await site.save();
      let kills = 0;
      for (; await killedAt(kills + 1); kills += 1) await site.restore();
      expect(kills).toBe(changes);
    } finally {
      await site.remove();
    }
  }

  it.concurrent("is put right by the next one, wherever an installation was", () =>
    killedEverywhere(
      (site) => Promise.resolve(site),
      ["install", "--host-address", "10.0.0.5"],
      4,
    ));

  it.concurrent("is put right by the next one, wherever an upgrade was", () =>
    killedEverywhere(twoReleases, ["upgrade", "--yes"], 6));

  it.concurrent(
    "leaves no container under a name that compose gave it for the time being",
    withSite(async (site) => {
      const names = join(site.state, "names");
      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      await writeFile(
        names,
        [
          "1 openim-redis-1",
          "2 c2b3b49a6b2a_openim-redis-1",
          "3 0123456789ab_openim-mysql-1",
          "4 0123456789ab_kafka",
          "5 c2b3b49a6b2_openim-mysql-1",
          "6 c2b3b49a6b2a_grafana",
          "",
        ].join("\n"),
      );
      await writeFile(join(site.state, "strangers"), "grafana\n");
      expect(await site.call(["up"])).toMatchObject({ code: 0, stderr: "" });
      expect(lines(await readFile(names, "utf8"))).toEqual([
        "1 openim-redis-1",
        "3 openim-mysql-1",
        "4 kafka",
        "5 c2b3b49a6b2_openim-mysql-1",
        "6 c2b3b49a6b2a_grafana",
      ]);
    }),
  );

  it.concurrent(
    "leaves passwords that a corrected bundle goes on with",
    withSite(async (site) => {
      await site.becomes("mysql", "exited||1|0|no");
      expect((await site.run()).code).toBe(9);
      const [release = ""] = await readdir(join(site.home, "releases"));
      const env = await site.kept(`releases/${release}/.env`);
      await mkdir(join(site.data, "mysql"));
      await site.becomes("mysql", "running|healthy|0|0|always");

      const corrected = await site.newer("2.3.10", changed);
      expect(await corrected.run()).toMatchObject({ code: 0, stderr: "" });
      expect((await site.settings()).startsWith(env)).toBe(true);
    }),
  );

  it.concurrent.each(["uninstall", "prune"])(
    "leaves no half of a release that %s was removing",
    (command) =>
      withInstalled(async (site) => {
        const newer = await site.newer("2.4.0", changed);
        if (command === "prune") {
          expect(await newer.call(["upgrade", "--yes"])).toMatchObject({ code: 0 });
        }
        await site.program(
          "rm",
          `case $* in
            *.new*) ;;
            "-rf "*/releases | "-rf "*/releases/*)
              if [ -e "$2" ]; then find "$2" -name compose.yaml -exec "$real" {} +; kill -9 0; fi ;;
          esac`,
        );
        expect(await newer.call([command, "--yes"])).toMatchObject({ code: null });
        await rm(join(site.dir, "bin/rm"));
        expect(await site.run({ args: ["--yes"] })).toMatchObject({ code: 0, stderr: "" });
        expect(existsSync(join(site.home, "current/compose.yaml"))).toBe(true);
        expect(await readdir(join(site.home, "releases"))).not.toContain(".gone");
      })(),
  );

  it.concurrent(
    "has its orphans ended and its lock taken over",
    withSite(async (site) => {
      const child = site.start({
        args: ["--host-address", "10.0.0.5"],
        env: { FAKE_LOAD_SECONDS: "600" },
      });
      await vi.waitFor(async () => {
        expect(await site.kept("lock/child")).toMatch(/^\d+ /);
      }, PATIENCE);
      child.kill("SIGKILL");
      const [orphan = ""] = (await site.kept("lock/child")).split(" ");
      expect(existsSync(`/proc/${orphan}`)).toBe(true);

      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      const state = await readFile(`/proc/${orphan}/stat`, "utf8").catch(() => "gone) Z");
      expect(state).toMatch(/\) Z|gone/);
    }),
  );

  it.concurrent(
    "is not mistaken for one that works, nor the other way round",
    withSite(async (site) => {
      await mkdir(join(site.home, "lock"), { recursive: true });
      const start = (await readFile(`/proc/${process.pid}/stat`, "utf8"))
        .replace(/^.*\) /s, "")
        .split(" ")[19];
      await writeFile(join(site.home, "lock/pid"), `${process.pid} ${start}\n`);
      const busy = await site.run();
      expect(busy.code).toBe(10);
      expect(busy.stderr).toContain(`process ${process.pid}`);

      // The number has gone to another process since.
      await writeFile(join(site.home, "lock/pid"), `${process.pid} 1\n`);
      expect(await site.run()).toMatchObject({ code: 0, stderr: "" });
      await rm(join(site.home, "lock"), { recursive: true, force: true });
    }),
  );
});
