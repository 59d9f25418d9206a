import { createHash } from "node:crypto";
import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform, parsePlatform } from "../core/platform.js";
import { type Driver, checkBuilderName } from "./builder-names.js";

/** What a builder is made with. */
export interface BuilderSettings {
  readonly name: string;
  readonly driver: Driver;
  /** Those that the builder on this machine is said to be for; it finds out itself when there are none. */
  readonly platforms: readonly Platform[];
  /** On top of the one on this machine; for the `remote` driver, all there are. */
  readonly nodes: readonly NodeSettings[];
  /** Registry → URLs, tried in order. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Hosts that may speak plain HTTP, or show an unknown certificate. */
  readonly insecure: readonly string[];
  /** PEM files. */
  readonly caFiles: readonly string[];
  /** Registries beside the well-known ones that show a certificate of `caFiles`. */
  readonly registries: readonly string[];
  readonly buildkitImage?: string;
  /** `key=value`, as buildx takes them. */
  readonly driverOptions: readonly string[];
  /** The network of a builder in a container, e.g. `host`. */
  readonly network?: string;
}

export interface NodeSettings {
  /** `ssh://HOST`, `tcp://host:port`, `unix:///path`, or the name of a docker context. */
  readonly endpoint: string;
  readonly platforms: readonly Platform[];
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;

/**
 * Reads `ENDPOINT[=PLATFORM,…]`.
 * @throws BundlerError USAGE for what is no endpoint, and for one that ssh or docker could take for an
 *   option.
 */
export function readNode(text: string): NodeSettings {
  const [, endpoint = "", platforms = ""] = /^(.*?)(?:=([A-Za-z0-9/_,.-]*))?$/.exec(text) ?? [];
  return {
    endpoint: checkEndpoint(endpoint),
    platforms: platforms === "" ? [] : platforms.split(",").map(parsePlatform),
  };
}

function checkEndpoint(endpoint: string): string {
  const bad = (why: string): BundlerError =>
    new BundlerError("USAGE", `--node ${JSON.stringify(endpoint)} ${why}.`, {
      hint: "Give ssh://HOST=linux/arm64, tcp://host:1234=linux/arm64, unix:///run/buildkit/buildkitd.sock, or the name of a docker context.",
    });
  if (!endpoint.includes("://")) {
    if (/^[A-Za-z0-9][A-Za-z0-9_.+-]*$/.test(endpoint)) return endpoint;
    throw bad("is neither an address nor the name of a docker context");
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  // oxlint-disable-next-line no-control-regex -- no address has such characters
  if (url === undefined || /[\s\u0000-\u001f\u007f]/.test(endpoint)) throw bad("is no address");
  if (url.password !== "") throw bad("holds a password, which does not belong on a command line");
  switch (url.protocol) {
    case "unix:":
      if (url.host === "" && url.pathname.startsWith("/")) return endpoint;
      break;
    case "ssh:":
    case "tcp:":
      // ssh would take a host or a user that begins with a dash for an option.
      if (HOST.test(url.host) && !url.username.startsWith("-")) return endpoint;
      break;
    default:
      throw bad("is neither ssh://, tcp:// nor unix://");
  }
  throw bad("is no address");
}

/**
 * Refuses settings that do not go together, and values that a command line could misunderstand.
 * @throws BundlerError USAGE
 */
export function checkSettings(settings: BuilderSettings): void {
  checkBuilderName(settings.name);
  if (!/^[A-Za-z]/.test(settings.name) || settings.name === "default") {
    throw usage(
      `A builder cannot be called ${settings.name}.`,
      "Its name begins with a letter, and `default` is docker's own.",
    );
  }
  for (const [flag, hosts] of [
    ["insecure", settings.insecure],
    ["registry", settings.registries],
    ["mirror", [...settings.mirrors.keys()]],
  ] as const) {
    for (const host of hosts) {
      if (!HOST.test(host)) {
        throw usage(`--${flag} ${JSON.stringify(host)} is no host.`, "Give HOST or HOST:PORT.");
      }
    }
  }
  for (const option of settings.driverOptions) {
    if (!/^"?[A-Za-z][A-Za-z0-9_.-]*=/.test(option)) {
      throw usage(
        `--driver-opt ${JSON.stringify(option)} is not of the form KEY=VALUE.`,
        "docs.docker.com/build/builders/drivers has those of each driver.",
      );
    }
  }
  const { buildkitImage, network } = settings;
  if (buildkitImage !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/.test(buildkitImage)) {
    throw usage(`--buildkit-image ${JSON.stringify(buildkitImage)} is no image.`);
  }
  if (network !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(network)) {
    throw usage(`--network ${JSON.stringify(network)} is no network.`);
  }
  checkDriver(settings);
}

function checkDriver(settings: BuilderSettings): void {
  const { driver, nodes } = settings;
  const refuse = (flags: readonly (readonly [string, boolean])[], hint: string): void => {
    const given = flags.filter(([, is]) => is).map(([flag]) => `--${flag}`);
    if (given.length > 0) {
      throw usage(`${given.join(", ")}: not for the driver ${driver}.`, hint);
    }
  };
  if (driver === "remote") {
    if (nodes.length === 0) {
      throw usage(
        "The driver remote needs the address of a running buildkitd.",
        "Give it with --node tcp://host:1234 or --node unix:///run/buildkit/buildkitd.sock.",
      );
    }
    refuse(
      [
        ["mirror", settings.mirrors.size > 0],
        ["insecure", settings.insecure.length > 0],
        ["ca", settings.caFiles.length > 0],
        ["registry", settings.registries.length > 0],
        ["buildkit-image", settings.buildkitImage !== undefined],
        ["network", settings.network !== undefined],
        ["platform", settings.platforms.length > 0],
      ],
      "A remote buildkitd has its own configuration, made where it runs; platforms belong to its node: --node tcp://host:1234=linux/arm64.",
    );
  }
  if (driver === "kubernetes") {
    refuse(
      [
        ["node", nodes.length > 0],
        ["network", settings.network !== undefined],
      ],
      "Give nodes as replicas: --driver-opt replicas=2, and where they run with --driver-opt nodeselector=….",
    );
  }
}

/** The settings as they are compared and kept: plain values, certificates by their content. */
export function settingsForComparison(
  settings: BuilderSettings,
  certificates: string | undefined,
): Readonly<Record<string, string>> {
  const platforms = (list: readonly Platform[]): string => list.map(formatPlatform).join(",");
  const all: Record<string, string> = {
    driver: settings.driver,
    platform: platforms(settings.platforms),
    node: settings.nodes
      .map((node) => [node.endpoint, platforms(node.platforms)].filter((text) => text).join("="))
      .join(" "),
    mirror: [...settings.mirrors]
      .flatMap(([registry, urls]) => urls.map((url) => `${registry}=${url}`))
      .join(" "),
    insecure: settings.insecure.join(" "),
    registry: settings.registries.join(" "),
    ca: certificates === undefined ? "" : fingerprint(certificates),
    "buildkit-image": settings.buildkitImage ?? "",
    "driver-opt": settings.driverOptions.map(withoutValue).join(" "),
    network: settings.network ?? "",
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

/** Variables of a node may be credentials: they are compared and kept as a hash. */
function withoutValue(option: string): string {
  const [, name, value] = /^("?env\.[^=]*)=(.*)$/s.exec(option) ?? [];
  return name === undefined || value === undefined ? option : `${name}=${fingerprint(value)}`;
}

function fingerprint(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}

function usage(message: string, hint?: string): BundlerError {
  return new BundlerError("USAGE", message, hint === undefined ? {} : { hint });
}
