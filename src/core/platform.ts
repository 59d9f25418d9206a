import { BundlerError } from "./errors.js";

/** An OCI platform (image-spec, image-index.md). `variant` is absent where the architecture has one form only. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Architectures that container images exist for and that a bundle may target. */
export const SUPPORTED_PLATFORMS = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
  "linux/386",
  "linux/ppc64le",
  "linux/s390x",
  "linux/riscv64",
  "linux/loong64",
] as const;

/** Other spellings in use: Docker official images' folders, `uname -m`, Debian and Go. */
const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  amd64: ["amd64"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  x64: ["amd64"],
  arm64: ["arm64"],
  aarch64: ["arm64"],
  arm64v8: ["arm64"],
  armv8: ["arm64"],
  arm: ["arm", "v7"],
  armhf: ["arm", "v7"],
  armv7: ["arm", "v7"],
  armv7l: ["arm", "v7"],
  arm32v7: ["arm", "v7"],
  armel: ["arm", "v6"],
  armv6: ["arm", "v6"],
  armv6l: ["arm", "v6"],
  arm32v6: ["arm", "v6"],
  arm32v5: ["arm", "v5"],
  386: ["386"],
  i386: ["386"],
  i686: ["386"],
  x86: ["386"],
  ppc64le: ["ppc64le"],
  ppc64el: ["ppc64le"],
  s390x: ["s390x"],
  riscv64: ["riscv64"],
  loong64: ["loong64"],
  loongarch64: ["loong64"],
};

/**
 * Reads `linux/arm64`, `linux/arm/v7`, `arm64v8`, `aarch64` … into the normal form.
 * @throws BundlerError USAGE when it is none of these.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.trim().toLowerCase().split("/");
  const [os, name, variant] = parts.length === 1 ? ["linux", parts[0]] : parts;
  const known = name === undefined ? undefined : ALIASES[name];
  if (!os || !known || parts.length > 3 || (variant !== undefined && !/^v\d+$/.test(variant))) {
    throw new BundlerError("USAGE", `Unknown platform ${JSON.stringify(text)}.`, {
      hint: `Use one of ${SUPPORTED_PLATFORMS.join(", ")}.`,
    });
  }
  const named = variant ?? known[1];
  return normalizePlatform({ os, architecture: known[0], ...(named ? { variant: named } : {}) });
}

/**
 * The form containerd compares by (containerd/platforms, `Normalize`): arm64 loses its v8,
 * arm without a variant is v7, amd64 loses v1; `aarch64` and `x86_64` get their OCI names.
 */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const named = platform.architecture.toLowerCase();
  const alias = ALIASES[named];
  const architecture = alias?.[0] ?? named;
  let variant = platform.variant?.toLowerCase().replace(/^(\d)/, "v$1");
  if (variant === undefined || variant === "") variant = alias?.[1];
  if (architecture === "arm64" && variant === "v8") variant = undefined;
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join(
    "/",
  );
}

/** `linux-arm-v7`, for file names. */
export function platformSlug(platform: Platform): string {
  return formatPlatform(platform).replaceAll("/", "-");
}

/**
 * How well an image for `offered` runs on a `target` host: 0 is exact, higher is a poorer match,
 * undefined is "does not run". An arm/v7 host runs v6 and v5 images, an amd64/v3 host runs v2 and
 * plain ones, never the other way round (containerd/platforms, `Only`).
 */
export function platformDistance(target: Platform, offered: Platform): number | undefined {
  const want = normalizePlatform(target);
  const have = normalizePlatform(offered);
  if (want.os !== have.os || want.architecture !== have.architecture) return undefined;
  const level = (platform: Platform): number => {
    const base = { arm64: 8, amd64: 1 }[platform.architecture] ?? 0;
    return platform.variant === undefined
      ? base
      : Number(/^v(\d+)/.exec(platform.variant)?.[1] ?? Number.NaN);
  };
  const distance = level(want) - level(have);
  if (Number.isNaN(distance)) return want.variant === have.variant ? 0 : undefined;
  return distance >= 0 ? distance : undefined;
}

export function platformMatches(target: Platform, offered: Platform): boolean {
  return platformDistance(target, offered) !== undefined;
}
