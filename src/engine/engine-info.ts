import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { ANSWER_MS, type Docker, engineFault, lastWords } from "./docker.js";

/** What `docker info` tells of an engine. */
export interface EngineInfo {
  readonly version: string;
  /** Images are kept by containerd: only then can the engine write one of another platform to a file. */
  readonly containerdStore: boolean;
  /** `overlay2`, `overlayfs`. */
  readonly storage: string;
  readonly rootless: boolean;
  readonly rootDir: string;
  /** Bytes, of the machine that the engine runs on. */
  readonly memory: number;
  /** As `uname -r` says it. */
  readonly kernel: string;
}

const infoSchema = z.object({
  ServerVersion: z.string().min(1),
  Driver: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  SecurityOptions: z.array(z.string()).nullish(),
  DockerRootDir: z.string(),
  MemTotal: z.number(),
  KernelVersion: z.string(),
});
const faultsSchema = z.object({ ServerErrors: z.array(z.string()).nullish() });

/** Reads what `docker info --format '{{json .}}'` prints; undefined where no engine answered. */
export function readInfo(text: string): EngineInfo | undefined {
  const info = parse(text, infoSchema);
  return info === undefined
    ? undefined
    : {
        version: info.ServerVersion,
        containerdStore: (info.DriverStatus ?? []).some(
          ([key, value]) => key === "driver-type" && value?.startsWith("io.containerd.snapshotter"),
        ),
        storage: info.Driver,
        rootless: (info.SecurityOptions ?? []).some((option) => /^(name=)?rootless\b/.test(option)),
        rootDir: info.DockerRootDir,
        memory: info.MemTotal,
        kernel: info.KernelVersion,
      };
}

/**
 * Asks `docker info` of a docker context, `default` being the one in use.
 * @throws BundlerError BUILDER when no engine answers; INTERRUPTED.
 */
export async function engineInfo(
  docker: Docker,
  context: string,
  signal: AbortSignal,
): Promise<EngineInfo> {
  // Written as one argument, a name that begins with a dash is no option.
  const args = context === "default" ? [] : [`--context=${context}`];
  const end = await docker.run([...args, "info", "--format", "{{json .}}"], {
    signal,
    timeout: ANSWER_MS,
  });
  const info = readInfo(end.stdout);
  if (info !== undefined) return info;
  // Without an engine the client ends with code 0 or 1, depending on its age.
  const errors = parse(end.stdout, faultsSchema)?.ServerErrors ?? [];
  const faults = `${errors.join("\n")}\n${end.stderr}`;
  throw (
    engineFault(faults) ??
    new BundlerError("BUILDER", `docker info failed: ${lastWords({ ...end, stderr: faults })}`, {
      hint: "Run `docker info` to see what the engine says.",
    })
  );
}

function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
