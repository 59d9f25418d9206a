import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DoctorResult } from "../../src/jobs/doctor.js";
import { type SampleRegistry, startSampleRegistry } from "../../src/sample/registry.js";
import { type CliOutcome, cli, jsonOf, startCli } from "../support/cli.js";
import { writeSmallDefinition } from "../support/small-definition.js";

let dir: string;
let registry: SampleRegistry;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-doctor-"));
  registry = await startSampleRegistry({ auth: { scheme: "bearer" } });
  await mkdir(path.join(dir, "bin"));
});
afterEach(async () => {
  await registry.close();
  await rm(dir, { recursive: true, force: true });
});

/** No program but what the test puts there can be found by its name, and no host but this one. */
const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...{ PATH: path.join(dir, "bin"), HTTPS_PROXY: "http://127.0.0.1:1", ...more },
});
const mirrors = (url = registry.url): string[] => [
  ...["--mirror", `docker.io=${url}`, "--mirror", `quay.io=${url}`],
];
const doctor = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<CliOutcome> =>
  cli(["doctor", path.join(dir, "definition"), ...args], { cwd: dir, env: env(more) });
const report = (outcome: CliOutcome): DoctorResult => jsonOf(outcome) as DoctorResult;
const finding = (outcome: CliOutcome, id: string) =>
  report(outcome).findings.find((one) => one.id === id);
const lastLine = ({ stdout }: CliOutcome): string | undefined =>
  stdout.trimEnd().split("\n").at(-1);

/** A definition that needs no build, and one component more that only a build can give for s390x. */
async function define(more = ""): Promise<void> {
  const definition = await writeSmallDefinition(path.join(dir, "definition"));
  if (more === "") return;
  const table = path.join(definition, "components.yaml");
  const compose = path.join(definition, "compose.yaml");
  const [components, services] = await Promise.all([
    readFile(table, "utf8"),
    readFile(compose, "utf8"),
  ]);
  await writeFile(table, components.replaceAll("linux/arm64]", "linux/arm64, linux/s390x]") + more);
  await writeFile(
    compose,
    `${services}  app:
    image: quay.io/team/app:1.0
    healthcheck:
      test: [CMD, app, --healthy]
`,
  );
  await mkdir(path.join(definition, "app"));
  await writeFile(path.join(definition, "app", "Dockerfile"), "FROM debian:12.5\nRUN true\n");
}
const APP = `  app:
    title: { en: App, zh: 应用 }
    image: quay.io/team/app:1.0
    platforms: [linux/amd64, linux/arm64]
    build:
      context: app
      platforms: [linux/amd64, linux/arm64, linux/s390x]
`;

async function docker(script: string): Promise<void> {
  const file = path.join(dir, "bin", "docker");
  await writeFile(file, `#!/bin/sh\n${script}`);
  await chmod(file, 0o755);
}

/**
 * Answers as Docker 26 does, on another kernel; lists s390x once the image that installs handlers
 * has run.
 */
const DOCKER_26 = `
info='{"ServerVersion":"26.1.5","Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"SecurityOptions":["name=seccomp"],"DockerRootDir":"/var/lib/docker","MemTotal":8000000000,"KernelVersion":"0.0-elsewhere"}'
more=
[ ! -e "$STATE/installed" ] || more=", linux/s390x"
case "$*" in
--version) echo "Docker version 26.1.5, build a72d7cd" ;;
"version --format {{json .}}") echo '{"Client":{"Version":"26.1.5"},"Server":{"Version":"26.1.5","Components":[]}}' ;;
"info --format {{json .}}") echo "$info" ;;
"buildx version") echo "github.com/docker/buildx v0.13.1 abc" ;;
"buildx inspect openim-bundler") echo 'ERROR: no builder "openim-bundler" found' >&2; exit 1 ;;
"buildx inspect") printf 'Name:   default\\nDriver: docker\\n\\nNodes:\\nName:             default\\nEndpoint:         default\\nStatus:           running\\nPlatforms:        linux/amd64%s\\n' "$more" ;;
"run --privileged --rm"*) echo "$*" >>"$STATE/installed" ;;
*) echo "docker: unexpected: $*" >&2; exit 1 ;;
esac
`;

