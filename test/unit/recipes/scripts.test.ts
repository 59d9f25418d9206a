import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { which } from "../../site/bundle.js";

const RECIPES = join(import.meta.dirname, "../../../templates/build");
const files = readdirSync(RECIPES, { recursive: true, encoding: "utf8" }).map((path) =>
  join(RECIPES, path),
);

describe("the recipes", () => {
  const scripts = files.filter((path) => path.endsWith(".sh"));
  const [shellcheck] = which("shellcheck") ?? [];

  it.skipIf(shellcheck === undefined)(
    "have scripts that pass shellcheck without an exception",
    () => {
      expect(scripts.length).toBeGreaterThan(0);
      const found = spawnSync(shellcheck ?? "", ["--shell=sh", ...scripts], { encoding: "utf8" });
      expect(found.stdout + found.stderr).toBe("");
      expect(found.status).toBe(0);
      for (const script of scripts) {
        expect(readFileSync(script, "utf8")).not.toContain("shellcheck disable");
      }
    },
  );

  it("have Dockerfiles that builders of Docker 20.10 understand", () => {
    const dockerfiles = files.filter((path) => path.endsWith("Dockerfile"));
    expect(dockerfiles.length).toBeGreaterThan(1);
    for (const dockerfile of dockerfiles) {
      const text = readFileSync(dockerfile, "utf8");
      expect(text).not.toMatch(/^# *syntax *=/m);
      expect(text).not.toContain("<<");
      expect(text).not.toMatch(/--(?:link|parents|exclude|network|security)\b/);
    }
  });

  it("run nothing on the target's platform", () => {
    for (const dockerfile of files.filter((path) => path.endsWith("Dockerfile"))) {
      const text = readFileSync(dockerfile, "utf8");
      const last = text.slice(text.lastIndexOf("\nFROM "));
      expect(last).not.toMatch(/^FROM --platform/m);
      expect(last).not.toMatch(/^RUN /m);
    }
  });
});
