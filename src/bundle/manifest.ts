import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { printableJson } from "../core/invisible.js";
import { type Platform, formatPlatform, parsePlatform } from "../core/platform.js";
import { portsWith } from "../definition/port.js";
import { requirementsFor } from "../definition/requirements.js";
import type { Component, Definition } from "../definition/types.js";
import { digestSchema, sizeSchema } from "../image/descriptor.js";
import { parseJson } from "../image/json.js";
import {
  lockedBuildSchema,
  lockedImageSchema,
  methodSchema,
  platformSchema,
} from "../plan/locked-image.js";
import type { LockedComponent, LockedImage, PlatformLock } from "../plan/types.js";
import { extraPath, tarballPath } from "./paths.js";
import type { BundleComponent, BundleManifest, PackedExtra } from "./types.js";
import { padded } from "./unpacked.js";

const namePart = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/);
const text = z.string().max(10_000);
const localized = z.object({ en: text, zh: text });
const port = z.number().int().min(1).max(65535);

const requires = z
  .array(
    z.object({
      kind: z.enum(["memory", "disk", "engine", "page-size", "cpu", "nofile", "sysctl"]),
      value: text,
      level: z.enum(["fail", "warn"]),
      reason: localized,
    }),
  )
  .max(1000);
const smokeTerms = { expect: text.exactOptional(), limit: z.number().int().positive() };
const smoke = z
  .array(
    z.union([
      z.object({ run: z.array(text).min(1), ...smokeTerms }),
      z.object({ http: text, ...smokeTerms }),
    ]),
  )
  .max(1000);
const upgrade = z.object({
  within: z.enum(["any", "major", "minor", "patch"]),
  reason: localized.exactOptional(),
});

const allow = z
  .array(z.union([z.object({ path: text, reason: text }), z.object({ mount: text, reason: text })]))
  .max(1000);

// The order of keys in these schemas is the order of keys in bundle.json.
const componentSchema = z
  .object({
    name: namePart,
    required: z.boolean(),
    title: localized,
    method: methodSchema,
    reason: text,
    reasonZh: text.exactOptional(),
    ports: z.array(z.object({ host: port, container: port, protocol: z.enum(["tcp", "udp"]) })),
    // Names are a matter of verify, which has more to say than a schema.
    image: lockedImageSchema.extend({ reference: text }),
    build: lockedBuildSchema.exactOptional(),
    tarball: z.object({ path: z.string(), size: sizeSchema }),
    unpacked: sizeSchema.exactOptional(),
    requires: requires.exactOptional(),
    smoke: smoke.exactOptional(),
    upgrade: upgrade.exactOptional(),
    platforms: z.array(platformSchema).max(100).exactOptional(),
    allow: allow.exactOptional(),
  })
  .refine(({ name, tarball }) => tarball.path === tarballPath(name), {
    message: "expected images/<name>.tar",
    path: ["tarball", "path"],
  });

const manifestSchema: z.ZodType<BundleManifest> = z.object({
  bundleVersion: z.literal(1),
  name: namePart,
  version: namePart,
  title: localized,
  platform: platformSchema,
  date: z.iso.datetime(),
  tool: z.object({ name: text, version: text }),
  definition: digestSchema,
  requires: requires.exactOptional(),
  components: z
    .array(componentSchema)
    .max(1000)
    .refine(
      (components) => new Set(components.map(({ name }) => name)).size === components.length,
      "expected each component once",
    ),
  extras: z
    .array(
      z
        .object({
          name: z.enum(["docker", "compose"]),
          version: text,
          path: z.string(),
          size: sizeSchema,
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
        })
        .refine(({ name, path }) => path === extraPath(name), {
          message: "expected the path of an extra",
          path: ["path"],
        }),
    )
    .refine(
      (extras) => new Set(extras.map(({ name }) => name)).size === extras.length,
      "expected each extra once",
    )
    .exactOptional(),
  leftOut: z
    .array(
      z.object({
        name: namePart,
        required: z.boolean(),
        reason: text,
        reasonZh: text.exactOptional(),
      }),
    )
    .max(1000),
  settings: z
    .array(
      z.object({
        name: text,
        type: z.enum(["string", "integer", "boolean", "port", "path", "host", "secret"]),
        default: text.exactOptional(),
        length: z.number().int().exactOptional(),
        description: localized,
      }),
    )
    .max(1000),
  sizes: z.object({
    archive: sizeSchema,
    images: sizeSchema,
    distinctBlobs: sizeSchema,
    unpacked: sizeSchema.exactOptional(),
  }),
});

