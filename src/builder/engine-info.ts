import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { ANSWER_MS, type Docker, engineFault, lastWords } from "./docker.js";

export interface EngineInfo {
  readonly version: string;
  /** Images are kept by containerd: only then can the engine write one of another platform to a file. */
  readonly containerdStore: boolean;
}

const infoSchema = z.object({
  ServerVersion: z.string().optional(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  ServerErrors: z.array(z.string()).nullish(),
});

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
  const info = parse(end.stdout);
  // Without an engine the client ends with code 0 or 1, depending on its age.
  const faults = `${info?.ServerErrors?.join("\n") ?? ""}\n${end.stderr}`;
  const version = info?.ServerVersion;
  if (info === undefined || version === undefined || version === "") {
    throw (
      engineFault(faults) ??
      new BundlerError("BUILDER", `docker info failed: ${lastWords({ ...end, stderr: faults })}`, {
        hint: "Run `docker info` to see what the engine says.",
      })
    );
  }
  const status = info.DriverStatus ?? [];
  return {
    version,
    containerdStore: status.some(([, value]) => value === "io.containerd.snapshotter.v1"),
  };
}

function parse(text: string): z.infer<typeof infoSchema> | undefined {
  try {
    return infoSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
