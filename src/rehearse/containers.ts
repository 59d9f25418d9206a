import { z } from "zod";
import { ANSWER_MS, type Docker } from "../engine/docker.js";

/** What the engine says of a container. */
export interface ContainerFacts {
  readonly id: string;
  readonly service: string;
  /** `created`, `running`, `restarting`, `exited`, `dead`, `paused`. */
  readonly status: string;
  /** `starting`, `healthy`, `unhealthy`; absent without a health check. */
  readonly health?: string;
  readonly exitCode: number;
  readonly restarts: number;
  /** `no`, `always`, `unless-stopped`, `on-failure`. */
  readonly policy: string;
  /** What the last health check printed. */
  readonly probe?: string;
  readonly addresses: readonly string[];
}

const inspectSchema = z.array(
  z.object({
    Id: z.string(),
    RestartCount: z.number().nullish(),
    Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
    HostConfig: z.object({ RestartPolicy: z.object({ Name: z.string() }).nullish() }).nullish(),
    State: z.object({
      Status: z.string(),
      ExitCode: z.number(),
      Health: z
        .object({
          Status: z.string(),
          Log: z.array(z.object({ ExitCode: z.number(), Output: z.string() })).nullish(),
        })
        .nullish(),
    }),
    NetworkSettings: z
      .object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string() })).nullish() })
      .nullish(),
  }),
);

/** The containers of a compose project, one-off ones apart. */
export async function containersOf(
  docker: Docker,
  project: string,
  signal: AbortSignal,
): Promise<readonly ContainerFacts[]> {
  const options = { signal, timeout: ANSWER_MS };
  const filter = `label=com.docker.compose.project=${project}`;
  const list = await docker.run(["ps", "-aq", "--no-trunc", "--filter", filter], options);
  const ids = list.stdout.split(/\s+/).filter((id) => id !== "");
  if (ids.length === 0) return [];
  // One that goes between the two commands is missing in the answer, and no more.
  return parseContainers((await docker.run(["inspect", ...ids], options)).stdout);
}

/** Reads what `docker inspect` prints of containers. */
export function parseContainers(text: string): readonly ContainerFacts[] {
  let containers: z.infer<typeof inspectSchema>;
  try {
    containers = inspectSchema.safeParse(JSON.parse(text)).data ?? [];
  } catch {
    return [];
  }
  return containers.flatMap(({ Id, Config, State, HostConfig, RestartCount, NetworkSettings }) => {
    const labels = new Map(Object.entries(Config.Labels ?? {}));
    if (labels.get("com.docker.compose.oneoff") === "True") return [];
    const { Status: health = "none", Log: probes } = State.Health ?? {};
    const probe = probes?.at(-1);
    return [
      {
        id: Id,
        service: labels.get("com.docker.compose.service") ?? "",
        status: State.Status,
        ...(health === "none" ? {} : { health }),
        exitCode: State.ExitCode,
        restarts: RestartCount ?? 0,
        policy: HostConfig?.RestartPolicy?.Name ?? "no",
        ...(probe === undefined
          ? {}
          : { probe: `exit code ${probe.ExitCode} ${probe.Output.trim()}`.trim() }),
        addresses: Object.values(NetworkSettings?.Networks ?? {})
          .map(({ IPAddress }) => IPAddress)
          .filter((address) => address !== ""),
      },
    ];
  });
}

/** How far a service has come, by its container that is worst off. */
export interface ServiceState {
  readonly name: string;
  readonly rank: "ready" | "waiting" | "failed";
  /** In the engine's words. */
  readonly word: string;
  readonly container?: ContainerFacts;
}

/** So often may a service fall over before nobody waits for it any longer. */
const RESTARTS_MAX = 5;
const RANKS = ["ready", "waiting", "failed"] as const;

/** The states of services, in the order in which they are expected. */
export function serviceStates(
  expected: readonly string[],
  containers: readonly ContainerFacts[],
): readonly ServiceState[] {
  return expected.map((name) => {
    const states = containers
      .filter(({ service }) => service === name)
      .map((container): ServiceState => ({ name, ...stateOf(container), container }));
    const worst = states.toSorted((a, b) => RANKS.indexOf(b.rank) - RANKS.indexOf(a.rank))[0];
    return worst ?? { name, rank: "waiting", word: "not created" };
  });
}

function stateOf(container: ContainerFacts): Pick<ServiceState, "rank" | "word"> {
  const { status, health, exitCode, restarts, policy } = container;
  const returns = ["always", "unless-stopped"].includes(policy);
  if (status === "running" && (health === undefined || health === "healthy")) {
    return { rank: "ready", word: health ?? status };
  }
  if (status === "exited") {
    const word = `exited (${exitCode})`;
    if (exitCode === 0 && !returns) return { rank: "ready", word };
    return { rank: returns || policy === "on-failure" ? "waiting" : "failed", word };
  }
  if (status === "dead" || restarts > RESTARTS_MAX) return { rank: "failed", word: status };
  return { rank: "waiting", word: status === "running" ? (health ?? status) : status };
}
