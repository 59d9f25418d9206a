import { describe, expect, it } from "vitest";
import { resolveStart } from "../../../src/walk/start.js";
import { type Entry, file, program, programFor, symlink, walkedImage } from "./sample.js";

const elf = programFor("linux/arm64");
const shell = [program("bin/busybox", elf), symlink("bin/sh", "busybox")];

async function start(entries: readonly Entry[], config: object, command?: readonly string[]) {
  const image = await walkedImage({ layers: [[...shell, ...entries]], config });
  const { steps, end, trouble } = resolveStart(image, command);
  return {
    steps: steps.map(({ what, path }) => `${what} ${path}`),
    end: end?.path,
    trouble,
  };
}

describe("the program that starts", () => {
  it("is found by its path, in PATH, and from the working directory", async () => {
    const tool = [program("opt/tool", elf), file("usr/bin/tool", elf), program("bin/tool", elf)];
    expect(await start(tool, { Cmd: ["/opt/tool", "-x"] })).toMatchObject({ end: "opt/tool" });
    // What is not executable is passed over.
    expect(await start(tool, { Cmd: ["tool"] })).toMatchObject({ end: "bin/tool" });
    expect(await start(tool, { Cmd: ["tool"], Env: ["PATH=/x:/opt"] })).toMatchObject({
      end: "opt/tool",
    });
    expect(await start(tool, { Cmd: ["./tool"], WorkingDir: "/opt" })).toMatchObject({
      end: "opt/tool",
    });
    expect(await start(tool, { Cmd: ["tool"], Env: ["PATH=."], WorkingDir: "/opt" })).toMatchObject(
      { end: "opt/tool" },
    );
  });

  it("stands at the end of symlinks", async () => {
    const links = [
      symlink("usr/bin/redis", "/etc/alternatives/redis"),
      symlink("etc/alternatives/redis", "../../bin/busybox"),
    ];
    expect(await start(links, { Entrypoint: ["redis"] })).toEqual({
      steps: ["path usr/bin/redis", "symlink etc/alternatives/redis", "symlink bin/busybox"],
      end: "bin/busybox",
      trouble: undefined,
    });
  });

  it("is a script's interpreter, and its interpreter's", async () => {
    const scripts = [
      program("entry", "#!/usr/bin/env bash\n"),
      program("usr/bin/env", elf),
      program("usr/bin/bash", "#!/bin/sh -e\n"),
    ];
    expect(await start(scripts, { Entrypoint: ["/entry"], Cmd: ["redis"] })).toEqual({
      steps: [
        "command entry",
        "interpreter usr/bin/env",
        "handed-on usr/bin/bash",
        "interpreter bin/sh",
        "symlink bin/busybox",
      ],
      end: "bin/busybox",
      trouble: undefined,
    });
  });

  it("is what env -S splits a script's first line into", async () => {
    const scripts = [
      program("entry", "#!/usr/bin/env -S A=1 node --flag\n"),
      program("usr/bin/env", elf),
      program("usr/bin/node", elf),
    ];
    expect(await start(scripts, { Cmd: ["/entry"] })).toMatchObject({ end: "usr/bin/node" });
  });

  it("is what a wrapper hands on to, and what sh -c execs", async () => {
    const tools = ["tini", "gosu", "redis"].map((name) => program(`usr/bin/${name}`, elf));
    expect(
      await start(tools, {
        Entrypoint: ["tini", "-g", "--"],
        Cmd: ["gosu", "redis:redis", "redis", "-x"],
      }),
    ).toMatchObject({ end: "usr/bin/redis" });
    expect(await start(tools, { Cmd: ["/bin/sh", "-c", "A=1 exec redis --port 1"] })).toMatchObject(
      {
        end: "usr/bin/redis",
      },
    );
    for (const text of ["cd /x && redis", "trap x", "$REDIS", "", "redis; gosu"]) {
      expect(await start(tools, { Cmd: ["/bin/sh", "-c", text] })).toMatchObject({
        end: "bin/busybox",
        trouble: undefined,
      });
    }
  });

  it("is none where something on the way is missing", async () => {
    expect(await start([], {})).toMatchObject({
      trouble: expect.stringMatching(/neither/) as string,
    });
    expect(await start([], { Cmd: ["redis"] })).toMatchObject({
      steps: [],
      trouble: '"redis" is in no folder of PATH.',
    });
    expect(await start([program("x", "#!/bin/lua\n")], { Cmd: ["/x"] })).toMatchObject({
      steps: ["command x"],
      trouble: '"/bin/lua" is not in the image, which a script needs.',
    });
    expect(await start([program("x", "#!/x\n")], { Cmd: ["/x"] })).toMatchObject({
      trouble: expect.stringMatching(/more than/) as string,
    });
    expect(await start([program("usr/bin/tini", elf)], { Cmd: ["tini", "nowhere"] })).toMatchObject(
      {
        steps: ["path usr/bin/tini"],
        trouble: '"nowhere" is in no folder of PATH.',
      },
    );
  });

  it("can be asked for another command", async () => {
    expect(await start([], { Cmd: ["x"] }, ["sh"])).toMatchObject({ end: "bin/busybox" });
  });
});
