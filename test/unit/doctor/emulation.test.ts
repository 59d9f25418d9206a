import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Builder, BuilderNode } from "../../../src/builder/types.js";
import { parsePlatform } from "../../../src/core/platform.js";
import {
  type Binfmt,
  parseHandler,
  parseQemuVersion,
  qemuVersion,
  readBinfmt,
} from "../../../src/doctor/binfmt.js";
import { checkEmulation, checkQemu } from "../../../src/doctor/check-emulation.js";
import { repairOf } from "../../../src/doctor/emulation-repair.js";
import { type EmulationFacts, howStepsRun } from "../../../src/doctor/emulation.js";
import type { DeclaredBuild } from "../../../src/doctor/types.js";
import { HANDLERS } from "./recorded.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-doctor-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const handler = (name: string, text: string) => parseHandler(name, text)!;

const node = (platforms: string[], more: Partial<BuilderNode> = {}): BuilderNode => ({
  name: "here",
  endpoint: "default",
  status: "running",
  platforms: platforms.map(parsePlatform),
  claimed: [],
  native: parsePlatform("amd64"),
  ...more,
});

const builder = (nodes: BuilderNode[], driver = "docker-container"): Builder => ({
  ...{ name: "mine", driver, nodes, takesLayouts: true },
});

const nothing: Binfmt = { mounted: true, enabled: true, handlers: [], packaged: [] };

const facts = (more: Partial<EmulationFacts> = {}): EmulationFacts => ({
  builder: builder([node(["linux/amd64", "linux/386"])]),
  binfmt: nothing,
  local: true,
  binfmtImage: "tonistiigi/binfmt",
  mayInstall: true,
  root: true,
  ...more,
});

const build = (more: Partial<DeclaredBuild> = {}): DeclaredBuild => ({
  ...{ component: "app", platform: "linux/s390x", needed: true, targetRuns: 2, java: false },
  ...more,
});

const s390x = parsePlatform("s390x");
const check = (options: Partial<EmulationFacts>, builds = [build()], platform = s390x) =>
  checkEmulation(platform, builds, facts(options));

describe("a handler of binfmt_misc", () => {
  it("is known by the ELF header that it waits for, whatever its name", () => {
    expect(handler("openim-lab-7", HANDLERS.debian)).toEqual({
      name: "openim-lab-7",
      architecture: "arm64",
      enabled: true,
      interpreter: "/usr/libexec/qemu-binfmt/aarch64-binfmt-P",
      flags: "POCF",
    });
    expect(handler("qemu-arm", HANDLERS.arm).architecture).toBe("arm");
    expect(handler("qemu-s390x", HANDLERS.withoutF)).toMatchObject({
      architecture: "s390x",
      flags: "",
    });
    expect(handler("qemu-ppc64le", HANDLERS.off)).toMatchObject({
      architecture: "ppc64le",
      enabled: false,
    });
  });

  it("of a script language is none", () => {
    expect(parseHandler("python3.11", HANDLERS.python)).toBeUndefined();
    expect(
      parseHandler("jar", "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n"),
    ).toBeUndefined();
  });

  it("is read without falling over, whatever the file says", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ unit: fc.integer({ min: 0, max: 15 }).map((digit) => digit.toString(16)) }),
        (text, magic) => {
          parseHandler("x", text);
          parseHandler("x", `enabled\ninterpreter /x\nflags: F\noffset 0\nmagic ${magic}\n`);
          parseHandler("x", `interpreter\nmagic 7f454c46${magic}`);
        },
      ),
    );
  });

  it("is found in the kernel's folder, with what packages have brought beside it", async () => {
    const folders = {
      kernel: path.join(dir, "kernel"),
      debian: path.join(dir, "binfmts"),
      systemd: [path.join(dir, "nowhere"), path.join(dir, "binfmt.d")],
    };
    await mkdir(folders.kernel);
    await mkdir(folders.debian);
    await mkdir(path.join(dir, "binfmt.d"));
    const write = (name: string, text: string) => writeFile(path.join(folders.kernel, name), text);
    expect(await readBinfmt(folders)).toMatchObject({ mounted: false, handlers: [] });
    await write("status", "enabled\n");
    await write("register", "");
    await write("qemu-aarch64", HANDLERS.debian);
    await write("python3.11", HANDLERS.python);
    await writeFile(path.join(folders.debian, "qemu-ppc64le"), "");
    await writeFile(path.join(dir, "binfmt.d", "qemu-riscv64-static.conf"), "");
    await writeFile(path.join(dir, "binfmt.d", "wine.conf"), "");
    expect(await readBinfmt(folders)).toEqual({
      mounted: true,
      enabled: true,
      handlers: [handler("qemu-aarch64", HANDLERS.debian)],
      packaged: [
        { architecture: "ppc64le", name: "qemu-ppc64le", by: "update-binfmts" },
        { architecture: "riscv64", name: "qemu-riscv64", by: "systemd-binfmt" },
      ],
    });
  });
});

