import { configSchema, configuredPlatform } from "../image/config.js";
import { parseJson } from "../image/json.js";
import type { ImageConfigFacts } from "./types.js";

/** @throws BundlerError INTEGRITY when it is not an image config, as an engine would read it. */
export function parseConfigFacts(what: string, bytes: Uint8Array): ImageConfigFacts {
  const parsed = parseJson(what, bytes, configSchema);
  const { created, config, history } = parsed;
  return {
    platform: configuredPlatform(what, parsed),
    ...(created === undefined ? {} : { created }),
    entrypoint: config?.Entrypoint ?? [],
    cmd: config?.Cmd ?? [],
    env: config?.Env ?? [],
    workingDir: config?.WorkingDir ?? "",
    user: config?.User ?? "",
    labels: config?.Labels ?? {},
    exposedPorts: config?.ExposedPorts ?? [],
    volumes: config?.Volumes ?? [],
    healthcheck: config?.Healthcheck?.Test ?? [],
    history: history.map(({ created, created_by, comment, empty_layer }) => ({
      createdBy: created_by,
      ...(created === undefined ? {} : { created }),
      ...(comment === "" ? {} : { comment }),
      emptyLayer: empty_layer,
    })),
  };
}
