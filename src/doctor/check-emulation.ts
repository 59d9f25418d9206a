import type { Builder, BuilderNode } from "../builder/types.js";
import { type Platform, formatPlatform, platformMatches } from "../core/platform.js";
import { type Binfmt, type Handler, type Packaged, qemuHandlerName } from "./binfmt.js";
import { isRunning } from "./check-builder.js";
import { shellCommand } from "./shell-command.js";
import type { DeclaredBuild, Finding, Level } from "./types.js";
import { atLeast } from "./versions.js";

export interface EmulationFacts {
  /** Undefined: there is none to ask. */
  readonly builder: Builder | undefined;
  readonly binfmt: Binfmt;
  /** Whether builds run on this machine's kernel, whose handlers `binfmt` are. */
  readonly local: boolean;
  /** Image that installs handlers. */
  readonly binfmtImage: string;
  /** Whether the engine in use is the one that builds run on, and its containers may install handlers. */
  readonly mayInstall: boolean;
  /** Whether this process may change the kernel's settings. */
  readonly root: boolean;
}

/** How steps of a platform would be run. */
export type Runs =
  | { readonly kind: "native"; readonly node: string }
  /** A builder that is running says that it can. */
  | { readonly kind: "listed"; readonly handler?: Handler }
  /** The builder is not running yet, and the kernel is ready. */
  | { readonly kind: "handler"; readonly handler: Handler }
  | { readonly kind: "no"; readonly handler?: Handler; readonly why: string };

/** QEMU before this crashes in programs of current distributions and of current Go. */
const QEMU_MINIMUM = "6.0.0";

/** Architectures under the names that tonistiigi/binfmt installs them by. */
const INSTALLABLE = ["arm64", "arm", "386", "amd64", "ppc64le", "s390x", "riscv64", "loong64"];

export function howStepsRun(platform: Platform, facts: EmulationFacts): Runs {
  const { binfmt, builder, local } = facts;
  const handlers = binfmt.handlers.filter(
    ({ architecture }) => architecture === platform.architecture,
  );
  // The best of several: what is right about one makes up for the others.
  const handler = handlers.toSorted((a, b) => defects(binfmt, a) - defects(binfmt, b))[0];
  const known = handler === undefined || !local ? {} : { handler };
  const running = builder?.nodes.filter(isRunning) ?? [];
  const native = running.find((node) => runsItself(node, platform));
  if (native !== undefined) return { kind: "native", node: native.name };
  const listing = running.filter((node) =>
    node.platforms.some((one) => platformMatches(one, platform)),
  );
  const ready = handler !== undefined && defects(binfmt, handler) === 0;
  if (listing.length > 0 && (ready || !needsHandler(listing, platform, facts))) {
    return { kind: "listed", ...known };
  }
  if (running.length > 0) return { kind: "no", ...known, why: lack(facts, platform, handler) };
  if (local && ready) return { kind: "handler", handler };
  return { kind: "no", ...known, why: lack(facts, platform, handler) };
}

/**
 * Whether a listed platform is run by this kernel's handler and by nothing else. An engine goes on
 * listing what it could once emulate; builders in containers have emulators of their own, and many
 * processors of arm64 run arm.
 */
function needsHandler(
  listing: readonly BuilderNode[],
  { architecture }: Platform,
  { binfmt, builder, local }: EmulationFacts,
): boolean {
  const arm64 = listing.some(({ native }) => native?.architecture === "arm64");
  return (
    local && binfmt.mounted && builder?.driver === "docker" && !(arm64 && architecture === "arm")
  );
}

/** Without QEMU, as strategies are chosen: what it is claimed for, its own, and x86 of 32 bits on 64. */
function runsItself({ claimed, native, platforms }: BuilderNode, platform: Platform): boolean {
  if (claimed.some((one) => platformMatches(one, platform))) return true;
  if (native === undefined) return false;
  return (
    platformMatches(native, platform) ||
    (native.architecture === "amd64" &&
      platform.architecture === "386" &&
      platforms.some((one) => platformMatches(one, platform)))
  );
}

