import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { format } from "oxfmt";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { EXIT_CODES } from "../../src/core/errors.js";
import { checkDefinition } from "../../src/definition/definition.js";
import { readConfigFile } from "../../src/verify/config-file.js";
import { RULES } from "../../src/verify/rules.js";

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

  it("shows requirements, smoke tests and upgrade limits that hold", async () => {
    const [components = "", compose = "", site = "", more = ""] = [
      ...readme.matchAll(/^```yaml\n(.*?)^```$/gms),
    ].map(([, text = ""]) => text);
    const { requires, components: added } = parse(more) as {
      requires: unknown;
      components: { database: object };
    };
    const table = parse(components) as { components: { database: object } };
    const whole = {
      ...table,
      requires,
      components: { database: { ...table.components.database, ...added.database } },
    };
    const dir = await mkdtemp(path.join(tmpdir(), "readme-"));
    try {
      await writeFile(path.join(dir, "components.yaml"), stringify(whole));
      await writeFile(path.join(dir, "compose.yaml"), compose);
      await writeFile(path.join(dir, "site.yaml"), site);
      // The address takes a setting that the little example has no use for.
      expect((await checkDefinition(dir)).problems.map(({ message }) => message)).toEqual([
        "there is no setting WEB_PORT in site.yaml",
      ]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("lists every exit code", () => {
    const listed = [...readme.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual([0, ...Object.values(EXIT_CODES)].toSorted((a, b) => a - b));
  });

  it("has the table of verify's rules, which `vitest -u` writes anew", async () => {
    const rows = RULES.map(({ id, severity, deep, says }) => {
      return `| \`${id}\` | ${severity}${deep ? ", deep" : ""} | ${says} |`;
    });
    const table = ["| rule | severity | what it finds |", "| --- | --- | --- |", ...rows].join(
      "\n",
    );
    const { code: written } = await format("README.md", table);
    const [old = ""] = /^\| rule +\|.*\n(?:\|.*\n)+/m.exec(readme) ?? [];
    expect(old).not.toBe("");
    const whole = readme.replace(old, () => written);
    await expect(whole).toMatchFileSnapshot(path.join(root, "README.md"));
  });

  it("shows a configuration of verify that holds", async () => {
    const text = /^ {4}rules:\n(?: {4}.*\n)+/m.exec(readme)?.[0].replace(/^ {4}/gm, "") ?? "";
    const dir = await mkdtemp(path.join(tmpdir(), "readme-"));
    try {
      await writeFile(path.join(dir, "verify.yaml"), text);
      expect((await readConfigFile(path.join(dir, "verify.yaml"))).waivers).toHaveLength(1);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
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
