import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffCompose, readComposeFacts } from "../../../src/diff/compose.js";
import { hasLongSecrets, shownLine, shownText, shownValue } from "../../../src/diff/secrets.js";
import type { Change } from "../../../src/diff/types.js";
import { type Plain, diffValues, plainOf } from "../../../src/diff/values.js";
import { processorTime } from "../../support/processor-time.js";

const diff = (old: unknown, next: unknown): readonly Change[] =>
  diffValues(plainOf(old), plainOf(next));

const plain: fc.Arbitrary<Plain> = fc
  .letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom("a", "b", "", "1"),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        fc.constantFrom("name", "target", "x.y", "command", "__proto__"),
        tie("value"),
        {
          maxKeys: 4,
        },
      ),
    ),
  }))
  .value.map(plainOf);

describe("diffValues", () => {
  it("finds nothing between a value and itself", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(diffValues(value, value)).toEqual([]);
      }),
    );
  });

  it("finds in one direction what it finds in the other, the other way round", () => {
    const turned = ({ key, kind, old, new: next }: Change): Change => ({
      key,
      kind: kind === "added" ? "removed" : kind === "removed" ? "added" : kind,
      ...(next === undefined ? {} : { old: next }),
      ...(old === undefined ? {} : { new: old }),
    });
    const text = (changes: readonly Change[]): string[] =>
      changes.map(({ key, kind, old, new: next }) => JSON.stringify([key, kind, old, next])).sort();
    fc.assert(
      fc.property(plain, plain, (old, next) => {
        expect(text(diffValues(next, old))).toEqual(text(diffValues(old, next).map(turned)));
      }),
    );
  });

  it("finds something between values that are not the same as JSON", () => {
    const json = (value: Plain): string =>
      JSON.stringify(value, (_, one: unknown) =>
        one instanceof Map ? [...(one as ReadonlyMap<string, unknown>)].sort() : one,
      );
    fc.assert(
      fc.property(plain, plain, (old, next) => {
        if (json(old) !== json(next)) expect(diffValues(old, next)).not.toEqual([]);
      }),
    );
  });

  it("names keys with dots, and quotes those that have some", () => {
    expect(diff({ a: { b: 1 } }, { a: { b: 2, "c.d": 3 } })).toEqual([
      { key: "a.b", kind: "changed", old: "1", new: "2" },
      { key: 'a["c.d"]', kind: "added", new: "3" },
    ]);
  });

  it("takes lists as sets, but commands as they are", () => {
    expect(diff({ ports: ["1", "2"] }, { ports: ["0", "1", "2"] })).toEqual([
      { key: "ports[]", kind: "added", new: "0" },
    ]);
    expect(diff({ ports: ["1", "2"] }, { ports: ["2", "1"] })).toMatchObject([{ key: "ports" }]);
    expect(diff({ command: ["a"] }, { command: ["a", "b"] })).toEqual([
      { key: "command", kind: "changed", old: '["a"]', new: '["a","b"]' },
    ]);
    expect(
      diff(
        { volumes: [{ target: "/a", source: "x" }, { target: "/b" }] },
        { volumes: [{ target: "/b" }, { target: "/a", source: "y" }] },
      ),
    ).toEqual([{ key: "volumes[target=/a].source", kind: "changed", old: "x", new: "y" }]);
  });

  it("refuses values that are nested without end", () => {
    let deep: Plain = "x";
    for (let level = 0; level < 200; level += 1) deep = [new Map([["a", deep]])];
    expect(() => diffValues(deep, "y")).not.toThrow();
    let other: Plain = "y";
    for (let level = 0; level < 200; level += 1) other = [new Map([["a", other]])];
    expect(() => diffValues(deep, other)).toThrow("nested too deeply");
  });
});

