import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A Go program that answers each line on its standard input with one line of JSON. */
export interface GoProgram {
  /** All answers, in order. */
  ask(lines: Iterable<string>): Promise<unknown[]>;
  remove(): void;
}

/** Compiles the one file of a program, which uses Go's own packages alone. */
export function compileGo(file: string): GoProgram {
  const folder = mkdtempSync(join(tmpdir(), "differential-"));
  const program = join(folder, "program");
  execFileSync("go", ["build", "-o", program, file], {
    env: { ...process.env, GO111MODULE: "off", GOFLAGS: "", CGO_ENABLED: "0" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return {
    ask: async (lines) => {
      const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
      const answers: unknown[] = [];
      const reading = (async () => {
        for await (const line of createInterface({ input: child.stdout })) {
          answers.push(JSON.parse(line));
        }
      })();
      await pipeline(
        Readable.from(lines).map((line: string) => `${line}\n`),
        child.stdin,
      );
      await reading;
      return answers;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
