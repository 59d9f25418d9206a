import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HOST, type RunResult, SHELL, Site } from "./bundle.js";

const OTHER = HOST === "linux/arm64" ? "linux/amd64" : "linux/arm64";

describe("install.sh", () => {
  let site: Site;

  beforeEach(async () => {
    site = await Site.create(SHELL);
  });

  afterEach(async () => site.remove());

  async function untouched(result: RunResult, code: number): Promise<void> {
    expect(result, JSON.stringify(result)).toMatchObject({ code });
    expect(await site.changes()).toEqual([]);
    expect((await readdir(site.root)).filter((file) => /^\.|install\.log/.test(file))).toEqual([]);
    expect(existsSync(site.data)).toBe(false);
  }

  it("refuses sums that lead out of the folder", async () => {
    await appendFile(join(site.root, "SHA256SUMS"), `${"0".repeat(64)}  ../../etc/passwd\n`);
    const result = await site.run();
    await untouched(result, 3);
    expect(result.stderr).toContain("of SHA256SUMS cannot be read");
  });

  it("refuses a bundle for another architecture", async () => {
    await site.remove();
    site = await Site.create(SHELL, OTHER);

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

  it("names the image that the engine could not load", async () => {
    const result = await site.run({ env: { FAKE_LOAD_FAILS: "1" } });
    expect(result.code).toBe(7);
    expect(result.stderr).toContain("The image of mysql could not be loaded");
    expect(await site.read("install.log")).toContain("no space left on device");
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

  it.each([
    ["an unknown option", ["--frob"], 2, "Unknown option: --frob"],
    ["an option without its value", ["--set"], 2, "--set needs a value"],
    ["an unknown setting", ["--set", "PORT=1"], 8, "There is no setting PORT. There are: DATA_DIR"],
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
    expect(await readFile(join(site.state, "environment"), "utf8")).toBe("\n");
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
