import { z } from "zod";
import { printableJson } from "../core/invisible.js";
import { digestSchema, sizeSchema } from "../image/descriptor.js";
import { parseJson } from "../image/json.js";
import {
  lockedBuildSchema,
  lockedImageSchema,
  methodSchema,
  platformSchema,
} from "../plan/locked-image.js";
import { extraPath, tarballPath } from "./paths.js";
import { tarballsOf } from "./tarballs.js";
import type { BundleManifest } from "./types.js";
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
const componentSchema = z.object({
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
});

const manifestSchema: z.ZodType<BundleManifest> = z
  .object({
    bundleVersion: z.union([z.literal(1), z.literal(2)]),
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
  })
  .superRefine(({ bundleVersion, components }, context) => {
    for (const { path, components: members } of tarballsOf(components)) {
      const names = members.map(({ name }) => name);
      const expected = tarballPath(bundleVersion === 1 ? names.slice(0, 1) : names);
      const sizes = new Set(members.map(({ tarball }) => tarball.size));
      if (path === expected && sizes.size === 1 && (bundleVersion === 2 || names.length === 1))
        continue;
      const message = `expected the tarball of ${names.join(", ")} to be ${expected}, of one size`;
      context.addIssue({ code: "custom", path: ["components"], message });
    }
  });

/** @throws BundlerError INTEGRITY when it is not a bundle.json, or one of another version. */
export function parseBundleManifest(what: string, bytes: Uint8Array): BundleManifest {
  return parseJson(what, bytes, manifestSchema);
}

/**
 * The bytes of bundle.json: keys in the schema's order, so that the same content has the same bytes.
 * The archive's size and unpacked sizes take as much room whatever they are, so that they can be filled in
 * late.
 */
export function encodeBundleManifest(manifest: BundleManifest): Buffer {
  const json = printableJson(manifestSchema.parse(manifest));
  const spaced = json.replaceAll(
    /^( *"(?:archive|unpacked)": )(\d+)/gm,
    (_, key: string, bytes: string) => key + padded(Number(bytes)),
  );
  return Buffer.from(`${spaced}\n`);
}
