import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, TEMPLATES } from "./bundle.js";
import { type Host, onHost } from "./host.js";

const LIB = join(TEMPLATES, "lib");

describe("what the checks say", () => {
  const words = readFileSync(join(LIB, "words-check.sh"), "utf8");

  /** Each key with how many values its text takes. */
  function texts(language: "en" | "zh"): ReadonlyMap<string, number> {
    const from = words.indexOf(`words_check_${language}() {`);
    const body = words.slice(from, words.indexOf("\n}\n", from));
    return new Map(
      [...body.matchAll(/^ {8}([a-z0-9_]+)\) printf '(.*)\\n'(.*) ;;$/gm)].map(
        ([, key = "", text = "", values = ""]) => {
          expect([key, values.split('"$').length - 1]).toEqual([key, text.split("%s").length - 1]);
          return [key, text.split("%s").length - 1];
        },
      ),
    );
  }

  it("is there in both languages, with as many values", () => {
    expect(texts("en").size).toBeGreaterThan(100);
    expect(texts("zh")).toEqual(texts("en"));
  });

  it("is said by some rule, and nothing else is, with a mend for all that is not well", () => {
    const used = new Set(["level_pass", "level_warn", "level_fail"]);
    for (const name of readdirSync(LIB)) {
      const text = readFileSync(join(LIB, name), "utf8");
      for (const [, key = ""] of text.matchAll(/ check\.([a-z0-9_]*[a-z0-9])(?![.\w])/g))
        used.add(key);
      for (const [, level, key = ""] of text.matchAll(
        /\bfinding (\S+) \S+ \S+ \d+ ([a-z0-9_]+)/g,
      )) {
        used.add(key);
        if (level !== "pass") used.add(`${key}_mend`);
      }
    }
    expect([...used].sort()).toEqual([...texts("en").keys()].sort());
  });
});

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`findings under ${name}`, () => {
    const on = (body: (host: Host) => Promise<void> | void) => onHost(shell ?? [], body);

    it.concurrent(
      "report every failure, the last of them last, and end with the code of the first",
      on(async (host) => {
        await host.table("ports", [["redis", "16379", "tcp", "Redis", "缓存"]]);
        await host.table("requires", [["-", "memory", "99999999999999", "fail", "all", "全部"]]);
        const { code, stdout, stderr } = host.run("run_checks");
        expect(code).toBe(5);
        expect(stdout).toMatch(/^ok {4}Bundle: all 1 files/);
        expect(stdout).toMatch(
          /FAIL {2}Neither Docker[^\n]*\n {6}-> Install Docker[^\n]*\nFAIL {2}This host has[^\n]*\n {6}-> Give[^\n]*\n$/,
        );
        expect(stderr).toBe(
          "Checks that failed: 2. Nothing was changed on this host. Do what is written below each FAIL above, then run the same command again.\n",
        );
        const json = host.run("JSON=yes", "run_checks");
        expect(json).toMatchObject({ code: 5, stderr: "" });
        expect(JSON.parse(json.stdout)).toMatchObject({
          bundle: "openim 2.3.9",
          platform: "linux/arm64",
          result: "fail",
        });
        const engine = host.run("need_engine");
        expect(engine).toMatchObject({ code: 5, stdout: "" });
        expect(engine.stderr).toContain("Neither Docker nor Podman");
        expect(host.run("SPOKEN=zh", "run_checks").stdout).toContain(
          "失败  未安装 Docker 或 Podman。",
        );
      }),
    );

    it.concurrent(
      "print JSON whatever a finding says",
      on((host) => {
        const hostile = [
          '"quotes" and \\back\\slashes\\',
          "tab\tnew\nline\r\x01\x1b[31m\x7f",
          "中文 é 🚀",
          "%s %d $(id) `id`",
          "",
        ];
        const quoted = hostile.map((text) => `'${text}'`);
        const report = host.check(
          ...quoted.map(
            (text) =>
              `finding warn port ${text.length > 2 ? text : "-"} 0 port_taken 1/tcp a ${text}`,
          ),
          // A process's name is cut after 15 bytes, in the middle of a character too.
          `finding pass port - 0 ports_free "$(printf '\\344\\270\\255\\346\\226 \\377')"`,
        );
        expect(report.findings.map(({ message }) => message)).toEqual([
          ...hostile.map((text) => `Port 1/tcp of a is taken by ${text}.`),
          "Ports: 中\ufffd\ufffd \ufffd free.",
        ]);
      }),
    );
  });
}
