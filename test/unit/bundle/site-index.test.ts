import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { siteIndexFiles, projectName } from "../../../src/bundle/site-index.js";
import { siteReadme } from "../../../src/bundle/site-readme.js";
import { BundlerError } from "../../../src/core/errors.js";
import { siteManifest } from "../../site/bundle.js";

const manifest = siteManifest("linux/arm64");
const [redis] = manifest.components.filter(({ name }) => name === "redis");

function table(path: string, of = manifest): readonly (readonly string[])[] {
  const text = siteIndexFiles(of).find((file) => file.path === path)?.text ?? "";
  expect(text.endsWith("\n")).toBe(true);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => line.split("\t"));
}

describe("siteIndexFiles", () => {
  it("says in flat files what a shell has to know of the bundle", () => {
    expect(Object.fromEntries(table("site/bundle.tsv").slice(1))).toMatchObject({
      name: "openim",
      version: "2.3.9",
      project: "openim",
      platform: "linux/arm64",
      "title.zh": "OpenIM 即时通讯",
    });
    expect(table("site/images.tsv")).toEqual([
      ["#component", "tarball", "reference", "manifest", "config", "platform", "bytes"],
      expect.anything(),
      [
        "redis",
        "images/redis.tar",
        "docker.io/library/redis:7.0.15",
        redis?.image.manifest.digest,
        redis?.image.config.digest,
        "linux/arm64",
        "400000",
      ],
      expect.anything(),
    ]);
    expect(table("site/ports.tsv")[2]).toEqual([
      "redis",
      "16379",
      "tcp",
      "redis, a service",
      "缓存",
    ]);
    expect(table("site/leftout.tsv")).toEqual([
      ["#component", "required", "reason"],
      ["open_im_enterprise", "no", "no image for arm64"],
    ]);
  });

  it("tells a default that is empty from none, and leaves no field empty", () => {
    const of = {
      ...manifest,
      settings: [
        {
          name: "A",
          type: "string" as const,
          default: "",
          description: { en: "a\n  b\n", zh: "甲" },
        },
        { name: "B", type: "host" as const, description: { en: "", zh: "" } },
        { name: "C", type: "secret" as const, length: 20, description: { en: "c", zh: "丙" } },
      ],
    };
    expect(table("site/settings.tsv", of).slice(1)).toEqual([
      ["A", "string", "=", "-", "a b", "甲"],
      ["B", "host", "-", "-", "-", "-"],
      ["C", "secret", "-", "20", "c", "丙"],
    ]);
  });

  it.each([
    "a\tb",
    "a\nb",
    "a\u0000b",
    "a\u2028b",
    "a'b",
    'a"b',
    "a\\b",
    "a$b",
    "a`b",
    "a#b",
    " a",
    "a ",
  ])("refuses a default that would break a line or .env: %j", (preset) => {
    const settings = [
      { name: "TZ", type: "string" as const, default: preset, description: { en: "", zh: "" } },
    ];
    expect(() => siteIndexFiles({ ...manifest, settings })).toThrow(BundlerError);
  });

  it("gives every record its fields and its line, or refuses", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 20 }),
        fc.string({ unit: "binary" }),
        (name, reason) => {
          const of = { ...manifest, leftOut: [{ name, required: true, reason }] };
          try {
            const text = siteIndexFiles(of).find(({ path }) => path === "site/leftout.tsv")?.text;
            expect(text?.split("\n")).toHaveLength(3);
            const fields = text?.split("\n")[1]?.split("\t");
            expect(fields).toHaveLength(3);
            expect(fields).not.toContain("");
          } catch (error) {
            expect(error).toBeInstanceOf(BundlerError);
          }
        },
      ),
    );
  });

  it.each([
    ["openim", "openim"],
    ["Open.IM+2", "open-im-2"],
    ["__x", "x"],
    ["...", "bundle"],
  ])("makes a compose project's name of %s", (name, project) => {
    expect(projectName(name)).toBe(project);
  });
});

