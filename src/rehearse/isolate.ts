import path from "node:path";
import { type Mapping, isMapping } from "../definition/mapping.js";
import {
  type ComposeModel,
  dependenciesOf,
  mappingAt,
  mappingsAt,
  textAt,
  textsAt,
} from "./model.js";

export interface IsolationTerms {
  readonly project: string;
  /** Services that are not started. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Folders of the rehearsal: what lies in them may be mounted, and nothing else of the host. */
  readonly folders: readonly string[];
  /** Where folders stand in for those of the host. */
  readonly standIns: string;
  /** Descriptors that a container can have here; no limit when absent. */
  readonly descriptors?: number;
}

export interface Isolated {
  /** A compose file, to be written as JSON. */
  readonly file: Mapping;
  /** What services lose by it, in words. Ports, names and networks, which all lose, are not in it. */
  readonly changes: readonly string[];
  /** Where the ports of the host would have led. */
  readonly published: readonly PublishedPort[];
}

export interface PublishedPort {
  readonly service: string;
  readonly host: number;
  readonly container: number;
}

/** Keys of a service that say what it does and cannot reach out of its container. */
const KEPT = new Set([
  ...["annotations", "attach", "blkio_config", "cap_drop", "command", "configs", "deploy"],
  ...["domainname", "entrypoint", "environment", "expose", "group_add", "healthcheck", "hostname"],
  ...["image", "init", "labels", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit"],
  ...["cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_shares", "cpus", "cpuset"],
  ...["oom_kill_disable", "oom_score_adj", "pids_limit", "platform", "read_only", "restart"],
  ...["scale", "secrets", "shm_size", "stdin_open", "stop_grace_period", "stop_signal"],
  ...["sysctls", "tmpfs", "tty", "user", "working_dir", "extra_hosts"],
]);
/** Those that are rewritten, or that all services lose. */
const HANDLED = new Set([
  ...["cap_add", "container_name", "depends_on", "ipc", "links", "logging", "networks", "pid"],
  ...["network_mode", "ports", "profiles", "pull_policy", "ulimits", "volumes", "volumes_from"],
  ...["dns", "dns_opt", "dns_search", "mac_address", "build", "develop"],
]);
/** Capabilities that end at the container's own walls. */
const HARMLESS = new Set([
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "IPC_LOCK", "KILL", "MKNOD"],
  ...["NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID"],
  ...["SYS_CHROOT", "SYS_NICE", "SYS_RESOURCE"],
]);
/** Files of the host that tell nobody anything. */
const CLOCK = new Set(["/etc/localtime", "/etc/timezone"]);

/**
 * The compose file of a rehearsal: without published ports and names that others might have, on
 * networks without a way out, and without anything of the host: no namespaces, devices, privileges
 * or folders of it.
 */
export function isolate(model: ComposeModel, terms: IsolationTerms): Isolated {
  const changes: string[] = [];
  const published: PublishedPort[] = [];
  const services: [string, Mapping][] = [];
  for (const [name, service] of model.services) {
    if (terms.skipped.has(name)) continue;
    published.push(...publishedPorts(name, service));
    services.push([
      name,
      isolateService(service, terms, (change) => changes.push(`${name}: ${change}`)),
    ]);
  }
  const sections = ["configs", "secrets"].flatMap((key): [string, Mapping][] => {
    const section = Object.entries(mappingAt(model.sections, key));
    const entries = section.map(([name, value]) => [
      name,
      // A name of its own would be one in the whole engine.
      isMapping(value) ? without(value, ["name"]) : value,
    ]);
    return section.length === 0 ? [] : [[key, Object.fromEntries(entries) as Mapping]];
  });
  const networks = new Set(["default", ...Object.keys(mappingAt(model.sections, "networks"))]);
  const volumes = Object.keys(mappingAt(model.sections, "volumes"));
  return {
    file: {
      name: terms.project,
      services: Object.fromEntries(services),
      networks: Object.fromEntries([...networks].map((name) => [name, { internal: true }])),
      ...(volumes.length === 0
        ? {}
        : { volumes: Object.fromEntries(volumes.map((name) => [name, {}])) }),
      ...Object.fromEntries(sections),
    },
    changes,
    published,
  };
}

function isolateService(
  service: Mapping,
  terms: IsolationTerms,
  changed: (change: string) => void,
): Mapping {
  const kept: [string, unknown][] = [];
  for (const [key, value] of Object.entries(service)) {
    if (KEPT.has(key)) kept.push([key, value]);
    else if (!HANDLED.has(key) && !key.startsWith("x-") && !isEmpty(value)) {
      changed(`without ${key}`);
    }
  }
  const capabilities = textsAt(service, "cap_add");
  const harmless = capabilities.filter((one) =>
    HARMLESS.has(one.toUpperCase().replace(/^CAP_/, "")),
  );
  const refused = capabilities.filter((one) => !harmless.includes(one));
  if (refused.length > 0) changed(`without the capabilities ${refused.join(", ")}`);
  return {
    ...(Object.fromEntries(kept) as Mapping),
    pull_policy: "never",
    // What containers print stays here, whatever the site does with it.
    logging: { driver: "json-file", options: { "max-size": "10m" } },
    ...(harmless.length === 0 ? {} : { cap_add: harmless }),
    ...namespaces(service, changed),
    ...networksOf(service),
    ...ties(service, terms),
    ...volumesOf(service, terms, changed),
    ...limits(service, terms, changed),
  };
}