describe("doctor without Docker", () => {
  it("says that pulls work and what does not, and finds nothing wrong where no build is needed", async () => {
    await define();
    const outcome = await doctor(["-p", "linux/arm64", ...mirrors(), "--json"]);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(report(outcome)).toMatchObject({
      ...{ ok: true, canPull: true, canBuild: { "linux/arm64": false } },
      platforms: ["linux/arm64"],
    });
    expect(finding(outcome, "docker.client")).toMatchObject({
      level: "note",
      found: "not in PATH",
    });
    // Behind a mirror that answers, the registry itself is not needed.
    expect(finding(outcome, "registry.docker.io")).toMatchObject({
      level: "note",
      found: expect.stringMatching(
        `^mirror ${registry.host} answers .*; registry-1.docker.io does not answer`,
      ) as string,
    });
    expect(registry.requests.every(({ kind }) => kind === "ping")).toBe(true);
    expect(registry.requests.length).toBe(1);
  });

  it("fails where a build is needed, and a person reads why and how to mend it", async () => {
    await define(APP);
    const outcome = await doctor(["-p", "linux/s390x", ...mirrors()]);
    expect(outcome.code).toBe(15);
    expect(outcome.stdout).toMatch(/^Docker\s+docker command\s+fail\s+not in PATH$/m);
    expect(outcome.stdout).toMatch(/→ Install Docker Engine 20\.10 or newer/);
    expect(lastLine(outcome)).toBe(
      "Pulls work. Builds for linux/s390x do not work: app (there is no docker command); the bundle needs them.",
    );
  });

  it("does not mind what is needed only where no registry has the image", async () => {
    await define(APP);
    const outcome = await doctor(["-p", "linux/arm64", ...mirrors(), "--json"]);
    expect(outcome.code).toBe(0);
    expect(finding(outcome, "build.linux/arm64")?.level).toBe("warn");
  });

  it("fails with the network's code when a registry does not answer", async () => {
    await define(APP);
    const table = path.join(dir, "definition", "components.yaml");
    const text = await readFile(table, "utf8");
    await writeFile(table, text.replaceAll("quay.io/team", "127.0.0.1:1/team"));
    const compose = path.join(dir, "definition", "compose.yaml");
    await writeFile(
      compose,
      (await readFile(compose, "utf8")).replaceAll("quay.io/team", "127.0.0.1:1/team"),
    );
    const outcome = await doctor(["-p", "linux/s390x", ...mirrors(), "--json"]);
    expect(outcome.code).toBe(5);
    expect(report(outcome)).toMatchObject({ ok: false, canPull: false });
    expect(finding(outcome, "registry.127.0.0.1:1")).toMatchObject({
      level: "fail",
      found: expect.stringContaining("the connection was refused") as string,
    });
  });

  it("fails when nothing can be stored", async () => {
    await define();
    await writeFile(path.join(dir, "file"), "");
    const store = path.join(dir, "file", "store");
    const outcome = await doctor(["-p", "linux/arm64", ...mirrors(), "--store", store, "--json"]);
    expect(outcome.code).toBe(11);
    expect(report(outcome).verdict).toContain("nothing can be stored");
  });

  it("offers no repair that it cannot make", async () => {
    await define(APP);
    const outcome = await doctor(["-p", "linux/s390x", ...mirrors(), "--fix", "--yes", "--json"]);
    expect(outcome.code).toBe(15);
    expect(report(outcome).repairs).toEqual([]);
  });

  it("takes an image's name for nothing else", async () => {
    await define();
    const outcome = await doctor(["-p", "linux/arm64", "--binfmt-image=--volume=/:/host"]);
    expect(outcome).toMatchObject({ code: 2, stdout: "" });
    expect(outcome.stderr).toContain("--binfmt-image");
  });
});

describe("doctor with a docker command", () => {
  it("that hangs is done in time all the same", async () => {
    await define(APP);
    await docker("/bin/sleep 300 &\nwait\n");
    const outcome = await doctor(["-p", "linux/s390x", ...mirrors(), "--json"]);
    expect(outcome.code).toBe(15);
    expect(finding(outcome, "docker.client")?.found).toBe("no answer within 8 s");
    expect(report(outcome).canPull).toBe(true);
  });

  it("that hangs is left at once when the user stops", async () => {
    await define();
    await docker('echo >"$STATE/started"\n/bin/sleep 300 &\nwait\n');
    const running = startCli(["doctor", path.join(dir, "definition"), ...mirrors()], {
      cwd: dir,
      env: env({ STATE: dir }),
    });
    while (!(await readFile(path.join(dir, "started")).catch(() => false)))
      await new Promise((resolve) => setTimeout(resolve, 20));
    running.child.kill("SIGINT");
    expect(await running.ended).toMatchObject({ code: 130 });
  });

  it("changes nothing without a yes, installs what is missing with one, and looks again", async () => {
    await define(APP);
    await docker(DOCKER_26);
    const installed = path.join(dir, "installed");
    const state = { STATE: dir };
    const image = ["--binfmt-image", "mirror.example/tonistiigi/binfmt"];
    const args = ["-p", "linux/s390x", ...mirrors(), ...image];

    const asked = await doctor([...args, "--fix"], state);
    expect(asked.code).toBe(15);
    expect(asked.stdout).toContain(
      "docker run --privileged --rm mirror.example/tonistiigi/binfmt --install s390x",
    );
    expect(asked.stdout).toContain("Nothing was changed: there is no terminal to ask on.");
    expect(lastLine(asked)).toContain("the bundle needs them");
    await expect(readFile(installed)).rejects.toThrow("ENOENT");

    const mended = await doctor([...args, "--fix", "--yes", "--json"], state);
    expect(mended.code).toBe(0);
    expect(report(mended)).toMatchObject({
      ok: true,
      canBuild: { "linux/s390x": true },
      repairs: [{ outcome: "done", mends: ["emulation.linux/s390x"] }],
    });
    expect(await readFile(installed, "utf8")).toBe(
      "run --privileged --rm mirror.example/tonistiigi/binfmt --install s390x\n",
    );
  });

  it("names the builder that is not there, and the command that makes it", async () => {
    await define(APP);
    await docker(DOCKER_26.replace('"buildx inspect")', '"buildx inspect default")'));
    const outcome = await doctor(["-p", "linux/s390x", ...mirrors(), "--json"]);
    expect(outcome.code).toBe(15);
    expect(finding(outcome, "builder.default")).toMatchObject({ level: "fail", fixable: true });
    const offered = await doctor(["-p", "linux/s390x", ...mirrors(), "--fix", "--json"]);
    expect(
      report(offered).repairs?.map(({ command, outcome: how }) => [command, how]),
    ).toContainEqual([
      `openim-bundler builder setup --mirror docker.io=${registry.url} --mirror quay.io=${registry.url}`,
      "offered",
    ]);
  });
});
