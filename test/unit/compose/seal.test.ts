import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { readCompose } from "../../../src/compose/read.js";
import { sealCompose, type SealedService } from "../../../src/compose/seal.js";
import { BundlerError } from "../../../src/core/errors.js";

const REDIS = "docker.io/library/redis:7.0.15";

interface Wanted {
  readonly services?: Readonly<Record<string, SealedService>>;
  readonly leftOut?: Readonly<Record<string, string>>;
}

function seal(text: string, { services = { redis: { image: REDIS } }, leftOut = {} }: Wanted = {}) {
  return sealCompose({
    file: "compose.yaml",
    text,
    platform: "linux/arm64",
    bundle: "openim-2.3.9",
    services: new Map(Object.entries(services)),
    leftOut: new Map(Object.entries(leftOut)),
  });
}

/** The sealed text below the comment at the top. */
function body(text: string, wanted?: Wanted): string {
  return seal(text, wanted).replace(/^(?:#.*\n)+\n/, "");
}

function problem(text: string, wanted?: Wanted): string {
  try {
    seal(text, wanted);
  } catch (error) {
    if (error instanceof BundlerError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "sealed";
}

describe("sealCompose", () => {
  it("pins image, platform and pull policy, and keeps all other text as it was written", () => {
    const text = `# The whole of it

name: "openim"   # fixed
services:

  # The cache.
  redis:
    image: redis # pinned by the bundle
    command: ["redis-server",  '--appendonly', "yes"]
    # four digits, octal
    tmpfs: {mode: 0440}
    environment:
        A:   1_000
`;
    expect(body(text)).toBe(
      text.replace(
        "image: redis # pinned by the bundle",
        `image: ${REDIS} # pinned by the bundle\n    platform: linux/arm64\n    pull_policy: never`,
      ),
    );
  });

  it("says at the top what it is, from what it comes and what is left out", () => {
    const sealed = seal("services:\n  redis: {image: redis}\n  chat:\n    image: chat\n", {
      services: { redis: { image: REDIS } },
      leftOut: { chat: "no image\nfor arm64" },
    });
    expect(sealed.split("\n\n")[0]?.split("\n")).toEqual([
      "# Generated for linux/arm64 by openim-bundler from openim-2.3.9.",
      expect.stringContaining("nothing is pulled") as string,
      "# Left out: chat: no image for arm64",
    ]);
  });

  it("replaces a build by the image, and what the file said of platform and pull policy", () => {
    expect(
      body(`services:
  redis:
    restart: always
    platform: linux/amd64
    # how it is made
    build:
      context: .
      args: [A=1]
    pull_policy: always
    hostname: r
`),
    ).toBe(`services:
  redis:
    restart: always
    # how it is made
    image: ${REDIS}
    platform: linux/arm64
    pull_policy: never
    hostname: r
`);
  });

  it.each([
    ["in braces", "services:\n  redis: {image: redis, restart: always} # cache\n"],
    ["as an alias", "x-r: &r\n  image: redis\n  restart: always\nservices:\n  redis: *r\n"],
    [
      "by a merge key",
      "x-r: &r {image: redis}\nservices:\n  redis:\n    <<: *r\n    restart: always\n",
    ],
  ])("seals a service that is written %s", (_, text) => {
    const services = (parse(seal(text), { merge: true }) as { services: Record<string, object> })
      .services;
    expect(services["redis"]).toEqual({
      image: REDIS,
      platform: "linux/arm64",
      pull_policy: "never",
      restart: "always",
    });
  });

  it("seals a service that is written with nothing in it", () => {
    expect(body("services:\n  redis:\n\nvolumes: {}\n")).toBe(
      `services:\n  redis:\n    image: ${REDIS}\n    platform: linux/arm64\n    pull_policy: never\n\nvolumes: {}\n`,
    );
  });

  it("reads files with CRLF and a byte order mark", () => {
    expect(body("\uFEFFservices:\r\n  redis:\r\n    image: redis\r\n")).toBe(
      `services:\n  redis:\n    image: ${REDIS}\n    platform: linux/arm64\n    pull_policy: never\n`,
    );
  });

  describe("patches", () => {
    const patched = (text: string, patch: Record<string, unknown>): unknown =>
      (
        parse(seal(text, { services: { redis: { image: REDIS, patch } } }), { merge: true }) as {
          services: Record<string, unknown>;
        }
      ).services["redis"];
    const sealed = { image: REDIS, platform: "linux/arm64", pull_policy: "never" };

    it("merge mappings key by key, remove what is null and replace the rest", () => {
      expect(
        patched(
          `services:
  redis:
    image: redis
    command: [a]
    environment:
      KEPT: "1" # why
      GONE: "2"
    healthcheck: {test: [CMD, x], interval: 5s}
    restart: always
`,
          {
            command: ["b", "c"],
            environment: { GONE: null, NEW: "yes", PORT: 3306 },
            healthcheck: { test: ["CMD", "y"] },
            restart: null,
            init: true,
          },
        ),
      ).toEqual({
        ...sealed,
        command: ["b", "c"],
        environment: { KEPT: "1", NEW: "yes", PORT: 3306 },
        healthcheck: { test: ["CMD", "y"], interval: "5s" },
        init: true,
      });
    });

    it("turn the list form into a mapping where a mapping patches it", () => {
      expect(
        patched(
          "services:\n  redis:\n    image: redis\n    environment:\n      - A=x=y\n      - TZ\n      - B=2\n    networks: [back]\nnetworks: {back: {}}\n",
          { environment: { B: null, C: "3" }, networks: { back: { aliases: ["r"] } } },
        ),
      ).toEqual({
        ...sealed,
        environment: { A: "x=y", TZ: null, C: "3" },
        networks: { back: { aliases: ["r"] } },
      });
    });

    it("replace a list by a list", () => {
      expect(
        patched("services:\n  redis:\n    image: redis\n    volumes: [a:/a]\n", {
          volumes: ["b:/b"],
        }),
      ).toEqual({ ...sealed, volumes: ["b:/b"] });
    });

    it("quote text that some YAML reader would take for something else", () => {
      const text = seal("services:\n  redis:\n    image: redis\n", {
        services: {
          redis: { image: REDIS, patch: { environment: { on: "off", A: "0440", B: "12:30" } } },
        },
      });
      expect(text).toContain(
        '    environment:\n      "on": "off"\n      A: "0440"\n      B: "12:30"\n',
      );
    });

    it("can hold scripts of several lines", () => {
      const script = "set -e\n\nif true; then\n  echo 'a: b' # c\nfi\n";
      expect(
        patched("services:\n  redis:\n    image: redis\n    command: x # old\n    tty: true\n", {
          command: script,
        }),
      ).toEqual({ ...sealed, command: script, tty: true });
    });

    it("do not leak into services that share the patched part", () => {
      const services = {
        a: { image: "docker.io/library/a:1", patch: { environment: { X: "2" } } },
        b: { image: "docker.io/library/b:1" },
      };
      const text =
        "x-env: &env {X: '1', Y: '1'}\nservices:\n  a:\n    image: a\n    environment: *env\n  b:\n    image: b\n    environment: *env\n";
      expect((parse(seal(text, { services })) as { services: unknown }).services).toMatchObject({
        a: { environment: { X: "2", Y: "1" } },
        b: { environment: { X: "1", Y: "1" } },
      });
    });

    it("may not touch what sealing decides", () => {
      const services = { redis: { image: REDIS, patch: { image: "other" } } };
      expect(problem("services:\n  redis:\n    image: redis\n", { services })).toBe(
        "DEFINITION compose.yaml:3:5: An alternative of redis may not change image.",
      );
    });
  });

  describe("services left out", () => {
    const wanted: Wanted = {
      services: { redis: { image: REDIS }, web: { image: "docker.io/library/web:1" } },
      leftOut: { chat: "no image" },
    };

    it("go with their comments, their volumes and everything that waited for them", () => {
      expect(
        body(
          `services:
  redis:
    image: redis
    depends_on: [chat]
    volumes: ["redis:/data"]

  # The chat server,
  # which few need.
  chat:
    image: chat
    volumes:
      - chat:/data
      - type: volume
        source: shared
        target: /s
    # more of it

  web:
    image: web
    depends_on:
      # first this
      redis: {condition: service_healthy}
      chat:
        condition: service_started
    links: ["chat:c"]
    volumes: ["shared:/s"]

volumes:
  # caches
  redis:
  chat: # gone
  shared:
  unused:
`,
          wanted,
        ),
      ).toBe(`services:
  redis:
    image: ${REDIS}
    platform: linux/arm64
    pull_policy: never
    volumes: ["redis:/data"]

  web:
    image: docker.io/library/web:1
    platform: linux/arm64
    pull_policy: never
    depends_on:
      # first this
      redis: { condition: service_healthy }
    volumes: ["shared:/s"]

volumes:
  # caches
  redis:
  shared:
  unused:
`);
    });

    it("take a section with them of which nothing is left", () => {
      const text =
        "services:\n  redis: {image: r}\n  web: {image: w}\n  chat: {image: c, networks: [n]}\nnetworks: {n: {}}\n";
      expect(parse(seal(text, wanted))).not.toHaveProperty("networks");
    });

    it("hide a dependency that comes through a merge key", () => {
      const text =
        "x-d: &d {depends_on: [chat]}\nservices:\n  redis:\n    <<: *d\n    image: r\n  web: {image: w}\n  chat: {image: c}\n";
      const { services } = parse(seal(text, wanted), { merge: true }) as {
        services: Record<string, { depends_on?: unknown }>;
      };
      expect(services["redis"]?.depends_on).toEqual([]);
    });

    it.each([
      ["    network_mode: service:chat\n", "shares the network_mode of chat"],
      ["    volumes_from: ['chat:ro']\n", "takes volumes from chat"],
      ["    extends: {service: chat}\n", "extends chat"],
    ])("are missed where another service cannot be without them: %s", (line, words) => {
      const text = `services:\n  redis: {image: r}\n  chat: {image: c}\n  web:\n    image: w\n${line}`;
      expect(problem(text, wanted)).toMatch(
        new RegExp(`^DEFINITION compose.yaml:6:\\d+: The service web ${words}`),
      );
    });
  });

  it.each([
    [
      "services:\n  redis: {image: r}\ninclude: [other.yaml]\n",
      "3:1: A compose file that includes others",
    ],
    [
      "services:\n  redis:\n    image: r\n    extends: {file: a.yaml, service: b}\n",
      "4:14: The service redis extends a service of another file",
    ],
    [
      "services:\n  redis: {image: r}\n  other: {image: o}\n",
      '3:3: The service "other" is not among',
    ],
    ["services:\n  more: {}\n", '2:3: The service "more" is not among'],
    ["services: {redis: {image: r}}\n", "1:11: Services must be written as a block"],
    ['{"services": {"redis": {"image": "r"}}}\n', "1:1: Services must be written as a block"],
    ["services:\n  redis: text\n", "2:10: The service redis is not a mapping"],
    ["services: [redis]\n", "1:11: The key `services` must hold"],
    ["- a\n", "1:1: A compose file is a mapping"],
    ["", "1:1: A compose file is a mapping"],
    ["services:\n  redis:\n    image: r\n   bad: x\n", "4:"],
    ["services: {}\nx: [{a: 1, b: {c: 1, c: 2}}]\n", "2:22: Map keys must be unique"],
    ["services:\n  redis: {image: r}\n  redis: {image: r}\n", "3:3: Map keys must be unique"],
    ["services:\n  redis:\n    image: *nowhere\n", "sealed"],
    ["services:\n  redis:\n    <<: *nowhere\n", "3:9: The alias *nowhere has no anchor"],
    [
      "x-b: &b {build: .}\nservices:\n  redis:\n    <<: *b\n",
      "1:10: The service redis takes build through a merge key",
    ],
    ["services:\n  redis:\n    image: &i r\nx-i: *i\n", "3:15: The anchor &i is used elsewhere"],
    [
      "x-a: &a 1\nx-b: &a 2\nservices:\n  redis: {image: r}\n",
      "2:9: The anchor &a is defined twice",
    ],
    [
      "x-a: &a {b: [*a]}\nservices:\n  redis: {image: r}\n",
      "1:14: this alias stands inside what it stands for",
    ],
    ["services:\n  redis:\n    ? image\n    : r\n", "3:7: This key has to be changed"],
  ])("points at what cannot be sealed: %j", (text, words) => {
    const found = problem(text);
    expect(
      found.startsWith("sealed") ? found : found.replace("DEFINITION compose.yaml:", ""),
    ).toContain(words);
  });

  it("is not led into endless work by aliases", () => {
    const levels = Array.from({ length: 40 }, (_, at) =>
      at === 0
        ? "x-0: &a0 {k0: v}"
        : `x-${at}: &a${at} {<<: [*a${at - 1}, *a${at - 1}], k${at}: *a${at - 1}}`,
    );
    const text = `${levels.join("\n")}\nservices:\n  redis:\n    <<: *a39\n    image: r\n    volumes: *a39\n`;
    expect(problem(text)).toMatch(/sealed|DEFINITION/);
  });

  it("reads a mapping of very many keys in time", () => {
    const keys = Array.from({ length: 60_000 }, (_, at) => `  k${at}: v\n`).join("");
    expect(problem(`services:\n  redis: {image: r}\nx:\n${keys}  k0: v\n`)).toMatch(
      /:60004:3: Map keys must be unique/,
    );
  });

  it("seals the shipped definition's file into one that says for every service what it needs", () => {
    const file = fileURLToPath(
      new URL("../../../bundles/openim-2.3.9/compose.yaml", import.meta.url),
    );
    const text = readFileSync(file, "utf8");
    const names = [...readCompose("compose.yaml", text).keys()];
    expect(names).toHaveLength(12);
    const services = Object.fromEntries(
      names
        .filter((name) => name !== "open_im_enterprise")
        .map((name) => [name, { image: `docker.io/x/${name}:1` }]),
    );
    const sealed = seal(text, { services, leftOut: { open_im_enterprise: "no image" } });
    expect([...readCompose("compose.yaml", sealed)]).toEqual(
      Object.entries(services).map(([name, { image }]) => [
        name,
        { image, platform: "linux/arm64", pullPolicy: "never", build: false },
      ]),
    );
    // All comments that do not belong to the service left out are still there.
    const comments = (of: string): string[] => of.split("\n").filter((line) => /^\s*#/.test(line));
    expect(comments(text).filter((line) => !sealed.includes(line))).toEqual([
      "  # The folder config/ below has to hold the vendor's config.yaml before the first start.",
    ]);
  });

  describe("for any compose file", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
    const value = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        "yes",
        "0440",
        "null",
        "~",
        "a: b",
        "# x",
        "${VAR:-x}",
        "line\ntwo",
        " lead",
        "1e3",
      ),
    );
    const environment = fc.oneof(
      fc.dictionary(word, value, { maxKeys: 4, noNullPrototype: true }),
      fc
        .uniqueArray(fc.tuple(word, value), { maxLength: 4, selector: ([name]) => name })
        .map((pairs) => pairs.map(([name, text]) => `${name}=${text}`)),
    );
    const service = fc.record(
      {
        build: fc.constantFrom(".", { context: "x", args: ["A=1"] }),
        image: word,
        platform: fc.constant("linux/amd64"),
        pull_policy: fc.constant("always"),
        command: fc.array(value, { maxLength: 3 }),
        environment,
        labels: fc.dictionary(word, value, { maxKeys: 2, noNullPrototype: true }),
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    const patch = fc.record(
      {
        environment: fc.dictionary(word, fc.option(value, { nil: null }), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
        command: fc.option(fc.array(value, { maxLength: 2 }), { nil: null }),
        hostname: word,
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    const project = fc
      .uniqueArray(
        fc.record({
          name: word,
          service,
          patch,
          kept: fc.boolean(),
          form: fc.boolean(),
          needs: fc.nat(),
          blank: fc.boolean(),
        }),
        {
          minLength: 1,
          maxLength: 6,
          selector: ({ name }) => name,
        },
      )
      .map(([first, ...rest]) => [...(first ? [{ ...first, kept: true }] : []), ...rest]);

    type Tree = Record<string, unknown>;
    const isTree = (of: unknown): of is Tree =>
      typeof of === "object" && of !== null && !Array.isArray(of);

    /** What sealing means, said once more on plain values. */
    function apply(base: unknown, change: Tree): Tree {
      const from = Array.isArray(base)
        ? Object.fromEntries(
            (base as string[]).map((item) => [
              item.slice(0, item.indexOf("=")),
              item.slice(item.indexOf("=") + 1),
            ]),
          )
        : base;
      const result: Tree = isTree(from) ? { ...from } : {};
      for (const [key, next] of Object.entries(change)) {
        if (next === null) Reflect.deleteProperty(result, key);
        else result[key] = isTree(next) ? apply(result[key], next) : next;
      }
      return result;
    }

    it("leaves exactly the services, images and values that were asked for", () => {
      fc.assert(
        fc.property(project, fc.constantFrom(2, 4), (entries, indent) => {
          const names = entries.map(({ name }) => name);
          const leftOut = Object.fromEntries(
            entries.filter(({ kept }) => !kept).map(({ name }) => [name, "gone"]),
          );
          const source: Record<string, Tree> = {};
          const expected: Record<string, Tree> = {};
          const services: Record<string, SealedService> = {};
          for (const entry of entries) {
            const needs = names
              .slice(0, entry.needs % (names.length + 1))
              .filter((name) => name !== entry.name);
            const depends = entry.form
              ? needs
              : Object.fromEntries(needs.map((name) => [name, { condition: "service_healthy" }]));
            const full: Tree = {
              ...entry.service,
              ...(needs.length > 0 ? { depends_on: depends } : {}),
            };
            source[entry.name] = full;
            if (!entry.kept) continue;
            const image = `docker.io/library/${entry.name}:1`;
            services[entry.name] = { image, patch: entry.patch };
            const left = needs.filter((name) => !(name in leftOut));
            const after = {
              ...apply(full, entry.patch),
              image,
              platform: "linux/arm64",
              pull_policy: "never",
            } as Tree;
            Reflect.deleteProperty(after, "build");
            if (left.length === 0) Reflect.deleteProperty(after, "depends_on");
            else
              after["depends_on"] = entry.form
                ? left
                : Object.fromEntries(left.map((name) => [name, { condition: "service_healthy" }]));
            expected[entry.name] = after;
          }
          const text = stringify(
            { name: "p", services: source, volumes: { v: null } },
            { indent, lineWidth: 0 },
          );

          const sealed = seal(text, { services, leftOut });

          expect(parse(sealed)).toEqual({ name: "p", services: expected, volumes: { v: null } });
          expect(Object.keys((parse(sealed) as { services: object }).services)).toEqual(
            Object.keys(expected),
          );
          expect(seal(text, { services, leftOut })).toBe(sealed);
        }),
        { numRuns: 150 },
      );
    });
  });
});

describe("readCompose", () => {
  it("tells image, platform, pull policy and build of each service, merge keys followed", () => {
    const text = `x-b: &b {platform: linux/arm64, build: .}
services:
  a:
    <<: *b
    image: a:1
  b:
    image: 7
    pull_policy: never
  c: {}
`;
    expect([...readCompose("f", text)]).toEqual([
      ["a", { image: "a:1", platform: "linux/arm64", build: true }],
      ["b", { image: "7", pullPolicy: "never", build: false }],
      ["c", { build: false }],
    ]);
  });

  it.each([
    "services:\n  a: text\n",
    "services:\n  a:\n",
    "services:\n  <<: {a: {}}\n",
    "a: b\n",
    "services: {}\nservices: {}\n",
    `services: ${"[".repeat(100_000)}`,
  ])("refuses what is no compose file: %#", (text) => {
    expect(() => readCompose("f", text)).toThrow(BundlerError);
  });

  it("survives any text", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(..."services:ab &*<<{}[]\n -?!|>'\"#,".split("")),
          maxLength: 80,
        }),
        (text) => {
          try {
            readCompose("f", `services:\n${text}`);
          } catch (error) {
            expect(error).toBeInstanceOf(BundlerError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
