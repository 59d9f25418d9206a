import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_CODES } from "../../src/core/errors.js";
import { checkDefinition } from "../../src/definition/definition.js";

const root = path.resolve(import.meta.dirname, "../..");
const readme = await readFile(path.join(root, "README.md"), "utf8");

describe("the README", () => {
  it("shows a bundle definition that holds", async () => {
    const [components, compose, site] = [...readme.matchAll(/^```yaml\n(.*?)^```$/gms)].map(
      ([, text = ""]) => text,
    );
    const dir = await mkdtemp(path.join(tmpdir(), "readme-"));
    try {
      await mkdir(path.join(dir, "files"));
      await writeFile(path.join(dir, "components.yaml"), components ?? "");
      await writeFile(path.join(dir, "compose.yaml"), compose ?? "");
      await writeFile(path.join(dir, "site.yaml"), site ?? "");
      expect((await checkDefinition(dir)).problems).toEqual([]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("lists every exit code", () => {
    const listed = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual([0, ...Object.values(EXIT_CODES)].toSorted((a, b) => a - b));
  });

  it("links to sections and folders that are there", async () => {
    const titles = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    const anchors = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(titles).toEqual(expect.arrayContaining(anchors));
    for (const [, name = ""] of readme.matchAll(/`((?:src|bundles|bin)\/[\w./-]*)`/g)) {
      await access(path.join(root, name));
    }
  });
});
