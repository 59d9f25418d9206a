import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { loadDefinition } from "../../../src/definition/definition.js";
import { requirementsFor } from "../../../src/definition/requirements.js";
import { definitionSchemas } from "../../../src/definition/schema.js";
import type { Requirement } from "../../../src/definition/types.js";
import { changed, place, problemsOf, writeFolder } from "./folder.js";

const table = "components.yaml";
const WHY = "reason: { en: so, zh: 原因 }";

/** The good definition with more lines in the component `web`; `nginx:1.27.0` stays its image. */
function withWeb(lines: string): Readonly<Record<string, string>> {
  const indented = lines.replaceAll(/^/gm, "    ");
  return changed(table, '    ports: ["8080:80"]\n', `    ports: ["8080:80"]\n${indented}\n`);
}

const requires = (entry: string): Readonly<Record<string, string>> =>
  withWeb(`requires:\n  - ${entry}\n    ${WHY}`);
const smoke = (entry: string): Readonly<Record<string, string>> => withWeb(`smoke:\n  - ${entry}`);

describe("what a definition requires of the host", () => {
  it("is read in one form, for the bundle, a component and an alternative", async () => {
    const files = changed(
      table,
      "          environment:\n            MODE: ${MODE}\n",
      `          environment:
            MODE: \${MODE}
        requires:
          - { disk: 4096, ${WHY} }
`,
    );
    const dir = await writeFolder({
      ...files,
      [table]: (files[table] ?? "").replace(
        "components:\n",
        `requires:
  - { memory: 4GiB, level: warn, ${WHY} }
  - { engine: "20.10", ${WHY} }
  - { pageSize: 64KiB, platforms: [arm64], ${WHY} }
  - { cpu: armv8.2-a, ${WHY} }
  - { nofile: 65536, ${WHY} }
  - { sysctl: { name: vm.max_map_count, least: 262144 }, ${WHY} }
components:
`,
      ),
    });
    const reason = { en: "so", zh: "原因" };
    const definition = await loadDefinition(dir);
    expect(definition.requires).toEqual([
      { kind: "memory", value: "4294967296", level: "warn", reason },
      { kind: "engine", value: "20.10", level: "fail", reason },
      {
        kind: "page-size",
        value: "65536",
        level: "fail",
        platforms: [{ os: "linux", architecture: "arm64" }],
        reason,
      },
      { kind: "cpu", value: "armv8.2-a", level: "fail", reason },
      { kind: "nofile", value: "65536", level: "fail", reason },
      { kind: "sysctl", value: "vm.max_map_count=262144", level: "fail", reason },
    ]);
    const [web, db] = definition.components;
    expect(web?.requires).toEqual([]);
    expect(web?.alternatives[0]?.requires).toEqual([
      { kind: "disk", value: "4096", level: "fail", reason },
    ]);
    expect(web?.alternatives[0]).not.toHaveProperty("smoke");
    expect(db).toMatchObject({ requires: [], smoke: [] });
  });

  it.each([
    ["memory: 4GB", "must be a size like 4GiB or 512MiB, or a number of bytes"],
    ["disk: 0", "must be a size like 4GiB or 512MiB, or a number of bytes"],
    ["pageSize: 8KiB", "must be a page's size: 4KiB, 16KiB or 64KiB"],
    ["engine: twenty", 'must be a version like "20.10.10"'],
    ["engine: 20.10", 'must be text, but 20.10 reads as a number|Write it in quotes: "20.10".'],
    ["nofile: 0", "must be at least 1"],
    ["cpu: armv8.2", 'must be one of armv8.2-a, x86-64-v2, avx|Did you mean "armv8.2-a"?'],
    ["cpu: neon", "must be one of armv8.2-a, x86-64-v2, avx"],
  ])("is refused at its place: %s", async (entry, says) => {
    const [kind = "", value = ""] = entry.split(": ");
    const files = requires(entry);
    expect(await problemsOf(files)).toEqual([
      `${place(files, table, `${kind}: ${value}`).replace(/\d+$/, (column) =>
        String(Number(column) + kind.length + 2),
      )} components.web.requires[0].${kind} ${says}`,
    ]);
  });

  it.each([
    ["level: warn", "must have exactly one of"],
    ["{ memory: 1GiB, disk: 1GiB, reason: { en: a, zh: b } }", "must have exactly one of"],
    [
      "{ cpu: avx, platforms: [linux/arm64], reason: { en: a, zh: b } }",
      "names no platform that could have that cpu",
    ],
  ])("has one kind an entry, on a platform that has it: %s", async (entry, says) => {
    const files = entry.startsWith("{") ? withWeb(`requires:\n  - ${entry}`) : requires(entry);
    expect(await problemsOf(files)).toEqual([
      expect.stringContaining(`components.web.requires[0] ${says}`),
    ]);
  });

  it("says why, and knows its own keys", async () => {
    const files = withWeb("requires:\n  - memroy: 1GiB");
    const problems = await problemsOf(files);
    expect(problems).toContainEqual(
      expect.stringContaining(
        'unknown key "memroy" in components.web.requires[0]|Did you mean "memory"?',
      ),
    );
    expect(problems).toContainEqual(
      expect.stringContaining("components.web.requires[0].reason is missing"),
    );
  });

  it("holds where its platforms and its architecture are", () => {
    const rule = (
      kind: Requirement["kind"],
      value: string,
      ...platforms: string[]
    ): Requirement => ({
      kind,
      value,
      level: "fail",
      ...(platforms.length === 0 ? {} : { platforms: platforms.map(parsePlatform) }),
      reason: { en: "", zh: "" },
    });
    const list = [
      rule("memory", "1"),
      rule("disk", "2", "linux/amd64"),
      rule("disk", "3", "linux/arm/v6"),
      rule("cpu", "armv8.2-a"),
      rule("cpu", "avx"),
    ];
    const on = (platform: string): string[] =>
      requirementsFor(list, parsePlatform(platform)).map(({ value }) => value);
    expect(on("linux/amd64")).toEqual(["1", "2", "avx"]);
    expect(on("linux/arm64")).toEqual(["1", "armv8.2-a"]);
    expect(on("linux/arm/v7")).toEqual(["1", "3"]);
    expect(requirementsFor(list, parsePlatform("linux/amd64"))[1]).not.toHaveProperty("platforms");
  });
});

