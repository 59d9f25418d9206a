import { type Platform, formatPlatform } from "../core/platform.js";
import { type Handler, qemuHandlerName } from "./binfmt.js";
import { installCommand, repairCommand, repairOf } from "./emulation-repair.js";
import { type EmulationFacts, type Runs, howStepsRun } from "./emulation.js";
import { shellCommand } from "../core/shell-command.js";
import type { DeclaredBuild, Finding, Level } from "./types.js";
import { atLeast } from "./versions.js";

/** QEMU before this crashes in programs of current distributions and of current Go. */
const QEMU_MINIMUM = "6.0.0";

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
            ? "emulated, as the builder says"
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
      return { mend: replaceCommand([runs.handler], facts.binfmtImage) };
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

/**
 * @param used handlers of the platforms asked for.
 * @param binfmtImage the image that installs newer ones.
 */
export function checkQemu(used: readonly Handler[], binfmtImage: string): readonly Finding[] {
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
  const old = used.filter(
    ({ version }) => version !== undefined && atLeast(version, QEMU_MINIMUM) === false,
  );
  return [
    old.length > 0
      ? {
          ...base,
          level: "warn",
          found: `${found}, which crashes in programs of current distributions`,
          expected: "6.0 or newer",
          mend: `Update qemu-user-static, or put newer handlers in the place of these: ${replaceCommand(old, binfmtImage)}`,
        }
      : { ...base, level: "pass", found },
  ];
}

/** A handler's name is taken as long as it is registered. */
function replaceCommand(handlers: readonly Handler[], binfmtImage: string): string {
  const install = shellCommand(
    installCommand(
      binfmtImage,
      handlers.map(({ architecture }) => architecture),
    ),
  );
  const names = shellCommand([handlers.map(({ name }) => name).join(",")]);
  return `${install.replace(/--install .*/, () => `--uninstall ${names}`)} && ${install}`;
}

function describe({ flags, name, version }: Handler): string {
  return `${name} (flags ${flags}${version === undefined ? "" : `, QEMU ${version}`})`;
}