function defects(binfmt: Binfmt, { enabled, flags }: Handler): number {
  return (binfmt.enabled && enabled ? 0 : 2) + (flags.includes("F") ? 0 : 1);
}

/** Why steps of a platform cannot be run. */
function lack(
  { binfmt, builder, local }: EmulationFacts,
  platform: Platform,
  handler: Handler | undefined,
): string {
  const name = formatPlatform(platform);
  if (!local)
    return `no node of the builder ${builder?.name ?? ""} runs ${name}`.replace("  ", " ");
  if (!binfmt.mounted) return "binfmt_misc is not mounted";
  if (handler === undefined) return `binfmt_misc has no handler for ${platform.architecture}`;
  const { flags, interpreter } = handler;
  if (!binfmt.enabled) return "binfmt_misc is switched off";
  if (!handler.enabled) return `the handler ${handler.name} is switched off`;
  if (!flags.includes("F")) {
    return `the handler ${handler.name} has the flags ${flags || "(none)"} and not F, so ${interpreter} would have to be inside of every container`;
  }
  return `the handler ${handler.name} (${flags}) is there, and the builder ${builder?.name ?? ""} does not list ${name}`;
}

/** @param builds those declared for this platform. */
export function checkEmulation(
  platform: Platform,
  builds: readonly DeclaredBuild[],
  facts: EmulationFacts,
): Finding {
  const name = formatPlatform(platform);
  const base = { id: `emulation.${name}`, title: `steps for ${name}` };
  const runs = howStepsRun(platform, facts);
  switch (runs.kind) {
    case "native":
      return { ...base, level: "pass", found: `run natively on the node ${runs.node}` };
    case "listed":
      return {
        ...base,
        level: "pass",
        found:
          runs.handler === undefined
            ? "run by the builder's own emulator"
            : `emulated by ${describe(runs.handler)}`,
      };
    case "handler":
      return { ...base, level: "pass", found: `emulated by ${describe(runs.handler)}` };
    case "no": {
      const { level, who } = weigh(builds);
      const mend = mendEmulation(platform, runs, facts);
      return {
        ...base,
        level,
        found: `cannot be run: ${runs.why}${who}`,
        expected: "a node of that architecture, or a handler that is enabled and has the flag F",
        ...mend,
        ...(level === "note" ? { fixable: false } : {}),
      };
    }
  }
}

/** Only builds with steps on the target's platform suffer. */
function weigh(builds: readonly DeclaredBuild[]): { readonly level: Level; readonly who: string } {
  const running = builds.filter(({ targetRuns }) => targetRuns !== 0);
  const certain = running.filter(({ targetRuns }) => targetRuns !== undefined);
  const names = running.map(({ component }) => component).join(", ");
  if (certain.some(({ needed }) => needed)) return { level: "fail", who: `; needed by ${names}` };
  if (certain.length > 0) return { level: "warn", who: `; needed by ${names}` };
  if (running.length > 0) {
    return { level: "warn", who: `; ${names} may need it: the Dockerfile lies in a source` };
  }
  return {
    level: "note",
    who: builds.length === 0 ? "; no build is declared for it" : "; no build for it needs that",
  };
}

/** What gives a platform that cannot be run its emulation. */
export type Repair =
  /** Handlers brought by an image, through the engine. */
  | { readonly kind: "install"; readonly architecture: string }
  /** A handler that is registered and switched off. */
  | { readonly kind: "enable"; readonly handler: Handler }
  /** A handler that a package brought. */
  | { readonly kind: "register"; readonly packaged: Packaged }
  /** The kernel is ready, the builder has to look again. */
  | { readonly kind: "start"; readonly builder: string };

