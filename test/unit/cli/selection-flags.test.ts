import { describe, expect, it } from "vitest";
import { readMirrors, readSelection } from "../../../src/cli/selection-flags.js";
import { BundlerError } from "../../../src/core/errors.js";
import { formatPlatform } from "../../../src/core/platform.js";

const codeOf = (job: () => unknown): string | undefined => {
  try {
    job();
  } catch (error) {
    return error instanceof BundlerError ? error.code : "other";
  }
  return undefined;
};

describe("--mirror", () => {
  it("keeps the order, without trailing slashes", () => {
    const mirrors = readMirrors([
      "docker.io=http://a:5000/",
      "quay.io=https://q",
      "docker.io=https://b/prefix",
    ]);
    expect([...mirrors]).toEqual([
      ["docker.io", ["http://a:5000", "https://b/prefix"]],
      ["quay.io", ["https://q"]],
    ]);
  });

  it.each([
    "docker.io",
    "=http://a",
    "docker.io=",
    "docker.io=a:5000",
    "docker.io=ftp://a",
    "docker.io=http://a?x=1",
  ])("refuses %s", (text) => expect(codeOf(() => readMirrors([text]))).toBe("USAGE"));

  it("refuses credentials without repeating them", () => {
    try {
      readMirrors(["docker.io=http://me:hunter2@mirror"]);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain("hunter2");
    }
  });
});

describe("what goes into a bundle", () => {
  it("takes each platform once, however it is spelt", () => {
    const { platforms } = readSelection({ platform: ["arm64", "linux/arm64/v8,amd64"] }, {});
    expect(platforms.map(formatPlatform)).toEqual(["linux/arm64", "linux/amd64"]);
  });

  it.each(["linux/arm/v5", "windows/amd64", "linux/amd64/v3"])(
    "makes no bundle for %s",
    (platform) => {
      expect(codeOf(() => readSelection({ platform: [platform] }, {}))).toBe("USAGE");
    },
  );

  it("reads SOURCE_DATE_EPOCH, and refuses what is no count of seconds", () => {
    const read = (value: string) =>
      readSelection({ platform: ["arm64"] }, { SOURCE_DATE_EPOCH: value }).sourceDateEpoch;
    expect(read("1700000000")).toBe(1_700_000_000);
    expect(read("")).toBeUndefined();
    expect(codeOf(() => read("yesterday"))).toBe("USAGE");
    expect(codeOf(() => read("-5"))).toBe("USAGE");
  });
});