describe("siteReadme", () => {
  const template = (name: string): string =>
    readFileSync(
      fileURLToPath(new URL(`../../../templates/site/${name}`, import.meta.url)),
      "utf8",
    );

  it.each([
    ["en" as const, "README.md", "generated on the site"],
    ["zh" as const, "README.zh-CN.md", "首次安装时自动生成"],
  ])("fills the customer's page in %s", (language, name, words) => {
    const text = siteReadme({ language, text: template(name) }, manifest, {
      project: "openim",
      files: [],
    });
    expect(text).not.toMatch(/\{\{|\}\}/);
    expect(text).toContain(words);
    expect(text).toContain("tar -xf openim-2.3.9-linux-arm64.tar");
    expect(text).toContain("docker.io/library/redis:7.0.15");
    expect(text).toContain("| `API_PORT` | `10002` |");
    expect(text).toContain("- `open_im_enterprise`: no image for arm64");
    expect(text).toContain("docker compose -p openim ps");
    expect(text).toContain("docker compose -p openim down");
    expect(text).toContain("--host-address");
    expect(text).not.toMatch(/NOTES|Replaced|已替换/);
    expect(text).not.toMatch(/\n{3}/);
  });

  it.each([
    ["en" as const, "README.md", "### Replaced", "### Not in this bundle"],
    ["zh" as const, "README.zh-CN.md", "### 已替换", "### 本安装包不包含"],
  ])("names what was replaced, and why, in %s", (language, name, replaced, leftOut) => {
    const of = {
      ...manifest,
      components: manifest.components.map((one) =>
        one.name === "redis"
          ? { ...one, method: "alternative" as const, reason: "stands in <well>" }
          : one,
      ),
      leftOut: [],
      settings: manifest.settings.filter(({ name: setting }) => setting !== "HOST_ADDRESS"),
    };
    const text = siteReadme({ language, text: template(name) }, of, {
      project: "openim",
      files: [],
    });
    expect(text).toContain(replaced);
    expect(text).toContain(
      "- `redis` (`docker.io/library/redis:7.0.15`): stands in &lt;well>\n\n## ",
    );
    expect(text).not.toContain(leftOut);
    expect(text).not.toContain("--host-address");
    expect(text).not.toMatch(/\n{3}|\{\{|\}\}/);
  });

  it.each([
    ["en" as const, ["NOTES.md", "NOTES.zh-CN.md"], "files/NOTES.md"],
    ["zh" as const, ["NOTES.md", "NOTES.zh-CN.md"], "files/NOTES.zh-CN.md"],
    ["zh" as const, ["NOTES.md"], "files/NOTES.md"],
    ["en" as const, ["NOTES.zh-CN.md"], "files/NOTES.zh-CN.md"],
    ["en" as const, ["kafka/NOTES.md"], ""],
  ])("points to the definition's notes: %s of %j", (language, files, expected) => {
    const text = "a{{#notes}} ({{notes}}){{/notes}}\n\n{{#notes}}\n\n# N\n\n{{/notes}}\n\nb\n";
    expect(siteReadme({ language, text }, manifest, { project: "p", files })).toBe(
      expected === "" ? "a\n\nb\n" : `a (${expected})\n\n# N\n\nb\n`,
    );
  });

  it("lets no text from the definition become markup", () => {
    const of = {
      ...manifest,
      leftOut: [{ name: "x", required: false, reason: "a | b\n<script>" }],
    };
    expect(
      siteReadme({ language: "en", text: "{{left_out}}" }, of, { project: "p", files: [] }),
    ).toBe("- `x`: a \\| b &lt;script>");
  });

  it.each(["{{nobody}}", "{{#nobody}}x{{/nobody}}", "{{toString}}"])(
    "refuses a placeholder that it does not know: %s",
    (text) => {
      expect(() =>
        siteReadme({ language: "en", text }, manifest, { project: "p", files: [] }),
      ).toThrow(/\{\{(nobody|toString)\}\}, which is unknown/);
    },
  );

  it("refuses a section that is not closed", () => {
    expect(() =>
      siteReadme({ language: "en", text: "{{#notes}}x" }, manifest, { project: "p", files: [] }),
    ).toThrow(/\{\{#notes\}\}/);
  });
});
