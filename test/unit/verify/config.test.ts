import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BundleManifest } from "../../../src/bundle/types.js";
import { readConfigFile } from "../../../src/verify/config-file.js";
import { mergeConfigs, NO_CONFIG, readConfigFlags } from "../../../src/verify/config.js";
import { countFindings, judge } from "../../../src/verify/judge.js";
import { type Finding } from "../../../src/verify/report.js";
import { finding } from "./finding.js";

let dir: string;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "config-"));
  file = join(dir, "verify.yaml");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function read(text: string): ReturnType<typeof readConfigFile> {
  await writeFile(file, text);
  return readConfigFile(file);
}

const troubles = (text: string): Promise<string[]> =>
  read(text).then(
    () => [],
    (error: unknown) =>
      (error as Error).message
        .split("\n")
        .slice(1)
        .map((line) => line.replace(`${file}:`, "")),
  );

describe("a configuration file", () => {
  it("says levels of rules, and what is waived with which reason", async () => {
    const config = await read(`rules:
  image/zstd: error
  compose/profile: off
waive:
  - rule: programs/foreign
    component: kafka
    path: opt/**/*.so
    reason: carried for other machines
`);
    expect([...config.levels]).toEqual([
      ["image/zstd", "error"],
      ["compose/profile", "off"],
    ]);
    expect(config.waivers).toEqual([
      {
        rule: "programs/foreign",
        component: "kafka",
        path: "opt/**/*.so",
        reason: "carried for other machines",
        from: `${file}:5:5`,
      },
    ]);
    expect(await read("")).toEqual(NO_CONFIG);
  });

  it("points at what is wrong, with the nearest right word", async () => {
    expect(
      await troubles(`rule: {}
rules:
  image/zst: error
  image/zstd: eror
waive:
  - rule: compose/secrt
    component: redis
  - rule: compose/secret
    reason: " "
    paht: x
`),
    ).toEqual([
      '1:1 unknown key "rule". Did you mean "rules"?',
      '3:3 there is no rule "image/zst". Did you mean "image/zstd"?',
      '4:15 rules.image/zstd must be one of error, warning, note, off. Did you mean "error"?',
      "6:5 waive[0].reason is missing",
      '6:11 there is no rule "compose/secrt". Did you mean "compose/secret"?',
      "9:13 waive[1].reason must not be empty",
      '10:5 unknown key "paht" in waive[1]. Did you mean "path"?',
    ]);
    expect(await troubles("rules: [")).toHaveLength(1);
    expect(await troubles("- x")).toEqual(["1:1 the file is a list; it must be a mapping"]);
    await expect(readConfigFile(join(dir, "gone"))).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("flags of a configuration", () => {
  it("say levels and waivers", () => {
    const { levels, waivers } = readConfigFlags({
      rule: ["image/zstd=off"],
      waive: ["compose/secret=a demo", "compose/host-path:redis:/etc/a:b=needs it = really"],
    });
    expect([...levels]).toEqual([["image/zstd", "off"]]);
    expect(waivers).toMatchObject([
      { rule: "compose/secret", reason: "a demo" },
      {
        rule: "compose/host-path",
        component: "redis",
        path: "/etc/a:b",
        reason: "needs it = really",
      },
    ]);
  });

  it.each([
    [{ rule: ["image/zstd"] }, "is not RULE=LEVEL"],
    [{ rule: ["image/ztd=off"] }, "names no rule"],
    [{ rule: ["image/zstd=of"] }, 'has no level "of"'],
    [{ waive: ["compose/secret"] }, "has no reason"],
    [{ waive: ["compose/secret= "] }, "has no reason"],
    [{ waive: ["compose/sekret=x"] }, "names no rule"],
  ])("refuse %j", (flags, message) => {
    expect(() => readConfigFlags(flags)).toThrow(message);
  });

  it("go before the file", () => {
    const [early, late] = ["note", "error"].map((level) =>
      readConfigFlags({ rule: [`image/zstd=${level}`] }),
    );
    expect(mergeConfigs(early!, late!).levels.get("image/zstd")).toBe("error");
  });
});

describe("judging findings", () => {
  const foreign = finding("programs/foreign", {
    component: "kafka",
    subject: "/opt/a/x.so",
    path: "opt/a/x.so",
    message: "Is for another machine.",
  });
  const secret = finding("compose/secret", {
    subject: "services.redis",
    message: "Is written down.",
  });
  const verdict = (
    flags: Parameters<typeof readConfigFlags>[0],
    allow: BundleManifest["components"][0]["allow"] = [],
    findings: readonly Finding[] = [foreign, secret],
  ): string[] =>
    judge(findings, {
      config: readConfigFlags(flags),
      manifest: { components: [{ name: "kafka", allow }] } as never,
      deep: true,
    }).map(
      ({ rule, severity, waived }) =>
        `${rule} ${severity}${waived === undefined ? "" : ` ${waived.by}: ${waived.reason}`}`,
    );

  it("raises, lowers and drops", () => {
    expect(verdict({})).toEqual(["programs/foreign warning", "compose/secret error"]);
    expect(verdict({ rule: ["programs/foreign=error", "compose/secret=off"] })).toEqual([
      "programs/foreign error",
    ]);
  });

  it("waives by rule, component and path, and by nothing else", () => {
    expect(verdict({ waive: ["programs/foreign:kafka:opt/**=carried along"] })[0]).toBe(
      "programs/foreign note configuration: carried along",
    );
    for (const other of ["programs/foreign:etcd", "programs/foreign:kafka:usr"]) {
      expect(verdict({ waive: [`${other}=x`] })).toEqual([
        "programs/foreign warning",
        "compose/secret error",
        "config/waiver note",
      ]);
    }
    expect(verdict({ waive: ["compose/secret::services.redis=a demo"] })[1]).toBe(
      "compose/secret note configuration: a demo",
    );
  });

  it("takes the definition's word for programs under a path", () => {
    expect(verdict({}, [{ path: "opt/a", reason: "for every system" }])).toEqual([
      "programs/foreign note definition: for every system",
      "compose/secret error",
    ]);
    expect(verdict({}, [{ mount: "opt/a", reason: "x" }])[0]).toBe("programs/foreign warning");
    // An allowance is for programs: it hides nothing else that happens to have such a path.
    expect(
      verdict({}, [{ path: "**", reason: "x" }], [{ ...secret, component: "kafka", path: "a" }]),
    ).toEqual(["compose/secret error"]);
  });

  it("counts what is waived apart", () => {
    const config = readConfigFlags({ waive: ["compose/secret=a demo"] });
    const judged = judge([foreign, secret], { config, deep: true });
    expect(countFindings(judged)).toEqual({ error: 0, warning: 1, note: 0, waived: 1 });
    expect(judged[1]?.waived).toMatchObject({ severity: "error" });
  });

  it("spares waivers of what was not looked for", () => {
    const config = readConfigFlags({ waive: ["programs/foreign=x"] });
    expect(judge([], { config, deep: false })).toEqual([]);
    expect(judge([], { config, deep: true })).toHaveLength(1);
  });
});
