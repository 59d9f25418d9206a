import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildkitdConfig } from "../../../src/builder/buildkitd-config.js";
import { writeToml } from "../../../src/builder/toml.js";

const none = { mirrors: new Map<string, string[]>(), insecure: [], registries: [] };

describe("TOML", () => {
  it("has no string that ends early: each line is what was meant, and the escapes are JSON's too", () => {
    // Without \U and \e, which are never written, a basic string of TOML 1.0 reads as JSON does.
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.string());
    const whole = (value: string): string => Buffer.from(value).toString();
    fc.assert(
      fc.property(text, text, fc.array(text), (table, one, many) => {
        const lines = writeToml([{ path: ["registry", table], values: { one, many } }]).split("\n");
        expect(lines).toHaveLength(4);
        const [head = "", first = "", second = ""] = lines;
        const key = head.slice("[registry.".length, -1);
        expect(/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.parse(key)).toBe(whole(table));
        expect(JSON.parse(first.slice("one = ".length))).toBe(whole(one));
        expect(JSON.parse(second.slice("many = ".length))).toEqual(many.map(whole));
        // Raw control characters are not allowed in it.
        // eslint-disable-next-line no-control-regex -- that is what is tested
        expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f]/);
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
