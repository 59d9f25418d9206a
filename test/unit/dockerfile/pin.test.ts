import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { parseDockerfile } from "../../../src/dockerfile/parse.js";
import { pinBases } from "../../../src/dockerfile/pin.js";
import type { BuildInputs } from "../../../src/dockerfile/types.js";
import { layout, meaningOf, write, writtenFile } from "./written.js";

const DIGEST = `@sha256:${"c0".repeat(32)}`;
const inputs: BuildInputs = { args: {}, targetPlatform: parsePlatform("linux/arm64") };

function pinned(text: string, more: Partial<BuildInputs> = {}): string {
  const pin = (image: string): string => `docker.io/library/${image}${DIGEST}`;
  return pinBases(text, parseDockerfile("Dockerfile", text), pin, { ...inputs, ...more });
}

describe("pinBases", () => {
  it("changes nothing but the names of the images", () => {
    fc.assert(
      fc.property(writtenFile, layout, (file, how) => {
        const text = write(file, how);
        const asked: string[] = [];
        const pin = (image: string): string => {
          asked.push(image);
          return `pinned.example/${image.replace(/^.*\//, "")}${DIGEST}`;
        };
        const result = pinBases(text, parseDockerfile("Dockerfile", text), pin, inputs);
        expect(result.split("\n")).toHaveLength(text.split("\n").length);
        const before = meaningOf(parseDockerfile("Dockerfile", text));
        const after = meaningOf(parseDockerfile("Dockerfile", result));
        const withoutImages = ({ stages, ...rest }: typeof before) => ({
          ...rest,
          stages: stages.map((stage) => ({
            ...stage,
            image: "",
            instructions: stage.instructions.map((instruction) => ({
              ...instruction,
              flags: instruction.flags.map(([flag, value]) => [
                flag,
                value.replace(/from=[^,]*/, ""),
              ]),
            })),
          })),
        });
        expect(withoutImages(after)).toEqual(withoutImages(before));
        // Taking the new names out again gives the old text, byte for byte.
        let restored = result;
        for (const image of asked) {
          const name = `pinned.example/${image.replace(/^.*\//, "")}${DIGEST}`;
          restored = restored.replace(name, () => image);
        }
        expect(restored).toBe(text);
        // What has a digest is asked for no more.
        expect(pinBases(result, parseDockerfile("Dockerfile", result), pin, inputs)).toBe(result);
      }),
      { numRuns: 150 },
    );
  });

  it("replaces variables by what they mean for this build", () => {
    const text = "ARG GO=1.20\nFROM --platform=$BUILDPLATFORM golang:${GO} AS b\nFROM b\n";
    const name = `docker.io/library/golang:1.22${DIGEST}`;
    expect(pinned(text, { args: { GO: "1.22" } })).toBe(
      `ARG GO=1.20\nFROM --platform=$BUILDPLATFORM ${name} AS b\nFROM b\n`,
    );
  });

  it("pins COPY --from and mounts, and leaves stages and numbers alone", () => {
    const text = [
      "FROM scratch AS s",
      "FROM scratch AS t",
      "COPY --from=a:1 x /",
      'COPY --chown=1 --from="b:1" x /',
      'RUN --mount=type=bind,from=c:1,target=/c --mount="type=bind,from=s,target=/s" cp c:1 /',
      `RUN --mount='type=bind,"from=d:1"' d:1`,
      "FROM t",
      "COPY --from=0 x /",
      "COPY --from=S x /",
      "",
    ].join("\r\n");
    const name = (image: string): string => `docker.io/library/${image}${DIGEST}`;
    expect(pinned(text)).toBe(
      text
        .replace("--from=a:1", `--from=${name("a:1")}`)
        .replace('--from="b:1"', `--from="${name("b:1")}"`)
        .replace("from=c:1", `from=${name("c:1")}`)
        .replace('"from=d:1"', `"from=${name("d:1")}"`),
    );
  });

  it("leaves stages that the target does not need alone", () => {
    expect(pinned("FROM a:1\nFROM b:1 AS x\nFROM c:1\n", { target: "x" })).toBe(
      `FROM a:1\nFROM docker.io/library/b:1${DIGEST} AS x\nFROM c:1\n`,
    );
  });

  it("keeps every line where a name is broken across several", () => {
    const text = "FROM gol\\\n# in between\nang:\\\n1.20\nUSER me\n";
    const result = pinned(text);
    expect(result).toBe(
      `FROM \\\n# in between\n\\\ndocker.io/library/golang:1.20${DIGEST}\nUSER me\n`,
    );
    const { stages } = parseDockerfile("Dockerfile", result);
    expect(stages[0].from.image.text).toBe(`docker.io/library/golang:1.20${DIGEST}`);
    expect(stages[0].instructions.map(({ line }) => line)).toEqual([5]);
  });

  it("takes quotes around an image away with it, and refuses quotes inside of one", () => {
    expect(pinned('FROM "a:1"\n')).toBe(`FROM docker.io/library/a:1${DIGEST}\n`);
    expect(() => pinned('FROM b:1\nCOPY --from=a":1" x /\n')).toThrow(
      /Dockerfile:2:13: quotes stand in the middle of an image's name/,
    );
  });

  it("leaves an image alone that has no pin, and refuses a pin that is no image's name", () => {
    const text = "FROM a:1\n";
    const dockerfile = parseDockerfile("Dockerfile", text);
    expect(pinBases(text, dockerfile, () => undefined, inputs)).toBe(text);
    expect(() => pinBases(text, dockerfile, () => "a b\nRUN evil", inputs)).toThrow(
      /not an image name/,
    );
  });

  it("keeps the byte order mark and the missing line end", () => {
    expect(pinned("\uFEFFFROM a:1")).toBe(`\uFEFFFROM docker.io/library/a:1${DIGEST}`);
  });
});
