import { z } from "zod";
import { extrasSchema } from "./extras.js";
import { localized, platforms, words } from "./schema-parts.js";
import { parsePort } from "./port.js";
import { requirements } from "./requirements.js";
import { smokeTests } from "./smoke.js";
import type { SettingType } from "./types.js";
import { upgradeLimit } from "./upgrade.js";
import { checksums, sourceUrl, webAddresses } from "./web-file.js";

/** What becomes part of a file's name: no separators, nothing a shell or FAT32 minds. */
const SAFE_NAME = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/;
const NAME_MEANING = "must be lower-case letters and digits, with . _ - between them";
const SAFE_VERSION = /^[0-9][0-9A-Za-z]*(?:[._-][0-9A-Za-z]+)*$/;

export const SETTING_NAME = /^[A-Z][A-Z0-9_]*$/;

/** Keys of a compose service that an alternative may change. */
const PATCHABLE_KEYS = [
  "cap_add",
  "cap_drop",
  "command",
  "cpus",
  "devices",
  "entrypoint",
  "env_file",
  "environment",
  "healthcheck",
  "hostname",
  "init",
  "labels",
  "logging",
  "mem_limit",
  "mem_reservation",
  "pid",
  "pids_limit",
  "ports",
  "privileged",
  "read_only",
  "restart",
  "security_opt",
  "shm_size",
  "stop_grace_period",
  "stop_signal",
  "sysctls",
  "tmpfs",
  "ulimits",
  "user",
  "volumes",
  "working_dir",
] as const;

const fileName = (form: RegExp, meaning: string): z.ZodString =>
  z.string().max(64, { error: "must be at most 64 characters" }).regex(form, { error: meaning });

const image = z
  .string()
  .min(1, { error: "must not be empty" })
  .meta({
    description: "The image with its tag, never floating. It may be followed by a digest.",
    examples: ["redis:7.0.15", "quay.io/coreos/etcd:v3.5.21"],
  });

const ports = z
  .array(
    z.string().refine((text) => parsePort(text) !== undefined, {
      error: ({ input }) => `${JSON.stringify(input)} is not a port like 13306:3306 or 53:53/udp`,
    }),
  )
  .meta({
    description: "host:container for each port; on the host network both are the same number.",
    examples: [["13306:3306"]],
  });

const service = z
  .strictObject(
    Object.fromEntries(PATCHABLE_KEYS.map((key) => [key, z.unknown().optional()])) as Record<
      (typeof PATCHABLE_KEYS)[number],
      z.ZodOptional<z.ZodUnknown>
    >,
  )
  .meta({
    description:
      "What changes in the compose service: mappings are merged key by key (null removes a key), anything else replaces.",
  });

const alternative = z.strictObject({
  image,
  platforms,
  reason: localized.meta({ description: "Why it may stand in, for the plan and the customer." }),
  service: service.optional(),
  requires: requirements
    .optional()
    .meta({ description: "What it needs of the host; replaces the component's." }),
  smoke: smokeTests.optional().meta({ description: "Replaces the component's." }),
  upgrade: upgradeLimit.optional().meta({ description: "Replaces the component's." }),
});

const buildArgument = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be a name like GO_VERSION" });

const secret = z
  .strictObject({
    id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
      error: "must be letters and digits, with . _ - between them",
    }),
    env: buildArgument.optional().meta({ description: "The variable that holds it." }),
    file: words.optional().meta({ description: "The file that holds it, below the definition." }),
  })
  .refine(({ env, file }) => (env === undefined) !== (file === undefined), {
    error: "must have either env or file",
  })
  .meta({ description: "For RUN --mount=type=secret,id=…; no layer keeps it." });