describe("QEMU", () => {
  const limits = { env: process.env, limitMs: 60_000, signal: new AbortController().signal };

  it("is asked under its own name, behind the links that packages register", async () => {
    const program = path.join(dir, "qemu-aarch64-static");
    await writeFile(
      program,
      '#!/bin/sh\n[ "$1" = --version ] && echo "qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)"\n',
    );
    await chmod(program, 0o755);
    await symlink(program, path.join(dir, "aarch64-binfmt-P"));
    expect(await qemuVersion(path.join(dir, "aarch64-binfmt-P"), limits)).toBe("7.2.22");
  });

  it("is asked for nothing when it is not here, and nothing else is run in its place", async () => {
    const other = path.join(dir, "rosetta");
    await writeFile(other, `#!/bin/sh\ntouch ${path.join(dir, "ran")}\necho version 9.9\n`);
    await chmod(other, 0o755);
    expect(await qemuVersion(other, limits)).toBeUndefined();
    expect(await qemuVersion("/nowhere/qemu-arm", limits)).toBeUndefined();
    await expect(
      readBinfmt({ kernel: path.join(dir, "ran"), debian: "", systemd: [] }),
    ).resolves.toMatchObject({ mounted: false });
  });

  it("tells its version in the same way since long", () => {
    expect(parseQemuVersion("qemu-arm version 2.11.1(Debian 1:2.11)")).toBe("2.11.1");
    expect(parseQemuVersion("nothing")).toBeUndefined();
  });

  it("that is old is warned of; one inside of an image is not known", () => {
    const known = { ...handler("qemu-arm", HANDLERS.arm), version: "4.2.1" };
    const image = "mirror.example/binfmt";
    expect(checkQemu([known], image)).toMatchObject([
      {
        level: "warn",
        found: expect.stringMatching(/^4\.2\.1/) as string,
        // What is registered keeps its name from newer ones.
        mend: expect.stringContaining(
          "docker run --privileged --rm mirror.example/binfmt --uninstall qemu-arm && docker run --privileged --rm mirror.example/binfmt --install arm",
        ) as string,
      },
    ]);
    expect(checkQemu([{ ...known, version: "7.2.22" }], image)).toMatchObject([{ level: "pass" }]);
    expect(checkQemu([handler("qemu-arm", HANDLERS.arm)], image)).toMatchObject([
      { level: "note" },
    ]);
    expect(checkQemu([], image)).toEqual([]);
  });
});

describe("steps for a platform", () => {
  it("run natively on the builder's own processor, and x86 of 32 bits on 64", () => {
    expect(howStepsRun(parsePlatform("amd64"), facts()).kind).toBe("native");
    expect(howStepsRun(parsePlatform("386"), facts()).kind).toBe("native");
  });

  it("run natively on a node that is claimed to be of that architecture", () => {
    const far = node(["linux/arm64"], {
      name: "far",
      endpoint: "ssh://a@b",
      native: parsePlatform("arm64"),
    });
    const two = builder([node(["linux/amd64"]), far]);
    expect(howStepsRun(parsePlatform("arm64"), facts({ builder: two }))).toEqual({
      ...{ kind: "native", node: "far" },
    });
  });

  it("are emulated where the builder lists the platform", () => {
    const both = builder([node(["linux/amd64", "linux/arm64"])]);
    const binfmt = { ...nothing, handlers: [handler("qemu-aarch64", HANDLERS.debian)] };
    const found = check({ builder: both, binfmt }, [build()], parsePlatform("arm64"));
    expect(found).toMatchObject({ level: "pass", found: "emulated by qemu-aarch64 (flags POCF)" });
    // A builder in a container has emulators of its own.
    expect(check({ builder: both }, [build()], parsePlatform("arm64")).level).toBe("pass");
  });

  it("are not emulated by an engine that only remembers a handler", () => {
    const engine = builder([node(["linux/amd64", "linux/s390x"])], "docker");
    expect(check({ builder: engine })).toMatchObject({ level: "fail", fixable: true });
    // Of another kernel nothing is known here.
    expect(check({ builder: engine, local: false }).level).toBe("pass");
    const arm = builder(
      [node(["linux/arm64", "linux/arm/v7"], { native: parsePlatform("arm64") })],
      "docker",
    );
    expect(check({ builder: arm }, [build()], parsePlatform("arm")).level).toBe("pass");
  });

  it("wait for the kernel's handler alone while the builder has not started", () => {
    const asleep = builder([node([], { status: "inactive" })]);
    const binfmt = { ...nothing, handlers: [handler("x", HANDLERS.debian)] };
    expect(check({ builder: asleep, binfmt }, [build()], parsePlatform("arm64")).level).toBe(
      "pass",
    );
    expect(check({ builder: asleep }, [build()], parsePlatform("arm64")).level).toBe("fail");
  });
});

