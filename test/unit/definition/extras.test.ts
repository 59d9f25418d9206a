import { describe, expect, it } from "vitest";
import { loadDefinition } from "../../../src/definition/definition.js";
import { GOOD, place, problemsOf, writeFolder } from "./folder.js";

const SUM = "ab".repeat(32);

function withExtras(extras: string): Readonly<Record<string, string>> {
  return { ...GOOD, "components.yaml": `${GOOD["components.yaml"] ?? ""}extras:\n${extras}` };
}

describe("the engine of a definition", () => {
  it("has a version and, for each platform, addresses and what the file is measured by", async () => {
    const dir = await writeFolder(
      withExtras(`  docker:
    version: "27.5.1"
    linux/amd64:
      url: [https://one.example/docker.tgz, http://two.example/docker.tgz]
      sha256: ${SUM.toUpperCase()}
    aarch64:
      url: https://one.example/docker-arm.tgz
      sha512: ${SUM}${SUM}
  compose:
    version: "2.30.3"
    linux/arm64:
      url: https://one.example/compose
      checksumUrl: https://one.example/compose.sha256
`),
    );
    const { extras } = await loadDefinition(dir);
    expect(extras).toMatchObject([
      {
        name: "docker",
        version: "27.5.1",
        files: [
          {
            platform: { os: "linux", architecture: "amd64" },
            urls: ["https://one.example/docker.tgz", "http://two.example/docker.tgz"],
            checksum: `sha256:${SUM}`,
          },
          { platform: { architecture: "arm64" }, checksum: `sha512:${SUM}${SUM}` },
        ],
      },
      {
        name: "compose",
        files: [{ checksumUrl: "https://one.example/compose.sha256" }],
      },
    ]);
    const changed = await writeFolder({
      ...GOOD,
      "components.yaml": (GOOD["components.yaml"] ?? "").replace("Shop,", "Shop ,"),
    });
    expect((await loadDefinition(dir)).digest).not.toBe((await loadDefinition(changed)).digest);
    expect((await loadDefinition(await writeFolder(GOOD))).extras).toEqual([]);
  });

  it.each([
    [
      "another kind of engine",
      `  podman: { version: "4" }\n`,
      "podman",
      'unknown key "podman" in extras',
    ],
    [
      "no version",
      `  docker:\n    linux/arm64: { url: "https://a.example/d.tgz", sha256: ${SUM} }\n`,
      "docker",
      "extras.docker.version is missing",
    ],
    [
      "a version that is a number",
      `  docker:\n    version: 27.5\n`,
      "27.5",
      'extras.docker.version must be text, but 27.5 reads as a number|Write it in quotes: "27.5".',
    ],
    [
      "what is no platform",
      `  docker:\n    version: "27"\n    arm65: { url: "https://a.example/d.tgz", sha256: ${SUM} }\n`,
      "arm65",
      '"arm65" in extras.docker is not a platform like linux/arm64',
    ],
    [
      "a platform twice",
      `  docker:\n    version: "27"\n    arm64v8: { url: "https://a.example/d.tgz", sha256: ${SUM} }\n    linux/arm64: { url: "https://a.example/d.tgz", sha256: ${SUM} }\n`,
      "linux/arm64: {",
      "extras.docker names the platform linux/arm64 twice",
    ],
    [
      "an address of another kind",
      `  docker:\n    version: "27"\n    linux/arm64: { url: "ftp://a.example/d.tgz", sha256: ${SUM} }\n`,
      '"ftp:',
      "must be an http:// or https:// address without user and password",
    ],
    [
      "no checksum",
      `  docker:\n    version: "27"\n    linux/arm64: { url: "https://a.example/d.tgz" }\n`,
      '{ url: "https',
      "must have one of sha256, sha512 and checksumUrl",
    ],
    [
      "two checksums",
      `  docker:\n    version: "27"\n    linux/arm64: { url: "https://a.example/d.tgz", sha256: ${SUM}, checksumUrl: "https://a.example/s" }\n`,
      '{ url: "https',
      "must have one of sha256, sha512 and checksumUrl",
    ],
    [
      "a checksum that is none",
      `  docker:\n    version: "27"\n    linux/arm64: { url: "https://a.example/d.tgz", sha256: "12" }\n`,
      '"12"',
      "must be the 64 hexadecimal digits of a sha256",
    ],
  ])("is refused, at its place, with %s", async (_, extras, needle, message) => {
    const files = withExtras(extras);
    const problems = await problemsOf(files);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(problems[0]).toContain(place(files, "components.yaml", needle));
  });

  it("is refused when a source has its name, since --source could mean either", async () => {
    const files = withExtras(`  compose: { version: "2" }\nsources:\n  compose: { format: zip }\n`);
    expect(await problemsOf(files)).toEqual([
      `${place(files, "components.yaml", "compose: { version")} extras.compose has the name of a source, and --source could mean either`,
    ]);
  });
});
