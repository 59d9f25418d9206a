import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SHELLS, TEMPLATES } from "./bundle.js";

const LIB = join(TEMPLATES, "lib");
const SCRIPTS = [join(TEMPLATES, "install.sh"), ...readdirSync(LIB).map((name) => join(LIB, name))];
const TOPICS = readdirSync(LIB).flatMap((name) => /^words-(\w+)\.sh$/.exec(name)?.[1] ?? []);

/** The message keys of a language, each with how many values its text takes. */
function texts(language: "en" | "zh"): ReadonlyMap<string, number> {
  return new Map(
    TOPICS.flatMap((topic) => {
      const words = readFileSync(join(LIB, `words-${topic}.sh`), "utf8");
      const from = words.indexOf(`words_${topic}_${language}() {`);
      const body = words.slice(from, words.indexOf("\n}\n", from));
      return [...body.matchAll(/^ {8}([a-z0-9_]+)\)\s+(?:printf (?:-- )?'(.*?)'|cat)/gm)].map(
        ([, key, text]): [string, number] => [
          topic === "main" ? (key ?? "") : `${topic}.${key ?? ""}`,
          [...(text ?? "").matchAll(/%-?\d*s/g)].length,
        ],
      );
    }),
  );
}

describe("the site's scripts", () => {
  it("are all read by the linter, through install.sh, and make no exception", () => {
    for (const script of SCRIPTS) {
      expect(readFileSync(script, "utf8")).not.toContain("shellcheck disable");
    }
    const main = readFileSync(join(TEMPLATES, "install.sh"), "utf8");
    for (const name of readdirSync(LIB)) expect(main).toContain(`. "$ROOT/lib/${name}"`);
  });

  it("say everything in both languages, with the same values in the same places", () => {
    const english = texts("en");
    expect(english.size).toBeGreaterThan(50);
    expect(texts("zh")).toEqual(english);
  });

  it("use every message that exists, and none that does not", () => {
    const used = new Set<string>();
    for (const script of SCRIPTS) {
      const text = readFileSync(script, "utf8").replace(/^ *#.*$/gm, "");
      const calls =
        /(?:^|[|&;({]|\bthen|\belse|\bdo)\s*(?:say|message|not_ready|fail \d+|ask_yes|fail "\$\(findings_code\)") ((?:[a-z]+\.)?[a-z_]+)/gm;
      for (const [, key] of text.matchAll(calls)) used.add(key ?? "");
      // A finding's key, and how it is mended.
      const findings = /\bfinding (pass|warn|fail) [a-z0-9_-]+ \S+ \S+ ([a-z0-9_]+)/g;
      for (const [, level, key] of text.matchAll(findings)) {
        used.add(`check.${key ?? ""}`);
        if (level !== "pass") used.add(`check.${key ?? ""}_mend`);
      }
    }
    const known = [...texts("en").keys()];
    expect([...used].filter((key) => !known.includes(key))).toEqual([]);
    // Some names are put together from the command, the state, the level; a finding's mend is found by it.
    const composed = /^(?:help_[a-z]+|state_[a-z]+|check\.level_[a-z]+|check\.requires_[a-z_]+)$/;
    const words = new Set(
      SCRIPTS.filter((script) => !script.includes("/words-"))
        .map((script) => readFileSync(script, "utf8").replace(/^ *#.*$/gm, ""))
        .join("\n")
        .match(/[a-z0-9_]+/g),
    );
    const spoken = (key: string): boolean =>
      words.has(key.replace(/^[a-z]+\./, "").replace(/_mend$/, ""));
    expect(known.filter((key) => !spoken(key) && !composed.test(key))).toEqual([]);
  });
});

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`functions of the scripts under ${name}`, () => {
    let dir: string;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "site-functions-"));
    });

    afterAll(async () => rm(dir, { recursive: true, force: true }));

    /** Runs commands with all the functions loaded; one line of output a command. */
    function run(commands: readonly string[]): readonly string[] {
      const libs = [
        ...["messages", "words-main", "words-check", "session", "bundle", "home", "host"],
        ...["engine", "images", "settings"],
      ];
      const script = [
        "set -eu",
        ...libs.map((lib) => `. "${LIB}/${lib}.sh"`),
        ...commands.map(
          (command) => `if out=$(${command}); then echo "yes $out"; else echo no; fi`,
        ),
      ].join("\n");
      const [program = "", ...args] = shell ?? [];
      const result = spawnSync(program, [...args, "-c", script], {
        encoding: "utf8",
        // With a socket for standard input bash takes itself for a remote login.
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: `${dir}:${process.env["PATH"] ?? ""}` },
      });
      expect(result.stderr).toBe("");
      return result.stdout.trimEnd().split("\n");
    }

    it("knows which values fit which type", () => {
      const cases: readonly (readonly [type: string, value: string, fits: boolean])[] = [
        ["port", "1", true],
        ["port", "65535", true],
        ["port", "0", false],
        ["port", "65536", false],
        ["port", "08", true],
        ["port", "", false],
        ["port", "1 ", false],
        ["integer", "-12", true],
        ["integer", "-", false],
        ["integer", "1.5", false],
        ["boolean", "true", true],
        ["boolean", "yes", false],
        ["path", "/srv/open-im_1", true],
        ["path", "srv", false],
        ["path", "/srv/../etc", false],
        ["path", "/srv/..", false],
        ["path", "/a:b", false],
        ["path", "/a b", false],
        ["host", "10.0.0.5", true],
        ["host", "fe80::1", true],
        ["host", "im.example.cn", true],
        ["host", "a_b/c", false],
        ["string", "", true],
        ["string", "two words", true],
        ["string", "中文", true],
        ["string", "a'b", false],
        ["string", 'a"b', false],
        ["string", "a\\b", false],
        ["string", "a$b", false],
        ["string", "a`b", false],
        ["string", "a#b", false],
        ["string", "a\tb", false],
        ["string", " a", false],
        ["secret", "", false],
        ["secret", "a-b.c", true],
        ["secret", "a b", false],
      ];
      const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
      const out = run(cases.map(([type, value]) => `value_fits ${type} ${quote(value)}`));
      expect(
        out.map((line, at) => [...(cases[at] ?? []).slice(0, 2), line.startsWith("yes")]),
      ).toEqual(cases);
    });

    it("compares versions as numbers", () => {
      expect(
        run([
          "version_at_least 18.09.0 18.9",
          "version_at_least 18.06.3-ce 18.9",
          "version_at_least 20.10.24+dfsg1 18.9",
          "version_at_least v2.26.1-4 1.28",
          "version_at_least 1.29.2 1.28",
          "version_at_least 1.8.0 1.28",
          "version_at_least dev 1.28",
        ]).map((line) => line.trim()),
      ).toEqual(["yes", "no", "yes", "yes", "yes", "no", "no"]);
    });

    it("makes secrets of letters and digits, of the length asked for, none twice", () => {
      const out = run(["new_secret 1", "new_secret 32", "new_secret 32", "new_secret 128"]);
      for (const line of out) expect(line).toMatch(/^yes [A-Za-z0-9]+$/);
      expect(out.map((line) => line.length - "yes ".length)).toEqual([1, 32, 32, 128]);
      expect(out[1]).not.toBe(out[2]);
    });

    it("lets an older arm image run on a newer arm, and nothing else", () => {
      expect(
        run([
          "runs linux/arm64 linux/arm64",
          "runs linux/arm/v7 linux/arm/v6",
          "runs linux/arm/v6 linux/arm/v7",
          "runs linux/arm64 linux/arm/v7",
          "runs linux/amd64 linux/386",
        ]).map((line) => line.trim()),
      ).toEqual(["yes", "yes", "no", "no", "no"]);
    });

    it("says sizes in binary units", () => {
      expect(
        run(["human_size 0", "human_size 1023", "human_size 1536", "human_size 10737418240"]),
      ).toEqual(["yes 0 B", "yes 1023 B", "yes 1.5 KiB", "yes 10.0 GiB"]);
    });

    // busybox answers to uname itself, so the host cannot be changed for it.
    it.skipIf(name === "busybox ash")("names the platform of a host as images do", async () => {
      const here = async (machine: string): Promise<string | undefined> => {
        await writeFile(join(dir, "uname"), `#!/bin/sh\necho ${machine}\n`);
        await chmod(join(dir, "uname"), 0o755);
        return run(["host_platform"])[0];
      };
      const is32 = readFileSync("/bin/sh")[4] === 1;
      expect(await here("armv7l")).toBe("yes linux/arm/v7");
      expect(await here("armv6l")).toBe("yes linux/arm/v6");
      expect(await here("loongarch64")).toBe("yes linux/loong64");
      expect(await here("riscv64")).toBe("yes linux/riscv64");
      expect(await here("i686")).toBe(`yes ${is32 ? "linux/386" : "linux/amd64"}`);
      // A 32-bit system on a 64-bit kernel is a 32-bit host.
      expect(await here("aarch64")).toBe(`yes ${is32 ? "linux/arm/v7" : "linux/arm64"}`);
      expect(await here("x86_64")).toBe(`yes ${is32 ? "linux/386" : "linux/amd64"}`);
    });
  });
}
