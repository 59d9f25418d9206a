import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { type ProgramOptions, sampleProgram } from "../../../src/sample/elf.js";
import { SAMPLE_PLATFORMS } from "../../../src/sample/machines.js";

const NATIVE: Readonly<Record<string, readonly string[]>> = {
  x64: ["linux/amd64", "linux/386"],
  arm64: ["linux/arm64"],
};
const EMULATORS: Readonly<Record<string, string>> = {
  "linux/amd64": "x86_64",
  "linux/386": "i386",
  "linux/arm64": "aarch64",
  "linux/arm/v7": "arm",
  "linux/arm/v6": "arm",
  "linux/ppc64le": "ppc64le",
  "linux/s390x": "s390x",
  "linux/riscv64": "riscv64",
  "linux/loong64": "loongarch64",
};

/** What runs a program of this platform here: nothing in front, an emulator, or undefined for neither. */
function runner(platform: string): readonly string[] | undefined {
  if (process.platform !== "linux") return undefined;
  if (NATIVE[process.arch]?.includes(platform)) return [];
  for (const dir of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const suffix of ["-static", ""]) {
      const emulator = join(dir, `qemu-${EMULATORS[platform] ?? ""}${suffix}`);
      if (existsSync(emulator))
        return [emulator, ...(platform === "linux/arm/v6" ? ["-cpu", "arm1176"] : [])];
    }
  }
  return undefined;
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "sample-elf-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(platform: string, then: ProgramOptions["then"]): string {
  const file = join(
    dir,
    `${platform.replaceAll("/", "-")}-${typeof then === "string" ? then : "serve"}`,
  );
  const message = `hello from redis on ${platform}\n`;
  writeFileSync(file, sampleProgram({ platform: parsePlatform(platform), message, then }));
  chmodSync(file, 0o755);
  return file;
}

/** Below those that the system gives to whoever asks for any: none of them takes it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** What the server at a port answers, once it listens. */
async function ask(port: number): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      expect(answer.status).toBe(200);
      return await answer.text();
    } catch (error) {
      if (tries === 5000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe.each(SAMPLE_PLATFORMS)("a sample program for %s", (platform) => {
  const command = runner(platform);

  it.skipIf(command === undefined)("says hello and exits with 0", () => {
    const [program, ...args] = [...(command ?? []), write(platform, "exit")];
    expect(execFileSync(program, args, { encoding: "utf8" })).toBe(
      `hello from redis on ${platform}\n`,
    );
  });

  it.skipIf(command === undefined)(
    "as a service says hello and stays until it is killed",
    async () => {
      const [program, ...args] = [...(command ?? []), write(platform, "wait")];
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
      const [hello] = (await once(child.stdout, "data")) as [Buffer];
      expect(hello.toString()).toBe(`hello from redis on ${platform}\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(child.exitCode).toBeNull();
      child.kill("SIGTERM");
      const [, signal] = (await once(child, "exit")) as [number | null, string | null];
      expect(signal).toBe("SIGTERM");
    },
  );

  it.skipIf(command === undefined)(
    "as a web server answers one request after the other",
    async () => {
      const port = await freePort();
      const file = write(platform, { port, answer: "healthy 数\n" });
      const [program, ...args] = [...(command ?? []), file];
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
      try {
        const [hello] = (await once(child.stdout, "data")) as [Buffer];
        expect(hello.toString()).toBe(`hello from redis on ${platform}\n`);
        for (let round = 0; round < 5; round += 1) expect(await ask(port)).toBe("healthy 数\n");
        expect(await Promise.all([ask(port), ask(port), ask(port)])).toHaveLength(3);
        // An address that is still in use by closed connections does not keep another one from starting.
        child.kill("SIGKILL");
        await once(child, "exit");
        const next = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
        await once(next.stdout, "data");
        expect(await ask(port)).toBe("healthy 数\n");
        next.kill("SIGKILL");
      } finally {
        child.kill("SIGKILL");
      }
    },
  );
});

it.each([
  ["linux/amd64", 2, "LE", 62, 0],
  ["linux/386", 1, "LE", 3, 0],
  ["linux/arm64", 2, "LE", 183, 0],
  ["linux/arm/v7", 1, "LE", 40, 0x05000400],
  ["linux/ppc64le", 2, "LE", 21, 2],
  ["linux/s390x", 2, "BE", 22, 0],
  ["linux/riscv64", 2, "LE", 243, 4],
  ["linux/loong64", 2, "LE", 258, 0x43],
] as const)(
  "the ELF header for %s has the right class, byte order, machine and flags",
  (name, bits, order, code, flags) => {
    const elf = sampleProgram({ platform: parsePlatform(name), message: "hello\n", then: "exit" });
    const flagsAt = bits === 2 ? 48 : 36;
    expect(elf.subarray(0, 4)).toEqual(Buffer.from("\x7fELF", "latin1"));
    expect(elf[4]).toBe(bits);
    expect(elf[5]).toBe(order === "LE" ? 1 : 2);
    expect(order === "LE" ? elf.readUInt16LE(18) : elf.readUInt16BE(18)).toBe(code);
    expect(order === "LE" ? elf.readUInt32LE(flagsAt) : elf.readUInt32BE(flagsAt)).toBe(flags);
  },
);

it("refuses a platform that no sample machine exists for", () => {
  expect(() =>
    sampleProgram({
      platform: { os: "linux", architecture: "mips64le" },
      message: "",
      then: "exit",
    }),
  ).toThrow(/no sample program for linux\/mips64le/);
});
