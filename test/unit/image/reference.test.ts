import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Reference,
  familiarReference,
  formatReference,
  parseReference,
} from "../../../src/image/reference.js";

const HEX = "0123456789abcdef".repeat(4);

describe("parseReference", () => {
  it.each([
    ["redis", "docker.io/library/redis:latest"],
    ["redis:7.0.15", "docker.io/library/redis:7.0.15"],
    ["bitnami/kafka:3.5.1", "docker.io/bitnami/kafka:3.5.1"],
    ["docker.io/redis", "docker.io/library/redis:latest"],
    ["index.docker.io/library/redis:7", "docker.io/library/redis:7"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/app", "localhost:5000/app:latest"],
    ["127.0.0.1:5000/team/app:1", "127.0.0.1:5000/team/app:1"],
    ["[::1]:5000/app:1", "[::1]:5000/app:1"],
    ["[fe80::1]/app", "[fe80::1]/app:latest"],
    ["quay.io/a/b/c__d.e-f--g:v1_2.3-4", "quay.io/a/b/c__d.e-f--g:v1_2.3-4"],
    [`redis@sha256:${HEX}`, `docker.io/library/redis@sha256:${HEX}`],
    [`redis:7@sha256:${HEX}`, `docker.io/library/redis:7@sha256:${HEX}`],
    ["Registry.Example/app", "Registry.Example/app:latest"],
    ["host:5000", "docker.io/library/host:5000"],
    [
      "registry.cn-hangzhou.aliyuncs.com/openimsdk/x:v3",
      "registry.cn-hangzhou.aliyuncs.com/openimsdk/x:v3",
    ],
  ])("reads %s as Docker does", (text, full) => {
    expect(formatReference(parseReference(text))).toBe(full);
  });

  it.each([
    ["", /empty/],
    ["Redis", /upper-case/],
    ["docker.io/Team/app", /upper-case/],
    ["https://docker.io/redis", /scheme/],
    ["redis:", /not a tag/],
    ["redis:-x", /not a tag/],
    [`redis:${"x".repeat(129)}`, /not a tag/],
    ["redis@sha256:abc", /sha256/],
    [`redis@sha512:${HEX}${HEX}`, /sha256/],
    [`redis@sha256:${HEX.toUpperCase()}`, /sha256/],
    [HEX, /image's id/],
    ["a//b", /repository/],
    ["docker.io/", /repository/],
    ["/redis", /repository/],
    ["../etc/passwd", /repository|host name/],
    ["-host.example/app", /host name/],
    ["host.example:70000/app", /65535/],
    ["a b", /repository/],
    ["redis\n", /repository/],
    ["x".repeat(256), /longer than 255/],
    ["x".repeat(2000), /longer than 1024/],
    ["[zz]:1/app", /host name/],
    ["user:pw@host.example/app", /sha256/],
  ])("refuses %j with the reason", (text, reason) => {
    expect(() => parseReference(text)).toThrow(reason);
  });

  it("names the right spelling for upper case", () => {
    expect(() => parseReference("quay.io/Team/App:V1")).toThrow(
      expect.objectContaining({ code: "DEFINITION", hint: "Write team/app." }) as Error,
    );
  });
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const registry = fc.oneof(
  fc.constant("docker.io"),
  fc.constant("localhost"),
  fc.constant("[2001:db8::1]:5000"),
  fc
    .tuple(
      fc.array(label, { minLength: 2, maxLength: 4 }),
      fc.option(fc.integer({ min: 1, max: 65535 })),
    )
    .map(([labels, port]) => labels.join(".") + (port === null ? "" : `:${port}`)),
);
const part = fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}$/);
const reference: fc.Arbitrary<Reference> = fc
  .record({
    registry,
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/)),
    digest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
  })
  .filter(({ path }) => !/^[0-9a-f]{64}$/.test(path.join("/")))
  .map(({ registry, path, tag, digest }) => {
    const named = path.join("/");
    const bare = tag === null && digest === null;
    return {
      registry,
      repository: registry === "docker.io" && path.length === 1 ? `library/${named}` : named,
      ...(bare ? { tag: "latest" } : tag === null ? {} : { tag }),
      ...(digest === null ? {} : { digest: `sha256:${digest}` }),
    } as Reference;
  });

describe("formatReference and familiarReference", () => {
  it("are read back as the same reference", () => {
    fc.assert(
      fc.property(reference, (value) => {
        expect(parseReference(formatReference(value))).toEqual(value);
        expect(parseReference(familiarReference(value))).toEqual(value);
      }),
    );
  });

  it("are short where Docker's are", () => {
    const short = (text: string): string => familiarReference(parseReference(text));
    expect(short("docker.io/library/redis:7")).toBe("redis:7");
    expect(short("docker.io/bitnami/kafka:3")).toBe("bitnami/kafka:3");
    expect(short("quay.io/library/redis:7")).toBe("quay.io/library/redis:7");
  });

  it("stay long where the short name would mean something else", () => {
    const repository = "localhost/app";
    expect(familiarReference({ registry: "docker.io", repository, tag: "1" })).toBe(
      "docker.io/localhost/app:1",
    );
  });

  it("never let anything through that is not a reference", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        let parsed: Reference;
        try {
          parsed = parseReference(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "DEFINITION" });
          return;
        }
        expect(formatReference(parsed)).toMatch(/^[A-Za-z0-9.[\]:/_@-]+$/);
        expect(parsed.repository).not.toMatch(/\.\.|\/\/|^\/|\/$/);
      }),
    );
  });
});