function namespaces(service: Mapping, changed: (change: string) => void): Mapping {
  const found: [string, string][] = [];
  for (const key of ["pid", "ipc"]) {
    const mode = textAt(service, key);
    if (/^(?:service:.*|private|shareable|none)$/.test(mode)) found.push([key, mode]);
    else if (mode !== "") changed(`without ${key} ${mode}`);
  }
  return Object.fromEntries(found);
}

/** Addresses are the engine's to give: a subnet may be that of an installation on the same machine. */
function networksOf(service: Mapping): Mapping {
  const mode = textAt(service, "network_mode");
  if (mode === "none" || mode.startsWith("service:")) return { network_mode: mode };
  const joined = Object.entries(mappingAt(service, "networks")).map(([name, terms]) => [
    name,
    isMapping(terms) ? only(terms, ["aliases", "priority"]) : null,
  ]);
  return {
    networks: joined.length === 0 ? { default: null } : (Object.fromEntries(joined) as Mapping),
  };
}

/** What it waits for or shares with services that are started. */
function ties(service: Mapping, { skipped }: IsolationTerms): Mapping {
  const runs = (name: string): boolean => !skipped.has(name.split(":")[0] ?? "");
  const waits = Object.entries(mappingAt(service, "depends_on")).filter(
    ([name]) => runs(name) && dependenciesOf(service).has(name),
  );
  const links = textsAt(service, "links").filter(runs);
  const shares = textsAt(service, "volumes_from").filter(
    (text) => runs(text) && !text.startsWith("container:"),
  );
  return {
    ...(waits.length === 0 ? {} : { depends_on: Object.fromEntries(waits) }),
    ...(links.length === 0 ? {} : { links }),
    ...(shares.length === 0 ? {} : { volumes_from: shares }),
  };
}

function volumesOf(
  service: Mapping,
  { folders, standIns }: IsolationTerms,
  changed: (change: string) => void,
): Mapping {
  const own = (source: string): boolean =>
    folders.some((folder) => source === folder || source.startsWith(`${folder}/`));
  const volumes = mappingsAt(service, "volumes").flatMap((volume): readonly Mapping[] => {
    const type = textAt(volume, "type");
    const source = textAt(volume, "source");
    if (type === "volume" || type === "tmpfs") return [volume];
    if (type !== "bind") {
      changed(`without its ${type} at ${textAt(volume, "target")}`);
      return [];
    }
    const real = path.posix.normalize(source);
    if (own(real) || (CLOCK.has(real) && volume["read_only"] === true)) return [volume];
    changed(`an empty folder instead of ${source} of the host`);
    // One folder for each of the host, so that services go on sharing it.
    const name = encodeURIComponent(real).slice(0, 200);
    return [{ ...volume, source: `${standIns}/${name}`, bind: { create_host_path: true } }];
  });
  return volumes.length === 0 ? {} : { volumes };
}

/** A container may have no more descriptors than whoever starts it, where that is not all-powerful. */
function limits(
  service: Mapping,
  { descriptors }: IsolationTerms,
  changed: (change: string) => void,
): Mapping {
  const ulimits = mappingAt(service, "ulimits");
  if (Object.keys(ulimits).length === 0) return {};
  const { nofile } = ulimits;
  if (descriptors === undefined || nofile === undefined) return { ulimits };
  const [soft, hard] = isMapping(nofile)
    ? [Number(nofile["soft"]), Number(nofile["hard"])]
    : [Number(nofile), Number(nofile)];
  // -1 stands for no limit.
  const fits = (limit: number): boolean => limit >= 0 && limit <= descriptors;
  if (fits(hard)) return { ulimits };
  changed(`${descriptors} descriptors instead of ${hard}, as this machine allows no more`);
  return {
    ulimits: {
      ...ulimits,
      nofile: { soft: fits(soft) ? soft : descriptors, hard: descriptors },
    },
  };
}

/** Ports of this host that a service publishes (compose-spec, ports, long syntax). */
function publishedPorts(name: string, service: Mapping): readonly PublishedPort[] {
  return mappingsAt(service, "ports").flatMap((port) => {
    const host = Number(textAt(port, "published"));
    const container = Number(textAt(port, "target"));
    const tcp = textAt(port, "protocol") !== "udp";
    return tcp && host > 0 && container > 0 ? [{ service: name, host, container }] : [];
  });
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return true;
  return Array.isArray(value)
    ? value.length === 0
    : isMapping(value) && Object.keys(value).length === 0;
}

function only(mapping: Mapping, keys: readonly string[]): Mapping {
  return Object.fromEntries(Object.entries(mapping).filter(([key]) => keys.includes(key)));
}

function without(mapping: Mapping, keys: readonly string[]): Mapping {
  return Object.fromEntries(Object.entries(mapping).filter(([key]) => !keys.includes(key)));
}
