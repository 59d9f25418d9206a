/** One piece of news from BuildKit (moby/buildkit client/graph.go, `SolveStatus`). */
export interface SolveStatus {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}

/** A step. It is told again whenever something about it changes. */
export interface Vertex {
  readonly digest: string;
  readonly name: string;
  /** Milliseconds since 1970; absent where only the order is known. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly state: "waiting" | "running" | "done";
  readonly cached: boolean;
  readonly error?: string;
}

/** Something that a step is at, such as the download of one layer. */
export interface VertexStatus {
  readonly vertex: string;
  readonly id: string;
  /** Bytes, where `total` is more than 0. */
  readonly current: number;
  readonly total: number;
  readonly done: boolean;
}

interface VertexLog {
  readonly vertex: string;
  readonly data: Uint8Array;
}

interface VertexWarning {
  readonly short: string;
}

/** Takes what a build prints, line by line. */
export interface ProgressReader {
  readonly line: (text: string) => void;
  /** At the end of the output. */
  readonly end: () => void;
}

export interface ProgressListener {
  readonly onStatus: (status: SolveStatus) => void;
  /** A line that is no news of a step: the Dockerfile's excerpt, the error at the end, a warning of docker's. */
  readonly onText: (line: string) => void;
}

export const NO_NEWS: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };
