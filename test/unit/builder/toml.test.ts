import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildkitdConfig } from "../../../src/builder/buildkitd-config.js";
import { writeToml } from "../../../src/builder/toml.js";

const none = { mirrors: new Map<string, string[]>(), insecure: [], registries: [] };

describe("TOML", () => {
  it("has no string that ends early: each line is what was meant, and the escapes are JSON's too", () => {
    // With \U as a pair of \u, and without \e, which is never written, a basic string reads as JSON does.
    const read = (basic: string): unknown =>
      JSON.parse(
        basic.replace(/\\(?:U([0-9a-f]{8})|.)/g, (escape: string, code?: string) =>
          code === undefined ? escape : String.fromCodePoint(Number.parseInt(code, 16)),
        ),
      );
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.string());
    const whole = (value: string): string => Buffer.from(value).toString();
    fc.assert(
      fc.property(text, text, fc.array(text), (table, one, many) => {
        const lines = writeToml([{ path: ["registry", table], values: { one, many } }]).split("\n");
        expect(lines).toHaveLength(4);
        const [head = "", first = "", second = ""] = lines;
        const key = head.slice("[registry.".length, -1);
        expect(/^[A-Za-z0-9_-]+$/.test(key) ? key : read(key)).toBe(whole(table));
        expect(read(first.slice("one = ".length))).toBe(whole(one));
        expect(read(second.slice("many = ".length))).toEqual(many.map(whole));
        // Raw control characters are not allowed in it.
        expect(lines.join("")).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe("buildkitd.toml", () => {
  it("is not needed for the defaults", () => {
    expect(buildkitdConfig(none, undefined)).toBeUndefined();
  });

  it("names mirrors by host and path, and says which speak plain HTTP", () => {
    const mirrors = new Map([
      ["docker.io", ["https://mirror.example/hub/", "http://10.0.0.1:5000"]],
    ]);
    expect(buildkitdConfig({ ...none, mirrors, insecure: ["reg.lan:5000"] }, undefined)).toBe(
      `[registry."10.0.0.1:5000"]
http = true

[registry."docker.io"]
mirrors = ["mirror.example/hub", "10.0.0.1:5000"]

[registry."reg.lan:5000"]
http = true
insecure = true
`,
    );
  });

  it("makes the well-known registries, the mirrors and the named ones trust the private authority", () => {
    const text = buildkitdConfig(
      {
        ...none,
        mirrors: new Map([["quay.io", ["https://mirror.example", "http://plain.example"]]]),
        registries: ["registry.corp:5000"],
      },
      "/home/me/ca.pem",
    );
    const trusting = [
      ...(text ?? "").matchAll(/^\[registry\."(.+)"\]\n(?:.+\n)*?ca = \["\/home\/me\/ca\.pem"\]/gm),
    ];
    expect(trusting.map(([, host]) => host).sort()).toEqual([
      "docker.io",
      "gcr.io",
      "ghcr.io",
      "mcr.microsoft.com",
      "mirror.example",
      "quay.io",
      "registry.corp:5000",
      "registry.k8s.io",
    ]);
  });
});
