import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { messageOf, systemCode } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { type Credential, askHelper } from "./credential-helper.js";

export interface Credentials {
  /** What the user's Docker (or Podman) is logged in with; undefined: ask anonymously. */
  find(host: string, repository: string): Promise<Credential | undefined>;
  /** What is wrong with the configuration, as far as it was asked; sentences. */
  troubles(): Promise<readonly string[]>;
}

const configSchema = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().nullish(),
        username: z.string().nullish(),
        password: z.string().nullish(),
        identitytoken: z.string().nullish(),
      }),
    )
    .nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

type Config = z.infer<typeof configSchema>;
type Entry = NonNullable<Config["auths"]>[string];

const HUB_NAMES = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/**
 * Reads the configuration when it is first needed. What is wrong with it is told once, as a
 * notice, and the registry is asked anonymously.
 */
export function createCredentials(options: {
  readonly env: NodeJS.ProcessEnv;
  readonly onEvent: EventSink;
  /** Ends helpers that are still running. */
  readonly signal: AbortSignal;
}): Credentials {
  const { env, onEvent, signal } = options;
  const told = new Set<string>();
  const warn = (message: string): void => {
    if (told.has(message)) return;
    told.add(message);
    onEvent({ type: "notice", level: "warn", message });
  };
  let configs: Promise<readonly Config[]> | undefined;
  const found = new Map<string, Promise<Credential | undefined>>();

  const helped = async (config: Config, host: string): Promise<Credential | undefined> => {
    const hub = HUB_NAMES.includes(host);
    const helpers = Object.entries(config.credHelpers ?? {});
    const own = helpers.find(([key]) => namesHost(key, host))?.[1];
    for (const name of own === undefined ? [config.credsStore] : [own]) {
      if (!name) continue;
      const answer = await askHelper(name, hub ? "https://index.docker.io/v1/" : host, {
        env,
        signal,
      });
      if (answer.kind === "found") return answer.credential;
      if (answer.kind === "broken") {
        warn(
          `The credential helper docker-credential-${name} that Docker's configuration names gave nothing (${answer.why}); ${host} is asked without it.`,
        );
      }
    }
    return undefined;
  };

  const find = async (host: string, repository: string): Promise<Credential | undefined> => {
    configs ??= readConfigs(env, warn);
    for (const config of await configs) {
      const credential = (await helped(config, host)) ?? listed(config, host, repository);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };

  return {
    troubles: async () => {
      await Promise.allSettled(found.values());
      return [...told];
    },
    find: (host, repository) => {
      const key = `${host}/${repository}`;
      const known = found.get(key) ?? find(host.toLowerCase(), repository);
      found.set(key, known);
      return known;
    },
  };
}

async function readConfigs(
  env: NodeJS.ProcessEnv,
  warn: (message: string) => void,
): Promise<readonly Config[]> {
  const home = env["HOME"] ?? homedir();
  const runtime = env["XDG_RUNTIME_DIR"];
  const paths = [
    join(env["DOCKER_CONFIG"] ?? join(home, ".docker"), "config.json"),
    env["REGISTRY_AUTH_FILE"] ??
      (runtime === undefined ? undefined : join(runtime, "containers", "auth.json")),
    join(env["XDG_CONFIG_HOME"] ?? join(home, ".config"), "containers", "auth.json"),
  ];
  const configs: Config[] = [];
  for (const path of paths) {
    if (path === undefined) continue;
    try {
      configs.push(configSchema.parse(JSON.parse(await readFile(path, "utf8"))));
    } catch (error) {
      if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") continue;
      // JSON.parse quotes what it read, which may be a password.
      const why = systemCode(error) === undefined ? "not in the form expected" : messageOf(error);
      warn(`The credentials in ${path} are not used: the file is ${why}.`);
    }
  }
  return configs;
}

/** The entry for a repository's namespace (Podman's `quay.io/team`) before the one for its host. */
function listed(config: Config, host: string, repository: string): Credential | undefined {
  const entries = Object.entries(config.auths ?? {});
  const parts = repository.split("/");
  for (let length = parts.length; length > 0; length -= 1) {
    const name = `${host}/${parts.slice(0, length).join("/")}`;
    const entry = entries.find(([key]) => key.toLowerCase() === name)?.[1];
    const credential = entry && credentialOf(entry);
    if (credential !== undefined) return credential;
  }
  for (const [key, entry] of entries) {
    const credential = namesHost(key, host) ? credentialOf(entry) : undefined;
    if (credential !== undefined) return credential;
  }
  return undefined;
}

/** Keys in use: `host`, `https://host`, `https://host/v1/`, `host:443/v2`; Docker Hub under several names. */
function namesHost(key: string, host: string): boolean {
  const [, name, path = ""] =
    /^(?:https?:\/\/)?([^/]+)(\/.*)?$/.exec(key.trim().toLowerCase()) ?? [];
  if (name === undefined || !/^\/?(v[12]\/?)?$/.test(path)) return false;
  return name === host || (HUB_NAMES.includes(name) && HUB_NAMES.includes(host));
}

function credentialOf(entry: Entry): Credential | undefined {
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  // Docker pads old files with zero bytes.
  const text = Buffer.from(entry.auth ?? "", "base64")
    .toString("utf8")
    .replaceAll("\0", "");
  const colon = text.indexOf(":");
  if (colon > 0) {
    return {
      kind: "basic",
      username: text.slice(0, colon),
      password: text.slice(colon + 1),
    };
  }
  if (entry.username && entry.password) {
    return { kind: "basic", username: entry.username, password: entry.password };
  }
  return undefined;
}
