import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BundlerError } from "../core/errors.js";
import {
  type Platform,
  SUPPORTED_PLATFORMS,
  formatPlatform,
  parsePlatform,
} from "../core/platform.js";
import type { BuildChoices, SelectionOptions } from "../jobs/selection.js";
import { STRATEGIES, type Strategy } from "../plan/build-types.js";

/** Flags of every command that asks registries. */
export const networkFlags = {
  mirror: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "REGISTRY=URL",
    summary:
      "Ask this mirror first, e.g. docker.io=https://mirror.example; repeat it for more, tried in order.",
  }),
  insecure: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "HOST[:PORT]",
    summary: "Allow plain HTTP or an unknown certificate for this registry host.",
  }),
  ca: Flags.file({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "FILE",
    summary: "Trust the certificate authorities of this PEM file, beside the usual ones.",
  }),
  concurrency: Flags.integer({
    default: 6,
    min: 1,
    max: 64,
    helpValue: "N",
    summary: "Blobs fetched at a time from one host.",
  }),
  store: Flags.directory({
    helpValue: "DIR",
    env: "OPENIM_BUNDLER_STORE",
    summary: "Where fetched blobs are kept between runs; by default the user's cache folder.",
  }),
};

/** Which bundle definition. */
export const bundleArg = Args.string({
  description:
    "A shipped definition (openim-2.3.9, openim@2.3.9, openim) or a folder. [default: openim, the newest]",
});

/** Flags that say what goes into a bundle. */
export const selectionFlags = {
  platform: Flags.string({
    char: "p",
    multiple: true,
    multipleNonGreedy: true,
    required: true,
    helpValue: "OS/ARCH",
    summary: `Target platform, e.g. linux/arm64; repeat it for one archive each.`,
    description: `Known platforms: ${SUPPORTED_PLATFORMS.join(", ")}. Spellings such as aarch64, arm64v8 and x86_64 are understood.`,
  }),
  only: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ",",
    helpValue: "A,B",
    summary: "Take only these components.",
  }),
  without: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ",",
    helpValue: "A,B",
    summary: "Leave these components out.",
  }),
  "with-engine": Flags.boolean({
    summary: "Carry the definition's engine (Docker and Compose) for a site that has none.",
  }),
  archive: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "COMPONENT=FILE",
    summary:
      "Take a component's image from this image archive (docker save, OCI archive) instead of a registry.",
  }),
  "archive-image": Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "COMPONENT=NAME",
    summary: "Of an archive with several images, take the one of this name.",
  }),
};

/** Flags of the commands that may build images. */
export const buildFlags = {
  build: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ",",
    helpValue: "A,B",
    helpGroup: "BUILD",
    summary: "Build these components even where a registry has their image.",
  }),
  builder: Flags.string({
    helpValue: "NAME",
    helpGroup: "BUILD",
    summary:
      "Build with this builder of docker buildx. [default: BUILDX_BUILDER, openim-bundler, the current one]",
  }),
  strategy: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "COMPONENT=WAY",
    helpGroup: "BUILD",
    summary: `How a component is built: ${STRATEGIES.join(", ")}.`,
  }),
  "emulate-java": Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "COMPONENT",
    helpGroup: "BUILD",
    summary: "Run this build's Java under emulation all the same, with a time limit.",
  }),
  source: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: "NAME=FILE",
    helpGroup: "BUILD",
    summary: "Take a source of the definition from this file instead of its address.",
  }),
};

/** What `networkFlags` parse to. */
export interface NetworkFlagValues {
  readonly mirror?: readonly string[] | undefined;
  readonly insecure?: readonly string[] | undefined;
  readonly ca?: readonly string[] | undefined;
  readonly concurrency: number;
  readonly store?: string | undefined;
}

/** What `selectionFlags` parse to. */
export interface SelectionFlagValues {
  readonly platform: readonly string[];
  readonly only?: readonly string[] | undefined;
  readonly without?: readonly string[] | undefined;
  readonly archive?: readonly string[] | undefined;
  readonly "archive-image"?: readonly string[] | undefined;
  readonly "with-engine"?: boolean | undefined;
}

/** What `buildFlags` parse to. */
export interface BuildFlagValues {
  readonly build?: readonly string[] | undefined;
  readonly builder?: string | undefined;
  readonly strategy?: readonly string[] | undefined;
  readonly "emulate-java"?: readonly string[] | undefined;
  readonly source?: readonly string[] | undefined;
}