describe("a smoke test", () => {
  it("is a program in the container or an address, with a limit", async () => {
    const dir = await writeFolder(
      withWeb(`smoke:
  - run: [nginx, -t]
    expect: "'ok' $HOME"
  - http: "http://127.0.0.1:8080/\${MODE}"
    limit: 5`),
    );
    expect((await loadDefinition(dir)).components[0]?.smoke).toEqual([
      { run: ["nginx", "-t"], expect: "'ok' $HOME", limit: 20 },
      { http: "http://127.0.0.1:8080/${MODE}", limit: 5 },
    ]);
  });

  it.each([
    ["run: []", ".run must name a program"],
    ['run: [""]', ".run must begin with a program"],
    ['run: [a, "b\\nc"]', ".run[1] must not have a line break or another control character"],
    ["http: ftp://127.0.0.1/", ".http must be an http:// or https:// address"],
    ["http: http://u:p@127.0.0.1/", ".http must be an http:// or https:// address"],
    ['http: "http://127.0.0.1/a b"', ".http must be an http:// or https:// address"],
    ["http: http://", ".http must be an http:// or https:// address"],
    ["{ run: [a], http: http://127.0.0.1/ }", " must have either run or http"],
    ["limit: 5", " must have either run or http"],
    ["{ run: [a], limit: 0 }", ".limit must be at least 1 second"],
    ['{ run: [a], expect: "-" }', ".expect must be text to look for"],
  ])("is refused: %s", async (entry, says) => {
    expect(await problemsOf(smoke(entry))).toEqual([
      expect.stringContaining(`components.web.smoke[0]${says}`),
    ]);
  });

  it("asks an address of settings that may be seen, and of no other variables", async () => {
    const address = "http://${HOST}:80/${DB_PASSWORD}/${MOED}/$MODE";
    const files = smoke(`http: "${address}"`);
    const at = (needle: string): string => place(files, table, needle);
    expect(await problemsOf(files)).toEqual([
      `${at("${HOST}")} there is no setting HOST in site.yaml`,
      `${at("${DB_PASSWORD}")} the secret \${DB_PASSWORD} would stand in an address`,
      `${at("${MOED}")} there is no setting MOED in site.yaml|Did you mean "MODE"?`,
      `${at('$MODE"')} an address of a smoke test can have \${NAME} of a setting, and no other $`,
    ]);
  });

  it("does not make a setting useful", async () => {
    const files = smoke('http: "http://127.0.0.1/${EXTRA}"');
    const [first, ...rest] = await problemsOf({
      ...files,
      "site.yaml": `${files["site.yaml"] ?? ""}  EXTRA:
    type: string
    default: x
    description: { en: Extra, zh: 附加 }
`,
    });
    expect(first).toContain("nothing uses the setting EXTRA");
    expect(rest).toEqual([]);
  });
});

