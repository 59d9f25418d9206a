import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { HOST, OTHER, PATIENCE, SHELL, SHELLS, TEMPLATES, finished } from "./bundle.js";
import { type EngineHost, type Init, onHost } from "./engine-host.js";

const BIN = "usr/local/bin";
const PLUGIN = "usr/local/lib/docker/cli-plugins/docker-compose";
const STATE = "var/lib/openim-bundler/engine";

/** What an installation leaves after it is removed, beside what was there before. */
async function afterwards(host: EngineHost): Promise<ReadonlyMap<string, string>> {
  const left = new Map(await host.files());
  for (const path of ["var/run/docker.pid", "var/log/docker.log"]) left.delete(path);
  for (const path of ["var/run/", "var/log/", "var/lib/"]) left.delete(path);
  return left;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitFor(async () => expect(await holds()).toBe(true), PATIENCE);
}

const SERVICES: Readonly<
  Record<Init, { readonly file: string; readonly calls: readonly string[] }>
> = {
  systemd: {
    file: "etc/systemd/system/docker.service",
    calls: [
      "groupadd -r docker",
      "systemctl daemon-reload",
      "systemctl enable docker.service",
      "systemctl start docker.service",
    ],
  },
  openrc: {
    file: "etc/init.d/docker",
    calls: ["groupadd -r docker", "rc-update add docker default", "rc-service docker start"],
  },
  lsb: { file: "etc/init.d/docker", calls: ["groupadd -r docker", "update-rc.d docker defaults"] },
};

describe("the messages of install.sh engine", () => {
  const words = readFileSync(join(TEMPLATES, "lib/words-engine.sh"), "utf8");
  const texts = (language: string): ReadonlyMap<string, number> => {
    const from = words.indexOf(`words_engine_${language}() {`);
    const body = words.slice(from, words.indexOf("\n}\n", from));
    return new Map(
      [...body.matchAll(/^ {8}([a-z_]+)\) printf '(.*?)\\n'/gm)].map(([, key, text]) => [
        key ?? "",
        [...(text ?? "").matchAll(/%s/g)].length,
      ]),
    );
  };

  it("are there in both languages, with the same values, and all of them are used", () => {
    const english = texts("en");
    expect(texts("zh")).toEqual(english);
    const used = ["install", "files", "service"].flatMap((part) =>
      [
        ...readFileSync(join(TEMPLATES, `lib/engine-${part}.sh`), "utf8").matchAll(
          /\b(?:say|fail \d+|ask_yes) engine\.([a-z_]+)/g,
        ),
      ].map(([, key]) => key ?? ""),
    );
    expect([...new Set(used)].sort()).toEqual([...english.keys()].sort());
  });
});

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`install.sh engine under ${name}`, () => {
    const test = (words: string, init: Init, body: (host: EngineHost) => Promise<void>): void => {
      it.concurrent(words, onHost(shell ?? [], init, body));
    };

    for (const [init, { file, calls }] of Object.entries(SERVICES) as [
      Init,
      (typeof SERVICES)[Init],
    ][]) {
      // Where bash is the site's sh, systemd starts the services; where busybox is, OpenRC does.
      if (name === "bash" && init !== "systemd") continue;
      if (name === "busybox ash" && init !== "openrc") continue;
      test(
        `installs Docker and Compose as a service of ${init}, and takes them away again`,
        init,
        async (host) => {
          const before = await afterwards(host);

          const result = await host.run();

          expect(result).toMatchObject({ code: 0, stderr: "" });
          expect(result.stdout.trimEnd().split("\n").at(-1)).toBe(
            "INSTALLED: Docker 27.5.1 answers (Docker 27.5.1, Docker Compose 2.30.3). Next: ./install.sh",
          );
          expect(await host.calls()).toEqual(calls);
          expect(await host.mode(`${BIN}/dockerd`)).toBe("755");
          expect(await host.mode(PLUGIN)).toBe("755");
          expect(await host.mode("etc/docker/daemon.json")).toBe("644");
          expect(JSON.parse(await host.read("etc/docker/daemon.json"))).toEqual({
            "log-driver": "json-file",
            "log-opts": { "max-size": "50m", "max-file": "3" },
          });
          expect((await host.files()).get(`${BIN}/docker-compose`)).toBe(
            "-> ../lib/docker/cli-plugins/docker-compose",
          );
          expect(await host.read(file)).toContain(`${host.root}/${BIN}/dockerd`);
          expect(await host.daemonRuns()).toBe(true);
          expect([...(await host.files()).keys()].filter((path) => path.includes(".new"))).toEqual(
            [],
          );

          const again = await host.run();
          expect(again).toMatchObject({ code: 0, stderr: "" });
          expect(again.stdout).toContain("Docker 27.5.1 runs; it was installed by this installer");
          expect(await host.calls()).toEqual(calls);

          const removed = await host.run({ remove: true });
          expect(removed).toMatchObject({ code: 0, stderr: "" });
          expect(removed.stdout).toMatch(/REMOVED: .*\n$/);
          await until(async () => !(await host.daemonRuns()));
          expect(await afterwards(host)).toEqual(before);

          const nothing = await host.run({ remove: true });
          expect(nothing).toMatchObject({ code: 0, stderr: "" });
          expect(nothing.stdout).toContain("has brought no engine");
        },
      );

      test(
        `takes everything back when the service of ${init} does not start`,
        init,
        async (host) => {
          const before = await afterwards(host);
          if (init === "lsb") await host.carry(HOST, "exit");

          const result = await host.run({ env: { FAKE_START_FAILS: "1", ENGINE_SECONDS: "3" } });

          expect(result.code).toBe(5);
          expect(result.stderr).toContain("NOT INSTALLED: Docker does not answer");
          expect(result.stderr).toContain("Taking back what this run installed");
          const left = new Map(await afterwards(host));
          expect(left.delete(`${STATE}/install.log`)).toBe(true);
          expect(left.delete(`${STATE}/`) && left.delete("var/lib/openim-bundler/")).toBe(true);
          expect(left).toEqual(before);

          await host.carry(HOST);
          expect(await host.run()).toMatchObject({ code: 0, stderr: "" });
        },
      );
    }

    test("takes back what it did when it is interrupted", "systemd", async (host) => {
      const before = await afterwards(host);
      const child = host.start({ env: { FAKE_START_SECONDS: "600" } });
      const end = finished(child);
      await until(() => existsSync(join(host.root, "starting")));
      process.kill(child.pid ?? 0, "SIGTERM");
      const result = await end;
      expect(result.code).toBe(130);
      expect(result.stderr).toContain("Taking back what this run installed");
      const left = [...(await afterwards(host)).keys()].filter(
        (path) => !path.startsWith("var/lib/"),
      );
      expect(left).toEqual([...before.keys()]);
    });
  });

  it.skipIf(shell === undefined)(
    `the script in /etc/init.d does what such scripts do, under ${name}`,
    onHost(shell ?? [], "lsb", async (host) => {
      expect(await host.run()).toMatchObject({ code: 0 });
      const [program = "", ...rest] = shell ?? [];
      const call = (word: string): number | null =>
        spawnSync(program, [...rest, join(host.root, "etc/init.d/docker"), word]).status;
      expect(call("start")).toBe(0);
      expect(call("status")).toBe(0);
      expect(call("reload")).toBe(0);
      await until(async () => !(await host.daemonRuns()));
      expect(call("status")).toBe(3);
      expect(call("restart")).toBe(0);
      expect(await host.daemonRuns()).toBe(true);
      expect(call("stop")).toBe(0);
      expect(await host.daemonRuns()).toBe(false);
      expect(call("stop")).toBe(0);
      expect(call("dance")).toBe(2);
    }),
  );
}

