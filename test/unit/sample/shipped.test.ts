import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Parser, type ReadEntry } from "tar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { loadDefinition } from "../../../src/definition/definition.js";
import type { Component, SmokeTest } from "../../../src/definition/types.js";
import { sampleOf } from "../../../src/sample/catalogue.js";
import { buildVariant } from "../../../src/sample/images.js";

const definition = await loadDefinition(join(import.meta.dirname, "../../../bundles/openim-2.3.9"));
const HERE = parsePlatform(process.arch === "arm64" ? "linux/arm64" : "linux/amd64");
const RUNNABLE = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
const PATH = ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"];

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "sample-smoke-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function filesOf(tar: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const parser = new Parser({ strict: true });
  const reading: Promise<void>[] = [];
  parser.on("entry", (entry: ReadEntry) => {
    reading.push(entry.concat().then((bytes) => void files.set(entry.path, bytes)));
  });
  parser.end(tar);
  await Promise.all(reading);
  return files;
}

const cases = definition.components.flatMap((component) =>
  [component, ...component.alternatives]
    .flatMap(({ smoke = [] }) => smoke)
    .map((test): [string, string, Component, SmokeTest] => [
      component.name,
      "run" in test ? test.run.join(" ") : test.http,
      component,
      test,
    ]),
);

describe("the samples of OpenIM 2.3.9", () => {
  it("have a smoke test each to pass", () => {
    expect(new Set(cases.map(([name]) => name)).size).toBe(definition.components.length);
  });

  it.runIf(RUNNABLE).each(cases)("of %s pass: %s", async (_, _command, component, test) => {
    const image = sampleOf(definition, component.name, { services: true });
    if ("http" in test) {
      const [, host] = /:(\d+)\//.exec(test.http.slice("http://".length)) ?? [];
      const port = component.ports.find((one) => String(one.host) === host);
      expect(image.service?.web?.port).toBe(port?.container);
      expect(image.service?.web?.answer).toContain(test.expect ?? "");
      return;
    }
    const [name = ""] = test.run;
    const files = await filesOf(buildVariant(image, HERE).layers.at(-1)!.tar);
    const found = name.startsWith("/")
      ? files.get(name.slice(1))
      : PATH.map((folder) => files.get(`${folder}/${name}`)).find((file) => file !== undefined);
    const program = join(dir, "program");
    writeFileSync(program, found!);
    chmodSync(program, 0o755);
    expect(execFileSync(program, test.run.slice(1), { encoding: "utf8" })).toContain(
      test.expect ?? "",
    );
  });
});