/** @throws BundlerError INTEGRITY when it is not a bundle.json, or one of another version. */
export function parseBundleManifest(what: string, bytes: Uint8Array): BundleManifest {
  return parseJson(what, bytes, manifestSchema);
}

/**
 * The bytes of bundle.json: keys in the schema's order, so that the same content has the same bytes.
 * Unpacked sizes take as much room whatever they are, so that they can be filled in late.
 */
export function encodeBundleManifest(manifest: BundleManifest): Buffer {
  const json = printableJson(manifestSchema.parse(manifest));
  const spaced = json.replaceAll(
    /^( *"unpacked": )(\d+)/gm,
    (_, key: string, bytes: string) => key + padded(Number(bytes)),
  );
  return Buffer.from(`${spaced}\n`);
}

export interface ManifestInput {
  readonly definition: Pick<
    Definition,
    "name" | "version" | "title" | "requires" | "components" | "settings" | "digest"
  >;
  readonly lock: PlatformLock;
  /** RFC 3339 UTC, the lock's. */
  readonly date: string;
  readonly tool: BundleManifest["tool"];
  /** The engine that goes into the archive; none when absent. */
  readonly extras?: readonly PackedExtra[];
}

/**
 * What bundle.json says, from the definition and the lock.
 * @throws BundlerError NO_WAY when a required component has no image and was not left out by choice;
 *   LOCK when lock and definition name different components.
 */
export function describeBundle(
  { definition, lock, date, tool, extras = [] }: ManifestInput,
  tarballSize: (image: LockedImage) => number,
): Omit<BundleManifest, "sizes"> {
  const platform = parsePlatform(lock.platform);
  const required = requirementsFor(definition.requires, platform);
  const components: BundleComponent[] = [];
  const leftOut: BundleManifest["leftOut"][number][] = [];
  for (const locked of lock.components) {
    const { name, method, reason, image, build } = locked;
    const defined = definition.components.find((component) => component.name === name);
    if (defined === undefined) {
      throw new BundlerError("LOCK", `The definition has no component ${JSON.stringify(name)}.`, {
        hint: "Make a new lock with plan --lock.",
        details: { component: name },
      });
    }
    if (image === undefined) {
      if (locked.required && method !== "left-out") {
        throw new BundlerError("NO_WAY", `${name} has no image for ${lock.platform}: ${reason}`, {
          details: { component: name, platform: lock.platform },
        });
      }
      const reasonZh = leftOutZh(defined, locked, platform);
      leftOut.push({ name, required: locked.required, reason, reasonZh });
      continue;
    }
    const alternative =
      locked.alternative === undefined ? undefined : defined.alternatives[locked.alternative];
    components.push({
      name,
      required: locked.required,
      title: defined.title,
      method,
      reason,
      ...(alternative === undefined ? {} : { reasonZh: alternative.reason.zh }),
      ports: portsWith(defined.ports, alternative),
      image,
      ...(build === undefined ? {} : { build }),
      tarball: { path: tarballPath(name), size: tarballSize(image) },
      ...promised({ ...defined, ...alternative }, platform),
      ...(defined.platforms.length === 0
        ? {}
        : { platforms: defined.platforms.map(formatPlatform) }),
      ...(defined.allow === undefined ? {} : { allow: defined.allow }),
    });
  }
  return {
    bundleVersion: 1,
    name: definition.name,
    version: definition.version,
    title: definition.title,
    platform: lock.platform,
    date,
    tool,
    definition: definition.digest,
    ...(required.length === 0 ? {} : { requires: required }),
    components,
    ...(extras.length === 0
      ? {}
      : {
          extras: extras.map(({ name, version, path, size, sha256 }) => ({
            name,
            version,
            path,
            size,
            sha256,
          })),
        }),
    leftOut,
    settings: definition.settings,
  };
}

/** Why a component is not inside, in the other language of the site. */
function leftOutZh(
  { omit }: Pick<Component, "omit">,
  { method, reason }: LockedComponent,
  platform: Platform,
): string {
  if (method !== "left-out") return `没有适用于 ${formatPlatform(platform)} 的镜像`;
  // Everything else is left out by whoever makes the bundle.
  return omit.find((one) => one.reason.en === reason)?.reason.zh ?? "制作安装包时未选入";
}

function promised(
  { requires, smoke, upgrade }: Pick<Component, "requires" | "smoke" | "upgrade">,
  platform: Platform,
): Pick<BundleComponent, "requires" | "smoke" | "upgrade"> {
  const required = requirementsFor(requires, platform);
  return {
    ...(required.length === 0 ? {} : { requires: required }),
    ...(smoke.length === 0 ? {} : { smoke }),
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}