describe("install.sh engine", () => {
  const test = (words: string, body: (host: EngineHost) => Promise<void>): void => {
    it.concurrent(words, onHost(SHELL, "systemd", body));
  };

  test("changes nothing with --dry-run, and lists what it would write", async (host) => {
    const before = await host.files();
    const result = await host.run({ dryRun: true, yes: false });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    for (const path of [
      `${BIN}/dockerd`,
      PLUGIN,
      `${BIN}/docker-compose`,
      "etc/docker/daemon.json",
      SERVICES.systemd.file,
      `${STATE}/manifest`,
    ]) {
      expect(result.stdout).toContain(`would write /${path}\n`);
    }
    expect(await host.files()).toEqual(before);
  });

  test("does nothing without an answer to its question", async (host) => {
    const before = await host.files();
    expect(await host.run({ yes: false })).toMatchObject({ code: 2 });
    expect(await host.files()).toEqual(before);
  });

  test("refuses an engine for another architecture, a damaged one and one without its files", async (host) => {
    const before = await host.files();
    await host.carry(OTHER);
    const other = await host.run();
    expect(other.code).toBe(4);
    expect(other.stderr).toContain(`The engine in this bundle (${OTHER})`);

    await host.carry(HOST);
    await appendFile(join(host.bundle, "extras/docker-compose"), "x");
    expect(await host.run()).toMatchObject({ code: 3 });

    await rm(join(host.bundle, "extras"), { recursive: true });
    const none = await host.run({ language: "zh" });
    expect(none.code).toBe(3);
    expect(none.stderr).toContain("不在此处");

    await rm(join(host.bundle, "site/extras.tsv"));
    await writeFile(join(host.bundle, "site/extras.tsv"), "#name\n");
    const bare = await host.run();
    expect(bare.code).toBe(5);
    expect(bare.stderr).toContain("This bundle carries no engine");
    expect(await host.files()).toEqual(before);
  });

  test("overwrites nothing that is not its own", async (host) => {
    await host.file(`${BIN}/runc`, "somebody's\n");
    const before = await host.files();
    const result = await host.run();
    expect(result.code).toBe(11);
    expect(result.stderr).toContain(`/${BIN}/runc`);
    expect(await host.files()).toEqual(before);
  });

  test("leaves a host alone that has an engine", async (host) => {
    const before = await host.files();
    await host.program("podman", "echo podman version 4.9.4");
    const podman = await host.run();
    expect(podman).toMatchObject({ code: 0, stderr: "" });
    expect(podman.stdout).toContain("An engine is here already (podman version 4.9.4)");

    await host.program("docker", "echo Docker version 26.1.5");
    const docker = await host.run();
    expect(docker).toMatchObject({ code: 0, stderr: "" });
    expect(docker.stdout).toContain("An engine is here already (Docker version 26.1.5)");
    expect(await host.files()).toEqual(before);
  });

  test("does nothing where a Docker is that does not answer", async (host) => {
    await host.program("docker", '[ "$1" = --version ] && echo Docker version 18.09.0');
    const before = await afterwards(host);
    const result = await host.run();
    expect(result.code).toBe(5);
    expect(result.stderr).toMatch(/^NOT INSTALLED: Docker is here already .*does not answer/);
    expect(await afterwards(host)).toEqual(before);
  });

  test("adds Compose alone where Docker is and Compose is not", async (host) => {
    await host.program(
      "docker",
      "case $1 in *version) echo Docker version 18.09.0 ;; *) exit 1 ;; esac",
    );
    const before = await afterwards(host);
    const result = await host.run();
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("INSTALLED: Docker Compose 2.30.3");
    expect(existsSync(join(host.root, PLUGIN))).toBe(true);
    expect(existsSync(join(host.root, BIN, "dockerd"))).toBe(false);
    expect(await host.calls()).toEqual([]);

    expect(await host.run({ remove: true })).toMatchObject({ code: 0, stderr: "" });
    expect(await afterwards(host)).toEqual(before);
  });

  test("keeps a daemon.json that is there, and writes the data folder into its own", async (host) => {
    await host.file("etc/docker/daemon.json", "{}\n");
    const refused = await host.run({ data: "/srv/docker" });
    expect(refused.code).toBe(8);
    expect(refused.stderr).toContain('"data-root": "/srv/docker"');
    expect(await host.run()).toMatchObject({ code: 0 });
    expect(await host.read("etc/docker/daemon.json")).toBe("{}\n");
    expect(await host.run({ remove: true })).toMatchObject({ code: 0 });
    expect(await host.read("etc/docker/daemon.json")).toBe("{}\n");

    await rm(join(host.root, "etc/docker"), { recursive: true });
    expect(await host.run({ data: "/srv/a b" })).toMatchObject({ code: 8 });
    expect(await host.run({ data: "/srv/docker" })).toMatchObject({ code: 0 });
    expect(JSON.parse(await host.read("etc/docker/daemon.json"))).toMatchObject({
      "data-root": "/srv/docker",
    });
    await mkdir(join(host.root, "srv/docker"), { recursive: true });
    const removed = await host.run({ remove: true });
    expect(removed.stdout).toContain(
      "Left as it is, with images, containers and volumes: /srv/docker",
    );
    expect(existsSync(join(host.root, "srv/docker"))).toBe(true);
  });

  test("leaves what somebody changed since, and a group with members", async (host) => {
    expect(await host.run()).toMatchObject({ code: 0 });
    await host.file("etc/docker/daemon.json", "{}\n");
    await host.file("etc/group", "docker:x:999:li\n");
    const removed = await host.run({ remove: true });
    expect(removed).toMatchObject({ code: 0, stderr: "" });
    expect(removed.stdout).toContain("it stays: /etc/docker/daemon.json");
    expect(removed.stdout).toContain("The group docker stays, for its members: li");
    expect(await host.read("etc/docker/daemon.json")).toBe("{}\n");
    expect(existsSync(join(host.root, BIN))).toBe(false);
  });

  test("warns of what the daemon will miss, with the mend", async (host) => {
    await host.file("proc/filesystems", "nodev\tproc\n");
    await host.file("proc/mounts", "");
    await rm(join(host.dir, "bin/iptables"));
    const result = await host.run({ dryRun: true });
    expect(result.code).toBe(0);
    expect(result.stdout).toContain("Try: modprobe overlay");
    expect(result.stdout).toContain("Try: mount -t cgroup2 none /sys/fs/cgroup");
    expect(result.stdout).toContain("Install the package iptables");
  });

  test("starts an engine of its own that was stopped", async (host) => {
    expect(await host.run()).toMatchObject({ code: 0 });
    process.kill(Number(await host.read("var/run/docker.pid")));
    await until(async () => !(await host.daemonRuns()));
    const result = await host.run();
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("is here, but does not run");
    expect(await host.daemonRuns()).toBe(true);
  });

  test("finishes the work of a run that was killed", async (host) => {
    const before = await afterwards(host);
    const child = host.start({ env: { FAKE_START_SECONDS: "600" } });
    const end = finished(child);
    await until(() => existsSync(join(host.root, "starting")));
    process.kill(-(child.pid ?? 0), "SIGKILL");
    await end;
    expect(existsSync(join(host.root, BIN, "dockerd"))).toBe(true);

    const result = await host.run();
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toContain("INSTALLED: Docker 27.5.1");
    expect(await host.run({ remove: true })).toMatchObject({ code: 0 });
    expect(await afterwards(host)).toEqual(before);
  });
});
