import { describe, expect, it } from "vitest";
import { environmentFor, envLines, rehearsalSettings } from "../../../src/rehearse/settings.js";
import { withoutServices } from "../../../src/rehearse/copy.js";
import { printedReceipt, printedSmoke } from "../../../src/rehearse/installer.js";
import type { BundleComponent } from "../../../src/bundle/types.js";

const description = { en: "", zh: "" };
const SETTINGS = [
  { name: "DATA_DIR", type: "path", default: "/var/lib/app", description },
  { name: "PASSWORD", type: "secret", length: 24, description },
  { name: "TZ", type: "string", default: "UTC", description },
  { name: "HOST_ADDRESS", type: "host", description },
  { name: "LOGS", type: "path", description },
] as const;
const terms = { dataDir: "/tmp/r/data", given: new Map<string, string>() };

describe("the settings of a rehearsal", () => {
  it("are defaults, marks for secrets, made-up values, and a data folder of its own", () => {
    const first = rehearsalSettings(SETTINGS, terms);
    expect(first.get("PASSWORD")).toMatch(/^[A-Za-z0-9]{20,}$/);
    expect(first.get("PASSWORD")).not.toBe(rehearsalSettings(SETTINGS, terms).get("PASSWORD"));
    expect(envLines(first).replace(/PASSWORD=.*/, "PASSWORD=")).toBe(
      "DATA_DIR=/tmp/r/data\nPASSWORD=\nTZ=UTC\nHOST_ADDRESS=127.0.0.1\nLOGS=/tmp/r/data/logs\n",
    );
  });

  it("are what is asked for, where the bundle has it and an .env file can hold it", () => {
    const given = new Map([["TZ", "Asia/Shanghai"]]);
    expect(rehearsalSettings(SETTINGS, { ...terms, given }).get("TZ")).toBe("Asia/Shanghai");
    for (const wrong of [
      ["TX", "UTC"],
      ["TZ", "a\nb"],
      ["TZ", "$HOME"],
    ] as const) {
      const wanted = { ...terms, given: new Map([wrong]) };
      expect(() => rehearsalSettings(SETTINGS, wanted)).toThrow(
        expect.objectContaining({ code: "USAGE" }),
      );
    }
  });

  it("go before the caller's environment, which leads compose nowhere else", () => {
    const env = { PATH: "/bin", TZ: "CET", COMPOSE_FILE: "x", DOCKER_HOST: "unix:///s" };
    expect(environmentFor(env, ["TZ"])).toEqual({ PATH: "/bin", DOCKER_HOST: "unix:///s" });
  });
});

describe("a compose file without some services", () => {
  const TEXT = `# kept
services:
  kafka:
    image: kafka
  web:
    image: web # this too
    depends_on:
      kafka:
        condition: service_healthy
        required: false
      db:
        condition: service_started
  db:
    image: db
`;

  it("keeps everything else as it is written", () => {
    const text = withoutServices(TEXT, new Set(["kafka"]));
    expect(text).toBe(`# kept
services:
  web:
    image: web # this too
    depends_on:
      db:
        condition: service_started
  db:
    image: db
`);
  });

  it("is refused where one of them is what others are made from", () => {
    const tied = "services:\n  a: &a\n    image: x\n  b:\n    <<: *a\n";
    expect(() => withoutServices(tied, new Set(["a"]))).toThrow(
      expect.objectContaining({ code: "REHEARSAL" }),
    );
  });
});

describe("what install.sh prints", () => {
  const tested = [
    { name: "redis", smoke: [{ run: ["redis-cli", "ping"], limit: 20 }] },
    {
      name: "web",
      smoke: [
        { http: "http://127.0.0.1/", limit: 20 },
        { run: ["true"], limit: 20 },
      ],
    },
  ] as unknown as readonly BundleComponent[];

  it("tells the outcome of each smoke test", () => {
    const said = `Trying each service once ...
  ok    redis: redis-cli ping
  FAIL  web: http://127.0.0.1/ (exit code 22)
        curl: (22) The requested URL returned error: 500
  left  web: true (no program here can ask: curl, wget)
  ok    stranger: true
`;
    const unasked = new Map([["web", new Map([[1, "it cannot be asked from here"]])]]);
    const outcomes = printedSmoke(said, tested, unasked);
    expect(outcomes.get("redis")).toEqual([
      { kind: "run", test: "redis-cli ping", outcome: "passed", seconds: 0 },
    ]);
    expect(outcomes.get("web")!.map(({ outcome }) => outcome)).toEqual(["failed", "skipped"]);
    expect(outcomes.get("web")![0]!.said).toContain("returned error: 500");
    expect(outcomes.get("web")![1]!.said).toBe("it cannot be asked from here");
    expect(outcomes.has("stranger")).toBe(false);
  });

  it("has a receipt, where it is one", () => {
    const line = {
      component: "redis",
      reference: "docker.io/library/redis:7",
      ok: true,
      expected: { manifest: "sha256:a", config: "sha256:b", platform: "linux/arm/v7" },
      found: { id: "sha256:b", os: "linux", architecture: "arm/v7", size: 5 },
    };
    expect(
      printedReceipt(JSON.stringify({ result: "ok", images: [line, { ...line, found: null }] })),
    ).toEqual([
      { ...line, found: { id: "sha256:b", platform: "linux/arm/v7", size: 5 } },
      { component: line.component, reference: line.reference, ok: true, expected: line.expected },
    ]);
    expect(printedReceipt("NOT AS IN THE BUNDLE")).toEqual([]);
  });
});