/** @throws BundlerError USAGE naming the flag or variable that does not fit. */
export function readSelection(
  flags: SelectionFlagValues & BuildFlagValues,
  env: NodeJS.ProcessEnv,
): SelectionOptions {
  const sourceDateEpoch = readSourceDateEpoch(env);
  return {
    platforms: readPlatforms(flags.platform),
    without: flags.without ?? [],
    archives: readFiles("archive", flags.archive, "COMPONENT=FILE"),
    archiveImages: new Map(pairs("archive-image", flags["archive-image"] ?? [], "COMPONENT=NAME")),
    build: readBuildChoices(flags),
    ...(flags["with-engine"] === true ? { withEngine: true } : {}),
    ...(flags.only === undefined ? {} : { only: flags.only }),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
  };
}

/** Splits `key=value` flags. @throws BundlerError USAGE naming the flag. */
function pairs(flag: string, values: readonly string[], form: string): [string, string][] {
  return values.map((text) => {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1) {
      throw new BundlerError(
        "USAGE",
        `--${flag} ${JSON.stringify(text)} is not of the form ${form}.`,
      );
    }
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

/** @throws BundlerError USAGE when a mirror is not a URL, or carries credentials. */
export function readMirrors(
  values: readonly string[] = [],
): ReadonlyMap<string, readonly string[]> {
  const mirrors = new Map<string, string[]>();
  for (const [registry, text] of pairs("mirror", values, "REGISTRY=URL")) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (
      url === undefined ||
      !["http:", "https:"].includes(url.protocol) ||
      url.search !== "" ||
      url.hash !== ""
    ) {
      throw new BundlerError(
        "USAGE",
        `--mirror ${registry}: ${JSON.stringify(text)} is not an http:// or https:// URL.`,
      );
    }
    if (url.username !== "" || url.password !== "") {
      throw new BundlerError(
        "USAGE",
        `--mirror ${registry}: credentials do not belong on a command line.`,
        {
          hint: `Log in with \`docker login ${url.host}\`; its config file is read.`,
        },
      );
    }
    mirrors.set(registry, [...(mirrors.get(registry) ?? []), text.replace(/\/+$/, "")]);
  }
  return mirrors;
}

function readFiles(
  flag: string,
  values: readonly string[] = [],
  form: string,
): ReadonlyMap<string, string> {
  return new Map(pairs(flag, values, form).map(([name, file]) => [name, path.resolve(file)]));
}

function readBuildChoices(flags: BuildFlagValues): BuildChoices {
  const strategies = new Map<string, Strategy>();
  for (const [component, way] of pairs("strategy", flags.strategy ?? [], "COMPONENT=WAY")) {
    const strategy = STRATEGIES.find((one) => one === way);
    if (strategy === undefined) {
      throw new BundlerError(
        "USAGE",
        `--strategy ${component}: ${JSON.stringify(way)} is not one of ${STRATEGIES.join(", ")}.`,
      );
    }
    strategies.set(component, strategy);
  }
  return {
    always: new Set(flags.build ?? []),
    strategies,
    emulateJava: new Set(flags["emulate-java"] ?? []),
    sources: readFiles("source", flags.source, "NAME=FILE"),
    ...(flags.builder === undefined ? {} : { builder: flags.builder }),
  };
}

/** Each platform once, in the order given. @throws BundlerError USAGE */
function readPlatforms(values: readonly string[]): readonly Platform[] {
  const platforms = new Map<string, Platform>();
  for (const text of values.flatMap((value) => value.split(","))) {
    const platform = parsePlatform(text);
    const name = formatPlatform(platform);
    if (!(SUPPORTED_PLATFORMS as readonly string[]).includes(name)) {
      throw new BundlerError("USAGE", `A bundle cannot be made for ${name}.`, {
        hint: `Use one of ${SUPPORTED_PLATFORMS.join(", ")}.`,
      });
    }
    platforms.set(name, platform);
  }
  return [...platforms.values()];
}

/** SOURCE_DATE_EPOCH as seconds (reproducible-builds.org/specs). @throws BundlerError USAGE */
function readSourceDateEpoch(env: NodeJS.ProcessEnv): number | undefined {
  const text = env["SOURCE_DATE_EPOCH"];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,10}$/.test(text)) {
    throw new BundlerError(
      "USAGE",
      `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, not a count of seconds.`,
    );
  }
  return Number(text);
}