describe("a limit of upgrades", () => {
  it("is read with its reason, and an alternative has its own", async () => {
    const dir = await writeFolder(withWeb(`upgrade: { within: major, ${WHY} }`));
    const [web, db] = (await loadDefinition(dir)).components;
    expect(web?.upgrade).toEqual({ within: "major", reason: { en: "so", zh: "原因" } });
    expect(db).not.toHaveProperty("upgrade");
  });

  it.each([
    ["within: major", "components.web.upgrade must give a reason"],
    [`{ within: mayor, ${WHY} }`, 'must be any, major, minor or patch|Did you mean "major"?'],
  ])("is refused: %s", async (entry, says) => {
    const files = withWeb(entry.startsWith("{") ? `upgrade: ${entry}` : `upgrade:\n  ${entry}`);
    expect(await problemsOf(files)).toEqual([expect.stringContaining(says)]);
  });

  it("needs versions to compare, in the image and in every alternative that it holds for", async () => {
    const limited = withWeb(`upgrade: { within: minor, ${WHY} }`);
    const text = limited[table] ?? "";
    const files = { ...limited, [table]: text.replace("httpd:2.4.62", "httpd:edge1x") };
    expect(await problemsOf(files)).toEqual([]);
    const letters = {
      ...limited,
      [table]: text.replace("httpd:2.4.62", "httpd:alpine@sha256:" + "0".repeat(64)),
    };
    expect(await problemsOf(letters)).toContainEqual(
      expect.stringContaining("tells no version, which upgrade.within minor has to compare"),
    );
    const own = {
      ...letters,
      [table]: letters[table].replace(
        "        reason: { en: serves the same pages, zh: 提供同样的网页 }\n",
        "        reason: { en: serves the same pages, zh: 提供同样的网页 }\n        upgrade: { within: any }\n",
      ),
    };
    expect(await problemsOf(own)).not.toContainEqual(expect.stringContaining("tells no version"));
  });
});

it("all of them are in the schema that editors get", () => {
  const schema = JSON.stringify(definitionSchemas().components);
  for (const word of ["armv8.2-a", "sysctl", "smoke", "within", "pageSize"]) {
    expect(schema).toContain(`"${word}"`);
  }
});

describe("what a definition allows", () => {
  it("is a path in the image or a mount of the host, with its reason", async () => {
    const lines = "allow: [{ path: opt/**, reason: so }, { mount: /, reason: it measures }]";
    const { components } = await loadDefinition(await writeFolder(withWeb(lines)));
    expect(components.find(({ name }) => name === "web")?.allow).toEqual([
      { path: "opt/**", reason: "so" },
      { mount: "/", reason: "it measures" },
    ]);
  });

  it.each([
    ["{ path: opt }", "reason is missing"],
    ["{ reason: so }", "must have either path or mount"],
    ["{ path: a, mount: /, reason: so }", "must have either path or mount"],
    ["{ path: /, reason: so }", "must name a file or a folder"],
    ["{ paht: a, reason: so }", "unknown key"],
  ])("is not %s", async (entry, message) => {
    const problems = await problemsOf(withWeb(`allow: [${entry}]`));
    expect(problems.join("\n")).toContain(message);
  });
});
