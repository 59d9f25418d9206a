import { z } from "zod";
import { parseBytes } from "../core/bytes.js";
import { type Platform, platformMatches } from "../core/platform.js";
import { localized, platforms, readPlatform, toPlatforms } from "./schema-parts.js";
import type { Requirement, RequirementKind } from "./types.js";

/** Sets of processor features, by the architecture that has them. */
const CPU_FEATURES = {
  "armv8.2-a": "arm64",
  "x86-64-v2": "amd64",
  avx: "amd64",
} as const;

const FEATURE_NAMES = [
  "armv8.2-a",
  "x86-64-v2",
  "avx",
] as const satisfies readonly (keyof typeof CPU_FEATURES)[];

const KINDS = ["memory", "disk", "engine", "pageSize", "cpu", "nofile", "sysctl"] as const;

const NO_SIZE = "must be a size like 4GiB or 512MiB, or a number of bytes";

const size = z.union(
  [
    z.int().min(1, { error: NO_SIZE }),
    z.string().refine((text) => (parseBytes(text) ?? 0) > 0, { error: NO_SIZE }),
  ],
  { error: NO_SIZE },
);

const count = z.int({ error: "must be a whole number" }).min(0, { error: "must not be negative" });

const requirement = z
  .strictObject({
    memory: size.optional().meta({ description: "Memory of the host, in all." }),
    disk: size.optional().meta({ description: "Room in DATA_DIR." }),
    engine: z
      .string()
      .regex(/^\d{1,5}\.\d{1,5}(?:\.\d{1,5})?$/, { error: 'must be a version like "20.10.10"' })
      .optional()
      .meta({ description: "The least version of Docker.", examples: ["20.10.10"] }),
    pageSize: size
      .refine((value) => isPageSize(bytesOf(value)), {
        error: "must be a page's size: 4KiB, 16KiB or 64KiB",
      })
      .optional()
      .meta({ description: "The largest memory page that its programs live with." }),
    cpu: z
      .enum(FEATURE_NAMES, { error: `must be one of ${FEATURE_NAMES.join(", ")}` })
      .optional()
      .meta({ description: "Features of the processor; asked on their own architecture alone." }),
    nofile: count.min(1, { error: "must be at least 1" }).optional().meta({
      description: "File descriptors that a container can have.",
    }),
    sysctl: z
      .strictObject({
        name: z.string().regex(/^[a-z0-9_]+(?:\.[a-z0-9_-]+)+$/, {
          error: "must be a name like vm.max_map_count",
        }),
        least: count,
      })
      .optional()
      .meta({ description: "A setting of the kernel and the least that it may be." }),
    level: z
      .enum(["fail", "warn"], { error: "must be fail or warn" })
      .optional()
      .meta({ description: "Whether the site stops or warns.", default: "fail" }),
    platforms: platforms.optional().meta({ description: "Where it holds; everywhere if absent." }),
    reason: localized.meta({ description: "Why, for whoever has to mend it." }),
  })
  .refine((entry) => KINDS.filter((kind) => entry[kind] !== undefined).length === 1, {
    error: `must have exactly one of ${KINDS.join(", ")}`,
  })
  .refine(
    ({ cpu, platforms: only }) =>
      cpu === undefined ||
      only === undefined ||
      only.some((text) => readPlatform(text)?.architecture === CPU_FEATURES[cpu]),
    { error: "names no platform that could have that cpu" },
  );

/** The schema of a list of requirements in components.yaml. */
export const requirements = z
  .array(requirement)
  .min(1, { error: "must have at least one entry; leave it out otherwise" });

/** Requirements as they stand in the table, typed. */
export function toRequirements(entries: z.infer<typeof requirements>): readonly Requirement[] {
  return entries.flatMap((entry) => {
    const fact = factOf(entry);
    if (fact === undefined) return [];
    const { level = "fail", platforms: only, reason } = entry;
    return [
      {
        ...fact,
        level,
        ...(only === undefined ? {} : { platforms: toPlatforms(only) }),
        reason,
      },
    ];
  });
}

/** Those that hold on a platform, without the platforms that they name. */
export function requirementsFor(
  list: readonly Requirement[],
  target: Platform,
): readonly Omit<Requirement, "platforms">[] {
  return list.flatMap(({ platforms: only, ...rest }) => {
    const architecture =
      rest.kind === "cpu"
        ? (CPU_FEATURES as Readonly<Record<string, string>>)[rest.value]
        : undefined;
    if (architecture !== undefined && architecture !== target.architecture) return [];
    return only === undefined || only.some((one) => platformMatches(target, one)) ? [rest] : [];
  });
}

function factOf(
  entry: z.infer<typeof requirement>,
): { readonly kind: RequirementKind; readonly value: string } | undefined {
  const { memory, disk, engine, pageSize, cpu, nofile, sysctl } = entry;
  if (memory !== undefined) return { kind: "memory", value: String(bytesOf(memory)) };
  if (disk !== undefined) return { kind: "disk", value: String(bytesOf(disk)) };
  if (engine !== undefined) return { kind: "engine", value: engine };
  if (pageSize !== undefined) return { kind: "page-size", value: String(bytesOf(pageSize)) };
  if (cpu !== undefined) return { kind: "cpu", value: cpu };
  if (nofile !== undefined) return { kind: "nofile", value: String(nofile) };
  return sysctl === undefined
    ? undefined
    : { kind: "sysctl", value: `${sysctl.name}=${sysctl.least}` };
}

function bytesOf(size: string | number): number {
  return typeof size === "number" ? size : (parseBytes(size) ?? 0);
}

/** Linux has pages of 4, 16 and 64 KiB on the architectures that bundles are for. */
function isPageSize(bytes: number): boolean {
  return [4096, 16_384, 65_536].includes(bytes);
}
