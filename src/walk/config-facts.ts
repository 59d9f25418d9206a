import { z } from "zod";
import { normalizePlatform } from "../core/platform.js";
import { parseJson } from "../image/json.js";
import type { ImageConfigFacts } from "./types.js";

/** What is of another type than it should be counts as not there: an engine's trouble, not ours. */
const text = z.string().optional().catch(undefined);
const texts = z.array(z.string()).nullish().catch(undefined);
// Optional before it is transformed: a key that is not there would fail the whole config otherwise.
const anything = z.unknown().optional();
const keys = anything.transform((value) => Object.keys(isObject(value) ? value : {}));
const labels = anything.transform((value) =>
  // fromEntries makes own properties, whatever they are called.
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string",
    ),
  ),
);

const schema = z.object({
  os: z.string().max(64),
  architecture: z.string().max(64),
  variant: text,
  created: text,
  config: z
    .object({
      Entrypoint: texts,
      Cmd: texts,
      Env: texts,
      WorkingDir: text,
      User: text,
      Labels: labels,
      ExposedPorts: keys,
      Volumes: keys,
      Healthcheck: z.object({ Test: texts }).nullish().catch(undefined),
    })
    .nullish()
    .catch(undefined),
  history: z
    .array(
      z.object({
        created_by: text,
        created: text,
        comment: text,
        empty_layer: z.boolean().optional().catch(undefined),
      }),
    )
    .nullish()
    .catch(undefined),
});

/** @throws BundlerError INTEGRITY when it is not an image config. */
export function parseConfigFacts(what: string, bytes: Uint8Array): ImageConfigFacts {
  const { os, architecture, variant, created, config, history } = parseJson(what, bytes, schema);
  return {
    platform: normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) }),
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
    history: (history ?? []).map((step) => ({
      createdBy: step.created_by ?? "",
      ...(step.created === undefined ? {} : { created: step.created }),
      ...(step.comment === undefined ? {} : { comment: step.comment }),
      emptyLayer: step.empty_layer ?? false,
    })),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