describe("what is missing for emulation", () => {
  it.each([
    ["fail", [build()], /needed by app$/],
    ["warn", [build({ needed: false })], /needed by app$/],
    [
      "warn",
      [{ component: "app", platform: "linux/s390x", needed: true, java: false }],
      /lies in a source/,
    ],
    ["note", [build({ targetRuns: 0 })], /no build for it needs that$/],
    ["note", [], /no build is declared for it$/],
  ] as const)("is a %s for builds like %j", (level, builds, found) => {
    const finding = checkEmulation(s390x, builds, facts());
    expect(finding.level).toBe(level);
    expect(finding.found).toMatch(found);
    expect(finding.fixable).toBe(level !== "note");
  });

  it("is installed by the image, under the name that a mirror gives it", () => {
    expect(check({ binfmtImage: "mirror.example/binfmt:1" })).toMatchObject({
      found: "cannot be run: binfmt_misc has no handler for s390x; needed by app",
      mend: "docker run --privileged --rm mirror.example/binfmt:1 --install s390x",
      fixable: true,
    });
  });

  it("is the flag F, when only that lacks", () => {
    const binfmt = { ...nothing, handlers: [handler("odd", HANDLERS.withoutF)] };
    const finding = check({ binfmt });
    expect(finding.found).toContain("the handler odd has the flags (none) and not F");
    expect(finding.mend).toBe("docker run --privileged --rm tonistiigi/binfmt --install s390x");
    // Under the name that everybody uses, the other has to go first, and that is not for us to do.
    const taken = check({
      binfmt: { ...nothing, handlers: [handler("qemu-s390x", HANDLERS.withoutF)] },
    });
    expect(taken.mend).toContain("--uninstall qemu-s390x && docker run");
    expect(taken.fixable).toBeUndefined();
  });

  it("is switched on where it is switched off, by root alone", () => {
    const off = handler("qemu-ppc64le", HANDLERS.off);
    const ppc = parsePlatform("ppc64le");
    const binfmt = { ...nothing, handlers: [off] };
    expect(check({ binfmt }, [build()], ppc)).toMatchObject({
      mend: "sudo sh -c 'echo 1 > /proc/sys/fs/binfmt_misc/qemu-ppc64le'",
      fixable: true,
    });
    expect(check({ binfmt: { ...binfmt, enabled: false } }, [build()], ppc)).toMatchObject({
      mend: "sudo sh -c 'echo 1 > /proc/sys/fs/binfmt_misc/status'",
      found: expect.stringContaining("binfmt_misc is switched off") as string,
    });
    expect(check({ binfmt, root: false }, [build()], ppc).fixable).toBeUndefined();
    const evil = { ...off, name: "x; reboot" };
    const runs = { kind: "no", handler: evil, why: "" } as const;
    expect(repairOf(ppc, runs, facts({ binfmt: { ...nothing, handlers: [evil] } }))?.kind).toBe(
      "install",
    );
  });

  it("is registered by the package that brought it", () => {
    const packaged = (by: "update-binfmts" | "systemd-binfmt") =>
      check({
        binfmt: { ...nothing, packaged: [{ architecture: "s390x", name: "qemu-s390x", by }] },
      }).mend;
    expect(packaged("update-binfmts")).toBe("sudo update-binfmts --enable qemu-s390x");
    expect(packaged("systemd-binfmt")).toBe("sudo systemctl restart systemd-binfmt");
  });

  it("is a new look of the builder, when the kernel is ready", () => {
    const ready = handler("odd", HANDLERS.withoutF.replace("flags: ", "flags: F"));
    expect(check({ binfmt: { ...nothing, handlers: [ready] } })).toMatchObject({
      mend: "docker buildx inspect --bootstrap mine",
      fixable: true,
    });
  });

  it("is told to whoever owns the other machine, or is root", () => {
    const far = builder([node(["linux/amd64"], { endpoint: "ssh://a@b" })], "remote");
    const elsewhere = check({ builder: far, local: false, mayInstall: false });
    expect(elsewhere.mend).toMatch(/^On the machine of the builder's node: docker run/);
    const rootless = check({ mayInstall: false });
    expect(rootless.mend).toContain("sudo apt-get install qemu-user-static");
    expect([elsewhere.fixable, rootless.fixable]).toEqual([undefined, undefined]);
  });
});