const build = z
  .strictObject({
    recipe: fileName(SAFE_NAME, NAME_MEANING)
      .optional()
      .meta({ description: "A recipe that ships with openim-bundler." }),
    context: words
      .optional()
      .meta({ description: "The folder of the build context, relative to the definition's." }),
    source: fileName(SAFE_NAME, NAME_MEANING)
      .optional()
      .meta({ description: "The source whose tree is the context; `context` lies over it." }),
    dockerfile: words
      .optional()
      .meta({ description: "Path inside the context.", default: "Dockerfile" }),
    sources: z
      .array(fileName(SAFE_NAME, NAME_MEANING))
      .optional()
      .meta({ description: "Sources unpacked into sources/NAME/ of the context." }),
    args: z
      .record(buildArgument, z.string().max(4096))
      .refine((args) => !("BUILDKIT_SYNTAX" in args), {
        error: "must not have BUILDKIT_SYNTAX: it replaces the Dockerfile's own rules",
      })
      .optional()
      .meta({ description: "Build arguments. No secrets: an image's history shows them." }),
    target: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: "must be a stage's name" })
      .optional()
      .meta({ description: "The stage to build; the last one when absent." }),
    secrets: z.array(secret).optional(),
    platforms,
    always: z
      .boolean()
      .optional()
      .meta({ description: "Build it without asking a registry first.", default: false }),
  })
  .refine(({ recipe, context, source }) => recipe ?? context ?? source, {
    error: "must have a recipe, a context folder or a source",
  })
  .refine(({ recipe, context }) => recipe === undefined || context === undefined, {
    error: "must have either a recipe or a context folder",
  });

export const sourceSchema = z
  .strictObject({
    url: webAddresses
      .optional()
      .meta({ description: "Where it is downloaded, and its mirrors in order." }),
    ...checksums,
    format: z
      .enum(["zip", "tar.gz"])
      .optional()
      .meta({ description: "Needed where no address ends in it." }),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, { error: "must be a full commit id" })
      .optional()
      .meta({ description: "The commit that an archive made by git carries as its comment." }),
    strip: z
      .int()
      .min(0)
      .max(16)
      .optional()
      .meta({ description: "Leading folders taken off every path inside.", default: 1 }),
    optional: z
      .boolean()
      .optional()
      .meta({ description: "Builds go on without it; its folder is empty then." }),
  })
  .refine(
    ({ sha256, sha512, checksumUrl }) =>
      [sha256, sha512, checksumUrl].filter((one) => one !== undefined).length <= 1,
    { error: "must have one of sha256, sha512 and checksumUrl" },
  )
  .refine(
    ({ url, sha256, sha512, checksumUrl, commit }) =>
      url === undefined || (sha256 ?? sha512 ?? checksumUrl ?? commit) !== undefined,
    { error: "must have a sha256, sha512, checksumUrl or, from git, a commit" },
  )
  .refine(({ url, format }) => url === undefined || sourceFormat(url, format) !== undefined, {
    error: "must say its format, zip or tar.gz: its address does not tell",
  });

/** The format of a source, said or told by its addresses. */
export function sourceFormat(
  url: string | readonly string[],
  said: "zip" | "tar.gz" | undefined,
): "zip" | "tar.gz" | undefined {
  if (said !== undefined) return said;
  const formats = new Set(
    [url].flat().map((text) => {
      const path = sourceUrl(text)?.pathname ?? "";
      if (path.endsWith(".zip")) return "zip";
      return /\.(?:tar\.gz|tgz)$/.test(path) ? "tar.gz" : undefined;
    }),
  );
  const [format] = formats;
  return formats.size === 1 ? format : undefined;
}

export const allowance = z
  .strictObject({
    path: words
      .max(1024)
      .refine((glob) => /[^/]/.test(glob), { error: "must name a file or a folder" })
      .optional()
      .meta({
        description: "A glob for programs of another machine in the image; ** is any folder.",
        examples: ["usr/lib/jvm/**/*.so"],
      }),
    mount: words
      .max(1024)
      .optional()
      .meta({ description: "A path of the host that the service mounts read-only." }),
    reason: words,
  })
  .refine(({ path, mount }) => (path === undefined) !== (mount === undefined), {
    error: "must have either path or mount",
  });

