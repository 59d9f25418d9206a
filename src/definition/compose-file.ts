import { suggestion } from "../core/nearest.js";
import { type Mapping, isMapping } from "./mapping.js";
import type { Report } from "./report.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

export interface ComposeService {
  readonly name: string;
  readonly value: Mapping;
}

/** compose.yaml as far as it could be read; aliases and merge keys are resolved. */
export interface ComposeFile {
  readonly file: YamlFile;
  readonly data: Mapping;
  /** Every name, also of a service that is no mapping. */
  readonly names: readonly string[];
  readonly services: readonly ComposeService[];
}

/** compose-spec, top-level elements. */
const TOP_KEYS = ["version", "name", "services", "networks", "volumes", "configs", "secrets"];

/** compose-spec, service attributes. */
const SERVICE_KEYS = (
  "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs " +
  "container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares " +
  "cpus cpuset credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt " +
  "dns_search domainname entrypoint env_file environment expose extends external_links extra_hosts gpus " +
  "group_add healthcheck hostname image init ipc isolation label_file labels links logging mac_address " +
  "mem_limit mem_reservation mem_swappiness memswap_limit network_mode networks oom_kill_disable " +
  "oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider " +
  "pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt shm_size " +
  "stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user " +
  "userns_mode uts volumes volumes_from working_dir"
).split(" ");

const HEALTHCHECK_KEYS = [
  "test",
  "interval",
  "timeout",
  "retries",
  "start_period",
  "start_interval",
  "disable",
];

/** What a bundle's compose file cannot say, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  build: "a bundle brings finished images; a build recipe belongs into components.yaml",
  extends: "compose.yaml has to be complete in itself",
  platform: "the bundler sets it when it seals the file for a platform",
  pull_policy: "the bundler sets it when it seals the file",
};

export function servicePath(name: string, ...below: YamlPath): YamlPath {
  return ["services", name, ...below];
}

/** Reads compose.yaml's services and reports keys that Compose does not know or a bundle cannot have. */
export function readComposeFile(file: YamlFile, report: Report): ComposeFile {
  const empty = { file, data: {}, names: [], services: [] };
  if (file.data === undefined) return empty;
  if (!isMapping(file.data)) {
    report(file.at([]), "compose.yaml must be a mapping with services");
    return empty;
  }
  const { data } = file;
  checkKeys({ file, path: [], value: data, known: TOP_KEYS }, report);
  const declared = data["services"];
  if (!isMapping(declared)) {
    report(file.at(["services"], "key"), "compose.yaml has no services");
    return { ...empty, data };
  }
  const services = Object.entries(declared).flatMap(([name, value]) => {
    if (!isMapping(value)) {
      report(file.at(servicePath(name), "key"), `the service ${name} must be a mapping`);
      return [];
    }
    checkService({ name, value }, file, report);
    return [{ name, value }];
  });
  return { file, data, names: Object.keys(declared), services };
}

function checkService({ name, value }: ComposeService, file: YamlFile, report: Report): void {
  const path = servicePath(name);
  checkKeys({ file, path, value, known: SERVICE_KEYS }, report);
  for (const [key, why] of Object.entries(REFUSED)) {
    if (Object.hasOwn(value, key)) {
      report(file.at([...path, key], "key"), `${name} may not have \`${key}\`: ${why}`);
    }
  }
  if (isMapping(value["healthcheck"])) {
    const below = { file, path: [...path, "healthcheck"], value: value["healthcheck"] };
    checkKeys({ ...below, known: HEALTHCHECK_KEYS }, report);
  }
}

function checkKeys(
  part: {
    readonly file: YamlFile;
    readonly path: YamlPath;
    readonly value: Mapping;
    readonly known: readonly string[];
  },
  report: Report,
): void {
  const { file, path, value, known } = part;
  for (const key of Object.keys(value)) {
    if (known.includes(key) || key.startsWith("x-")) continue;
    const place = path.length === 0 ? "" : ` in ${path.join(".")}`;
    const hint = path.length === 1 ? undefined : suggestion(key, known);
    report(
      file.at([...path, key], "key"),
      `unknown key ${JSON.stringify(key)}${place}`,
      hint !== undefined && hint.length > 200 ? "Compose knows no such key." : hint,
    );
  }
}
