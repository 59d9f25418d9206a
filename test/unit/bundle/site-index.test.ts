import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { projectName, shellWord, siteIndexFiles } from "../../../src/bundle/site-index.js";
import { siteReadme } from "../../../src/bundle/site-readme.js";
import type { UnpackedOf } from "../../../src/bundle/unpacked.js";
import { type DiffId, digestOf } from "../../../src/core/digest.js";
import { BundlerError } from "../../../src/core/errors.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { siteManifest } from "../../site/bundle.js";

const manifest = siteManifest("linux/arm64");
const [redis] = manifest.components.filter(({ name }) => name === "redis");

function table(
  path: string,
  of = manifest,
  unpackedOf?: UnpackedOf,
): readonly (readonly string[])[] {
  const text = siteIndexFiles(of, unpackedOf).find((file) => file.path === path)?.text ?? "";
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
      ["#component", "tarball", "reference", "manifest", "config", "platform", "bytes", "adds"],
      expect.anything(),
      [
        "redis",
        "images/redis.tar",
        "docker.io/library/redis:7.0.15",
        redis?.image.manifest.digest,
        redis?.image.config.digest,
        "linux/arm64",
        "400000",
        "               0",
      ],
      expect.anything(),
    ]);
    expect(table("site/ports.tsv")[2]).toEqual([
      "redis",
      "57379",
      "tcp",
      "redis, a service",
      "缓存",
    ]);
    expect(table("site/leftout.tsv")).toEqual([
      ["#component", "required", "reason"],
      ["open_im_enterprise", "no", "no image for arm64"],
    ]);
  });

  it("says what each image adds to those before it", () => {
    const layer = (name: string) => ({
      mediaType: MEDIA_TYPES.ociLayerGzip,
      digest: digestOf(name),
      diffId: digestOf(name) as string as DiffId,
      size: 1,
    });
    const layers = [["base", "a", "a"], ["base", "b"], ["a"]];
    const components = manifest.components.map((one, position) => ({
      ...one,
      image: { ...one.image, layers: (layers[position] ?? []).map(layer) },
    }));
    const sizes = new Map([
      [digestOf("base"), 1_000_000],
      [digestOf("a"), 20],
      [digestOf("b"), Number.MAX_SAFE_INTEGER],
    ]);
    const adds = table("site/images.tsv", { ...manifest, components }, (digest) =>
      sizes.get(digest)!,
    )
      .slice(1)
      .map((fields) => fields[7]);
    expect(adds).toEqual(["         1000020", "9007199254740991", "               0"]);
  });

  it("lists what the host must have, and Docker 23 where a layer is zstd", () => {
    const reason = { en: "a\n reason", zh: "原因" };
    const components = manifest.components.map((one) =>
      one.name === "redis"
        ? {
            ...one,
            requires: [
              { kind: "page-size", value: "65536", level: "fail", reason } as const,
              { kind: "sysctl", value: "vm.overcommit_memory=1", level: "warn", reason } as const,
            ],
            image: {
              ...one.image,
              layers: [
                {
                  mediaType: MEDIA_TYPES.ociLayerZstd,
                  digest: digestOf("z"),
                  diffId: digestOf("z") as string as DiffId,
                  size: 1,
                },
              ],
            },
          }
        : one,
    );
    const requires = [{ kind: "memory", value: "1024", level: "warn", reason } as const];
    expect(table("site/requires.tsv", { ...manifest, requires, components })).toEqual([
      ["#component", "kind", "value", "level", "en", "zh"],
      ["-", "memory", "1024", "warn", "a reason", "原因"],
      ["redis", "page-size", "65536", "fail", "a reason", "原因"],
      ["redis", "sysctl", "vm.overcommit_memory=1", "warn", "a reason", "原因"],
      [
        "redis",
        "engine",
        "23.0.0",
        "fail",
        expect.stringContaining("zstd"),
        expect.stringContaining("zstd"),
      ],
    ]);
    expect(table("site/requires.tsv")).toHaveLength(1);
  });

  it("lists smoke tests, with commands that a shell takes apart as they were", () => {
    const components = manifest.components.map((one) =>
      one.name === "redis"
        ? {
            ...one,
            smoke: [
              { run: ["redis-cli", "it's", "", "$(x) *"], expect: "PONG", limit: 10 },
              { http: "http://127.0.0.1:${API_PORT}/healthz", limit: 20 },
            ],
          }
        : one,
    );
    expect(table("site/smoke.tsv", { ...manifest, components })).toEqual([
      ["#component", "kind", "limit", "expect", "command"],
      ["redis", "run", "10", "PONG", "'redis-cli' 'it'\\''s' '' '$(x) *'"],
      ["redis", "http", "20", "-", "http://127.0.0.1:${API_PORT}/healthz"],
    ]);
  });

  it("says of every component which upgrades it takes", () => {
    const reason = { en: "so", zh: "如此" };
    const components = manifest.components.map((one) =>
      one.name === "mysql" ? { ...one, upgrade: { within: "minor" as const, reason } } : one,
    );
    expect(table("site/upgrade.tsv", { ...manifest, components })).toEqual([
      ["#component", "repository", "version", "within", "en", "zh"],
      ["mysql", "docker.io/library/mariadb", "10.11.0", "minor", "so", "如此"],
      ["redis", "docker.io/library/redis", "7.0.15", "any", "-", "-"],
      ["open_im_server", "docker.io/openim/open_im_server", "2.3.9", "any", "-", "-"],
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

describe.runIf(process.platform !== "win32")("a word for a shell", () => {
  it("comes out of it as it went in, whatever it is", () => {
    const words = fc.array(
      fc.string({ unit: fc.constantFrom(...Array.from("'\"\\$`*? ~#&;|<>(){}[]!%=-abc数\n\t")) }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(words, (list) => {
        const script = `eval "set -- $(cat)"; for word; do printf '%s\\037' "$word"; done`;
        const input = list.map(shellWord).join(" ");
        expect(execFileSync("sh", ["-c", script], { input, encoding: "utf8" })).toBe(
          list.map((word) => `${word}\u001f`).join(""),
        );
      }),
      { numRuns: 50 },
    );
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
    expect(text).toContain("cd /var/lib/openim-bundler/openim/current");
    expect(text).toContain("sudo ./install.sh support");
    expect(text).toContain("--host-address");
    expect(text).not.toMatch(/NOTES|Replaced|已替换|install\.sh engine/);
    expect(text).not.toMatch(/\n{3}/);
  });

  it.each([
    ["en" as const, "README.md", "This bundle brings one (Docker 27.5.1, Docker Compose 2.30.3)"],
    ["zh" as const, "README.zh-CN.md", "自带容器引擎（Docker 27.5.1, Docker Compose 2.30.3）"],
  ])("says how to install the engine that is carried, in %s", (language, name, words) => {
    const part = { size: 1, sha256: "ab".repeat(32) };
    const extras = [
      { name: "docker" as const, version: "27.5.1", path: "extras/docker.tgz", ...part },
      { name: "compose" as const, version: "2.30.3", path: "extras/docker-compose", ...part },
    ];
    const text = siteReadme(
      { language, text: template(name) },
      { ...manifest, extras },
      {
        project: "openim",
        files: [],
      },
    );
    expect(text).toContain(words);
    expect(text).toContain("sudo ./openim-2.3.9-linux-arm64/install.sh engine\n");
    expect(text).not.toMatch(/\n{3}|\{\{|\}\}/);
  });

  it.each([
    ["en" as const, "README.md", "### Replaced", "### Not in this bundle", "stands in &lt;well>"],
    ["zh" as const, "README.zh-CN.md", "### 已替换", "### 本安装包不包含", "代替 &lt;它>"],
  ])("names what was replaced, and why, in %s", (language, name, replaced, leftOut, why) => {
    const of = {
      ...manifest,
      components: manifest.components.map((one) =>
        one.name === "redis"
          ? {
              ...one,
              method: "alternative" as const,
              reason: "stands in <well>",
              reasonZh: "代替 <它>",
            }
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
    expect(text).toContain(`- \`redis\` (\`docker.io/library/redis:7.0.15\`): ${why}\n\n## `);
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