export const componentSchema = z.strictObject({
  title: localized,
  image,
  platforms: platforms.meta({
    description: "What the image claims to exist for; the registry decides.",
  }),
  ports: ports.optional(),
  required: z
    .boolean()
    .optional()
    .meta({ description: "Whether the bundle is of no use without it.", default: true }),
  alternatives: z
    .array(alternative)
    .optional()
    .meta({ description: "Tried in order where the image does not exist for the target." }),
  build: build.optional().meta({ description: "How the image is made where no registry has it." }),
  archive: words
    .optional()
    .meta({ description: "An image archive shipped with the definition, relative to its folder." }),
  omit: z
    .array(
      z.strictObject({
        platforms,
        reason: localized.meta({ description: "Why, for the plan and the customer." }),
      }),
    )
    .optional()
    .meta({ description: "Platforms on which the component is left out, by declared choice." }),
  requires: requirements
    .optional()
    .meta({ description: "What it needs of the host; the site checks it before anything else." }),
  smoke: smokeTests
    .optional()
    .meta({ description: "What the site tries once every service is healthy." }),
  upgrade: upgradeLimit.optional().meta({ description: "Which upgrades its data survives." }),
  allow: z
    .array(allowance)
    .max(1000)
    .optional()
    .meta({ description: "What verify would mind, and why it is right here." }),
});

export const tableSchema = z
  .strictObject({
    name: fileName(SAFE_NAME, NAME_MEANING).meta({
      description: "Names the archive, together with the version.",
    }),
    version: fileName(
      SAFE_VERSION,
      "must begin with a digit and have letters and digits only, with . _ - between them",
    ),
    title: localized,
    requires: requirements
      .optional()
      .meta({ description: "What the bundle as a whole needs of the host." }),
    sources: z
      .record(fileName(SAFE_NAME, NAME_MEANING), sourceSchema)
      .optional()
      .meta({ description: "Files from elsewhere that images are built from." }),
    extras: extrasSchema.optional().meta({
      description: "The engine that a bundle carries where `create --with-engine` asks for it.",
    }),
    components: z
      .record(fileName(SAFE_NAME, NAME_MEANING), componentSchema)
      .refine((components) => Object.keys(components).length > 0, {
        error: "must name at least one component",
      })
      .meta({ description: "One entry per service of compose.yaml, under the service's name." }),
  })
  .meta({ title: "openim-bundler component table (components.yaml)" });

const SETTING_TYPES = [
  "string",
  "integer",
  "boolean",
  "port",
  "path",
  "host",
  "secret",
] as const satisfies readonly SettingType[];

export const settingSchema = z.strictObject({
  type: z.enum(SETTING_TYPES, { error: `must be one of ${SETTING_TYPES.join(", ")}` }).meta({
    description: "What the value must look like; a secret is generated on the site.",
  }),
  default: z.string().optional().meta({
    description: "As text, in quotes. Absent for secrets and for what only the site can know.",
  }),
  length: z
    .int({ error: "must be a whole number" })
    .min(16, { error: "must be at least 16" })
    .max(128, { error: "must be at most 128" })
    .optional()
    .meta({ description: "Characters of a generated secret; 32 unless said otherwise." }),
  description: localized,
});

export const siteSchema = z
  .strictObject({
    settings: z
      .record(
        z.string().regex(SETTING_NAME, { error: "must be capital letters, digits and _" }),
        settingSchema,
      )
      .meta({ description: "What a customer may change; compose.yaml refers to each as ${NAME}." }),
  })
  .meta({ title: "openim-bundler site settings (site.yaml)" });

/** JSON Schemas (draft 2020-12) of components.yaml and site.yaml, for editors. */
export function definitionSchemas(): { readonly components: object; readonly site: object } {
  return {
    components: z.toJSONSchema(tableSchema, { io: "input" }),
    site: z.toJSONSchema(siteSchema, { io: "input" }),
  };
}
