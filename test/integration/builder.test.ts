import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, jsonOf } from "../support/cli.js";
import {
  type FakeDocker,
  NO_BUILDER,
  fakeDocker,
  inspectText,
  versionText,
} from "../support/fake-docker.js";

let cwd: string;
let fake: FakeDocker;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "openim-bundler-builder-cli-"));
  fake = await fakeDocker([
    ["buildx version", versionText("v0.13.1")],
    ["buildx create *", { script: ': >"$FAKE/made"' }],
    ["buildx rm *", { script: 'rm "$FAKE/made"' }],
    [
      "buildx inspect *openim-bundler",
      {
        script: `if [ ! -e "$FAKE/made" ]; then echo 'ERROR: no builder "openim-bundler" found' >&2; exit 1; fi`,
        stdout: inspectText("openim-bundler", "docker-container", [
          { platforms: "linux/arm64*, linux/amd64" },
        ]),
        stderr: "#1 [internal] booting buildkit\n",
      },
    ],
    ["buildx inspect *", NO_BUILDER],
  ]);
});
afterEach(async () => {
  await fake.remove();
  await rm(cwd, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  cli(["builder", ...args], { cwd, env: { OPENIM_BUNDLER_DOCKER: fake.program } });

describe("openim-bundler builder", () => {
  it("sets up, shows and removes, and says each time what it did", async () => {
    const created = await run("setup", "--mirror", "docker.io=https://mirror.example");
    expect(created).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("booting buildkit") as string,
    });
    expect(created.stdout).toContain("The builder openim-bundler has been created.");
    expect(created.stdout).toMatch(
      /openim-bundler0 .*running .*v0\.13\.2 .*linux\/arm64\* linux\/amd64/,
    );

    const again = await run("setup", "--mirror", "docker.io=https://mirror.example", "--quiet");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(again.stdout).toContain("nothing was changed");

    const changed = await run("setup", "--json");
    expect(jsonOf(changed)).toMatchObject({
      outcome: "recreated",
      changes: ["mirror: docker.io=https://mirror.example → none"],
      builder: { name: "openim-bundler", driver: "docker-container" },
    });

    const shown = await run("inspect");
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain("openim-bundler (docker-container), buildx 0.13.1");

    const asked = await run("remove");
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") as string });

    expect(jsonOf(await run("remove", "--yes", "--json"))).toEqual({
      name: "openim-bundler",
      removed: true,
    });
    expect(await run("remove", "--yes")).toMatchObject({ code: 0 });
  });

  it("fails with 15 where there is nothing to build with, and with 2 for wrong flags", async () => {
    expect(await run("inspect", "gone", "--json").then(jsonOf)).toMatchObject({
      error: {
        code: "BUILDER",
        exitCode: 15,
        hint: expect.stringContaining("builder setup") as string,
      },
    });
    expect(await run("setup", "--node", "ssh://-oProxyCommand=x")).toMatchObject({ code: 2 });
    expect(await run("setup", "--mirror", "docker.io")).toMatchObject({ code: 2 });
    expect(await run("setup", "--driver", "docker")).toMatchObject({ code: 2 });
  });
});
