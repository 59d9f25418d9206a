import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  insideDefinition,
  readContextFolder,
  streamOwnFile,
} from "../../../src/build/context-folder.js";
import { digestOf } from "../../../src/core/digest.js";
import { collect, containing, matching, writeFiles } from "./lab.js";

const signal = new AbortController().signal;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "context-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const read = () => readContextFolder(dir, "hello", signal);

describe("a context folder", () => {
  it("gives files with their executable bit, links inside and empty folders, by path", async () => {
    await writeFiles(dir, {
      "run.sh": "#!/bin/sh\n",
      "b/c.txt": "c",
      Dockerfile: "FROM scratch\n",
    });
    await symlink("b/c.txt", join(dir, "link"));
    await symlink("../run.sh", join(dir, "b", "up"));
    await mkdir(join(dir, "empty"));
    expect(await read()).toEqual([
      expect.objectContaining({ path: "Dockerfile", type: "file", executable: false }),
      expect.objectContaining({ path: "b/c.txt", size: 1, digest: digestOf("c") }),
      { path: "b/up", type: "symlink", linkpath: "../run.sh" },
      { path: "empty", type: "directory" },
      { path: "link", type: "symlink", linkpath: "b/c.txt" },
      expect.objectContaining({ path: "run.sh", executable: true }),
    ]);
  });

  it("is the same whoever owns it and whenever it was written", async () => {
    await writeFiles(dir, { Dockerfile: "FROM scratch\n", "run.sh": "x" });
    const before = await read();
    await chmod(join(dir, "Dockerfile"), 0o644);
    await chmod(join(dir, "run.sh"), 0o755);
    await utimes(join(dir, "run.sh"), 1, 1);
    expect(await read()).toEqual(before);
  });

  it.each(["/etc/passwd", "../outside", "b/../../outside", "a\\b"])(
    "refuses the link %j, which leads out",
    async (target) => {
      await symlink(target, join(dir, "link"));
      await expect(read()).rejects.toMatchObject({
        code: "DEFINITION",
        message: containing("hello/link is a symbolic link out of the build context"),
      });
    },
  );

  it("refuses pipes, without waiting for them", async () => {
    await promisify(execFile)("mkfifo", [join(dir, "pipe")]);
    await expect(read()).rejects.toMatchObject({
      code: "DEFINITION",
      message: "hello/pipe is neither a file nor a folder.",
    });
  });

  it("refuses names that a terminal or another system would read otherwise", async () => {
    await writeFile(join(dir, "a\u001b[2J"), "");
    await expect(read()).rejects.toMatchObject({ code: "DEFINITION" });
  });

  it("says so when it is not there", async () => {
    await rm(dir, { recursive: true });
    await expect(read()).rejects.toMatchObject({ code: "FILE", message: "hello is not there." });
  });

  it("ends when it is interrupted", async () => {
    await writeFiles(dir, { a: "a" });
    await expect(readContextFolder(dir, "hello", AbortSignal.abort())).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });
});

describe("a file of the context", () => {
  it.each([
    ["grows", "more than before"],
    ["shrinks", "less"],
    ["changes", "other content"],
  ])("is refused when it %s between planning and sending", async (_, content) => {
    await writeFiles(dir, { "a.txt": "the content!!" });
    const [entry] = await read();
    if (entry?.type !== "file") throw new Error("no file");
    expect(String(await collect(streamOwnFile(entry, signal)))).toBe("the content!!");
    await writeFile(entry.file, content);
    await expect(collect(streamOwnFile(entry, signal))).rejects.toMatchObject({ code: "LOCK" });
  });

  it("is not followed to another place", async () => {
    await writeFiles(dir, { "a.txt": "a" });
    const [entry] = await read();
    if (entry?.type !== "file") throw new Error("no file");
    await rm(entry.file);
    await symlink("/etc/hostname", entry.file);
    await expect(collect(streamOwnFile(entry, signal))).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("a path of the definition", () => {
  it("may not lead out, by name or by link", async () => {
    await mkdir(join(dir, "definition", "inside"), { recursive: true });
    await mkdir(join(dir, "outside"));
    await symlink("../outside", join(dir, "definition", "link"));
    const definition = join(dir, "definition");
    expect(await insideDefinition(definition, "inside")).toContain("inside");
    for (const path of ["../outside", "link", join(definition, "inside")]) {
      await expect(insideDefinition(definition, path)).rejects.toMatchObject({
        code: matching(/DEFINITION|FILE/),
      });
    }
    await expect(insideDefinition(definition, "nowhere")).rejects.toMatchObject({ code: "FILE" });
  });
});
