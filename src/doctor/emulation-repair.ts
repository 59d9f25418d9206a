import type { Platform } from "../core/platform.js";
import { type Packaged, qemuHandlerName } from "./binfmt.js";
import { type EmulationFacts, type Runs, defects } from "./emulation.js";

/** Architectures under the names that tonistiigi/binfmt installs them by. */
const INSTALLABLE = ["arm64", "arm", "386", "amd64", "ppc64le", "s390x", "riscv64", "loong64"];

/** What gives a platform that cannot be run its emulation. */
export type Repair =
  /** Handlers brought by an image, through the engine. */
  | { readonly kind: "install"; readonly architecture: string }
  /** A handler that is registered and switched off, or `status`: all of them. */
  | { readonly kind: "enable"; readonly name: string }
  /** A handler that a package brought. */
  | { readonly kind: "register"; readonly packaged: Packaged }
  /** The kernel is ready, the builder has to look again. */
  | { readonly kind: "start"; readonly builder: string };

/** Undefined where nothing safe can be done from here. */
export function repairOf(
  { architecture }: Platform,
  { handler }: Runs & { readonly kind: "no" },
  { binfmt, builder, local, mayInstall }: EmulationFacts,
): Repair | undefined {
  if (local) {
    if (handler !== undefined && defects(binfmt, handler) === 0) {
      return builder === undefined ? undefined : { kind: "start", builder: builder.name };
    }
    if (binfmt.mounted && !binfmt.enabled) return { kind: "enable", name: "status" };
    if (handler?.flags.includes("F") === true && /^[\w.+-]+$/.test(handler.name)) {
      return { kind: "enable", name: handler.name };
    }
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
      return ["sh", "-c", `echo 1 > /proc/sys/fs/binfmt_misc/${repair.name}`];
    case "register":
      return repair.packaged.by === "update-binfmts"
        ? ["update-binfmts", "--enable", repair.packaged.name]
        : ["systemctl", "restart", "systemd-binfmt"];
    case "start":
      return ["docker", "buildx", "inspect", "--bootstrap", repair.builder];
  }
}

/** The command that registers handlers; the emulators come with the image. */
export function installCommand(
  image: string,
  architectures: readonly string[],
): readonly [string, ...string[]] {
  return ["docker", "run", "--privileged", "--rm", image, "--install", architectures.join(",")];
}