describe("secrets", () => {
  it("are masked in a text of several lines, and a private key is not shown at all", () => {
    expect(shownValue("content", "user: root\npassword: openIM123\n")).toBe(
      "user: root\npassword: ***\n",
    );
    const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    expect(shownValue("content", key)).toBe("***");
    expect(hasLongSecrets(`a\n${key}`)).toBe(true);
    expect(hasLongSecrets("a:\n  - password: |-\n      openIM123\n")).toBe(true);
    expect(hasLongSecrets("script: |\n  true\npassword: x\n")).toBe(false);
  });

  it("are masked in commands inside what came as a whole", () => {
    const [change] = diff({ x: "y" }, { x: { run: ["app", "--token", "openIM123"] } });
    expect(change?.new).toBe('{"run":["app","--token","***"]}');
  });

  it("are looked for in no time in texts that are made to take long", async () => {
    const parts = ["a=${", "'", '"', "a:", "{a", `${"a".repeat(200)} `, "a ", " ", "a='", "${a:-"];
    for (const part of parts) {
      const took = await processorTime(() => {
        shownText(part.repeat(262_144 / part.length));
        hasLongSecrets(part.repeat(262_144 / part.length));
        shownText(`password${part.repeat(262_144 / part.length)}`);
      });
      expect(took, part).toBeLessThan(5000);
    }
  });

  it("are never shown, but that they refer to a setting is", () => {
    expect(shownValue("MYSQL_ROOT_PASSWORD", "openIM123")).toBe("***");
    expect(shownValue("MYSQL_ROOT_PASSWORD", "${DB_PASSWORD}")).toBe("${DB_PASSWORD}");
    expect(shownValue("DB_PASSWORD", "${DB_PASSWORD:-openIM123}")).toBe("${DB_PASSWORD:-***}");
    expect(shownValue("DB_PASSWORD", "${A}openIM123")).toBe("***");
    expect(shownValue("DB_PASSWORD_FILE", "/run/secrets/db")).toBe("/run/secrets/db");
    expect(shownValue("MINIO_SECRET_KEY", "x")).toBe("***");
    expect(shownValue("TZ", "Asia/Shanghai")).toBe("Asia/Shanghai");
    expect(shownValue("URL", "mongodb://root:openIM123@mongo")).toBe("mongodb://***@mongo");
  });

  it("are masked in commands and in lines of files", () => {
    expect(shownText("redis-server --requirepass openIM123 --save 60")).toBe(
      "redis-server --requirepass *** --save 60",
    );
    expect(shownText("app --token=abc -v")).toBe("app --token=*** -v");
    expect(shownText("mysqladmin ping -popenIM123")).toBe("mysqladmin ping -p***");
    expect(shownText('mysqladmin ping -p"$$MYSQL_PASSWORD"')).toContain("MYSQL_PASSWORD");
    expect(shownLine("  password: openIM123")).toBe("  password: ***");
    expect(shownLine('export DB_PASSWORD="openIM123"')).toBe('export DB_PASSWORD="***"');
    expect(shownLine("requirepass openIM123")).toBe("requirepass ***");
    expect(shownLine('run -e PASSWORD="openIM 123" app')).toBe('run -e PASSWORD="***" app');
    expect(shownLine("set -x; app --password 'openIM 123'")).toBe("set -x; app --password '***'");
    expect(shownLine("sh -c 'redis-cli -a openIM123 ping'")).toBe("sh -c 'redis-cli -a *** ping'");
    expect(shownLine('{"user": "root", "password": "openIM123"}')).toBe(
      '{"user": "root", "password": "***"}',
    );
    expect(shownLine("createUser({user: 'root', pwd: 'openIM123'})")).toBe(
      "createUser({user: 'root', pwd: '***'})",
    );
    expect(shownText("mongosh -u root -p openIM123 --quiet")).toBe(
      "mongosh -u root -p *** --quiet",
    );
    expect(shownText("curl -u root:openIM123 host")).toBe("curl -u root:*** host");
    expect(shownText("docker run --user 1000:1000 app")).toBe("docker run --user 1000:1000 app");
    expect(shownLine("password=$(head -c 24 /dev/urandom)")).toContain("urandom");
    expect(diff({ SECRET: "a" }, { SECRET: "b" })).toEqual([
      { key: "SECRET", kind: "changed", old: "***", new: "***" },
    ]);
    expect(
      JSON.stringify(
        diff({ command: ["--requirepass", "aaaa"] }, { command: ["--requirepass", "bbbb"] }),
      ),
    ).not.toMatch(/aaaa|bbbb/);
  });
});

describe("compose files", () => {
  const facts = (services: string) => readComposeFacts("compose.yaml", `services:\n${services}`);

  it("differ by what they mean, not by how it is written", () => {
    const short = facts(`  a:
    image: x:1
    environment: [A=1, "B=x=y"]
    depends_on: [b]
`);
    const long = facts(`  a:
    image: x:2
    depends_on: { b: { condition: service_started } }
    environment: { B: "x=y", A: "1" }
`);
    expect(diffCompose(short, long)).toEqual({
      servicesAdded: [],
      servicesRemoved: [],
      changes: [],
    });
  });

  it("are compared key by key", () => {
    const old = facts("  a:\n    mem_limit: 1g\n  gone:\n    restart: always\n");
    const next = facts("  a:\n    mem_limit: 2g\n  new:\n    restart: always\n");
    expect(diffCompose(old, next)).toEqual({
      servicesAdded: ["new"],
      servicesRemoved: ["gone"],
      changes: [{ key: "services.a.mem_limit", kind: "changed", old: "1g", new: "2g" }],
    });
  });
});