export function repairOf(
  { architecture }: Platform,
  { handler }: Runs & { readonly kind: "no" },
  { binfmt, builder, local, mayInstall }: EmulationFacts,
): Repair | undefined {
  if (local) {
    if (handler !== undefined && defects(binfmt, handler) === 0) {
      return builder === undefined ? undefined : { kind: "start", builder: builder.name };
    }
    // Its name goes into a command line.
    const plain = handler !== undefined && /^[\w.+-]+$/.test(handler.name);
    if (plain && handler.flags.includes("F") && binfmt.enabled) return { kind: "enable", handler };
    const packaged = binfmt.packaged.find((one) => one.architecture === architecture);
    // A package's own handler is right, unless it is just that which lacks the flag.
    if (packaged !== undefined && handler === undefined && binfmt.mounted) {
      return { kind: "register", packaged };
    }
  }
  // The name is taken, and what somebody has registered is not ours to remove.
  if (handler?.name === qemuHandlerName(architecture)) return undefined;
  return mayInstall && INSTALLABLE.includes(architecture)
    ? { kind: "install", architecture }
    : undefined;
}

/** The command of a repair, without sudo. */
export function repairCommand(repair: Repair, binfmtImage: string): readonly [string, ...string[]] {
  switch (repair.kind) {
    case "install":
      return installCommand(binfmtImage, [repair.architecture]);
    case "enable":
      return ["sh", "-c", `echo 1 > /proc/sys/fs/binfmt_misc/${repair.handler.name}`];
    case "register":
      return repair.packaged.by === "update-binfmts"
        ? ["update-binfmts", "--enable", repair.packaged.name]
        : ["systemctl", "restart", "systemd-binfmt"];
    case "start":
      return ["docker", "buildx", "inspect", "--bootstrap", repair.builder];
  }
}

function mendEmulation(
  platform: Platform,
  runs: Runs & { readonly kind: "no" },
  facts: EmulationFacts,
): Pick<Finding, "mend" | "fixable"> {
  const repair = repairOf(platform, runs, facts);
  if (repair === undefined) {
    const install = installCommand(facts.binfmtImage, [platform.architecture]).join(" ");
    const name = qemuHandlerName(platform.architecture);
    if (facts.local && facts.mayInstall && runs.handler?.name === name) {
      const uninstall = install.replace(/--install .*/, `--uninstall ${name}`);
      return { mend: `${uninstall} && ${install}` };
    }
    return {
      mend: facts.local
        ? "sudo apt-get install qemu-user-static binfmt-support (Debian, Ubuntu), sudo dnf install qemu-user-static (Fedora, openEuler)"
        : `On the machine of the builder's node: ${install}`,
    };
  }
  const needsRoot = repair.kind === "enable" || repair.kind === "register";
  const mend = shellCommand(repairCommand(repair, facts.binfmtImage));
  return {
    mend: needsRoot ? `sudo ${mend}` : mend,
    ...(needsRoot && !facts.root ? {} : { fixable: true }),
  };
}

/** The command that registers handlers; the emulators come with the image. */
export function installCommand(
  image: string,
  architectures: readonly string[],
): readonly [string, ...string[]] {
  return ["docker", "run", "--privileged", "--rm", image, "--install", architectures.join(",")];
}

/** @param used handlers of the platforms asked for. */
export function checkQemu(used: readonly Handler[]): readonly Finding[] {
  const versions = new Map(
    used.flatMap(({ name, version }) => (version === undefined ? [] : [[name, version]])),
  );
  if (used.length === 0) return [];
  const base = { id: "emulation.qemu", title: "QEMU" };
  if (versions.size === 0) {
    return [
      {
        ...base,
        level: "note",
        found: "version unknown: the emulator lies inside of the image that installed it",
      },
    ];
  }
  const found = [...new Set(versions.values())].join(", ");
  const old = [...versions.values()].some((version) => atLeast(version, QEMU_MINIMUM) === false);
  return [
    old
      ? {
          ...base,
          level: "warn",
          found: `${found}, which crashes in programs of current distributions`,
          expected: "6.0 or newer",
          mend: "Update qemu-user-static, or install newer handlers: docker run --privileged --rm tonistiigi/binfmt --install all",
        }
      : { ...base, level: "pass", found },
  ];
}

function describe({ flags, name, version }: Handler): string {
  return `${name} (flags ${flags}${version === undefined ? "" : `, QEMU ${version}`})`;
}
