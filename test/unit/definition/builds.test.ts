import { describe, expect, it } from "vitest";
import { loadDefinition } from "../../../src/definition/definition.js";
import { COMPONENTS, GOOD, problemsOf, writeFolder } from "./folder.js";

const SHA512 = "Ab".repeat(64);
const COMMIT = "0123abcdef".repeat(4);

const SOURCES = `sources:
  tool:
    url: [https://example.com/tool-1.0.tgz, "http://mirror.example.com:8080/tool-1.0.tar.gz"]
    sha512: ${SHA512}
  code:
    url: https://code.example.com/zip/${COMMIT}
    format: zip
    commit: ${COMMIT}
    strip: 0
  modules:
    optional: true
`;

const BUILD = `    build:
      context: build/web
      source: code
      sources: [tool, modules]
      args: { GREETING: hello }
      target: server
      secrets: [{ id: token, env: TOKEN }, { id: key, file: build/key }]
      platforms: [linux/arm64]
      always: true
`;

/** The good definition with an image build in it, changed by the test. */
function withBuild(from = "", to = ""): Readonly<Record<string, string>> {
  const table = `${SOURCES}${COMPONENTS.replace("  db:\n", `${BUILD}  db:\n`)}`;
  expect(table).toContain(from);
  return {
    ...GOOD,
    "components.yaml": table.replace(from, to),
    "build/web/Dockerfile": "FROM scratch\n",
    "build/key": "x",
  };
}

describe("the sources and builds of a component table", () => {
  it("come back typed, with what was left out filled in", async () => {
    const { components, sources } = await loadDefinition(await writeFolder(withBuild()));
    expect(sources).toMatchObject([
      {
        name: "tool",
        urls: [
          "https://example.com/tool-1.0.tgz",
          "http://mirror.example.com:8080/tool-1.0.tar.gz",
        ],
        format: "tar.gz",
        checksum: `sha512:${SHA512.toLowerCase()}`,
        strip: 1,
        optional: false,
        at: { line: 2, column: 3 },
      },
      { name: "code", format: "zip", commit: COMMIT, strip: 0 },
      { name: "modules", urls: [], optional: true },
    ]);
    expect(components[0]?.build).toMatchObject({
      context: "build/web",
      source: "code",
      dockerfile: "Dockerfile",
      sources: ["tool", "modules"],
      args: { GREETING: "hello" },
      target: "server",
      secrets: [
        { id: "token", env: "TOKEN" },
        { id: "key", file: "build/key" },
      ],
      platforms: [{ os: "linux", architecture: "arm64" }],
      always: true,
    });
  });

  it.each([
    ["sources: [tool, modules]", "sources: [tol]", 'there is no source "tol" in sources'],
    ["sources: [tool, modules]", "sources: [tool, tool]", "takes the source tool twice"],
    ["source: code", "source: cod", 'there is no source "cod" in sources'],
    ["context: build/web", "context: build/wbe", "build/wbe is not there"],
    ["context: build/web", "context: ../web", "../web "],
    ["context: build/web", "context: build/key", "build/key is not a folder"],
    ["      source: code\n", "      dockerfile: Dockerfil\n", "Dockerfil is not there"],
    ["context: build/web", "recipe: a\n      context: b", "either a recipe or a context folder"],
    ["file: build/key", "file: ../../../etc/passwd", "../../../etc/passwd"],
    ["env: TOKEN }", "env: TOKEN, file: build/key }", "must have either env or file"],
    ["id: token", 'id: "a,src=/etc/passwd"', "must be letters and digits"],
    ["args: { GREETING", "args: { GREE-TING", "must be a name like GO_VERSION"],
    ["args: { GREETING", "args: { BUILDKIT_SYNTAX", "must not have BUILDKIT_SYNTAX"],
    ["target: server", 'target: "--help"', "must be a stage's name"],
    ["sha512: Ab", "sha512: xx", "must be the 128 hexadecimal digits of a sha512"],
    [
      `    sha512: ${SHA512}\n`,
      "",
      "must have a sha256, sha512, checksumUrl or, from git, a commit",
    ],
    ["    format: zip\n", "", "must say its format"],
    ["https://example.com/", "https://me:secret@example.com/", "without user and password"],
    ["https://example.com/", "file:///etc/", "must be an http:// or https:// address"],
    ["    commit: ", "    commit: v", "must be a full commit id"],
  ])("refuse %j as %j", async (from, to, says) => {
    const problems = await problemsOf(withBuild(from, to));
    expect(problems.join("\n")).toContain(says);
    expect(problems.join("\n")).toMatch(/components\.yaml:\d+:\d+ /);
  });
});
