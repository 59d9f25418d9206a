import { formatBytes } from "../core/bytes.js";
import { type LineSplitter, splitLines } from "../core/lines.js";
import type { ProgressListener, SolveStatus, Vertex, VertexStatus } from "./solve-status.js";

export interface StepsListener {
  /** A line for the log. */
  readonly onLog: (line: string) => void;
  /** What the build is at, for people who watch it. */
  readonly onStep: (detail: string) => void;
}

/** A step that failed. */
export interface FailedStep {
  /** `[build 3/7] RUN go build …`. */
  readonly name: string;
  readonly error: string;
  /** The last lines that it printed. */
  readonly output: readonly string[];
}

export interface BuildSteps extends ProgressListener {
  /** The first step that failed by itself, and not because another did. */
  readonly failed: () => FailedStep | undefined;
  /** The step at work, or the last one that was. */
  readonly current: () => string | undefined;
  /** The last lines that belong to no step. */
  readonly text: readonly string[];
}

interface Step {
  readonly number: number;
  name: string;
  state: Vertex["state"];
  error: string | undefined;
  readonly output: string[];
  readonly lines: LineSplitter;
  readonly transfers: Map<string, { readonly current: number; readonly total: number }>;
}

/** Lines kept of a step's output, and characters of each. */
const OUTPUT_LINES = 15;
const LINE_CHARS = 1000;
/** Lines of text kept: the excerpt of the Dockerfile and the error are at the end. */
const TEXT_LINES = 60;
const LOG_CHARS = 64 * 1024;

/**
 * Follows a build's steps: numbers them as they start, writes the log as `docker buildx build
 * --progress plain` would, and keeps what an error has to quote.
 */
export function followSteps({ onLog, onStep }: StepsListener): BuildSteps {
  const steps = new Map<string, Step>();
  const text: string[] = [];
  let current: string | undefined;

  const stepOf = (digest: string): Step => {
    const known = steps.get(digest);
    if (known !== undefined) return known;
    const number = steps.size + 1;
    const output: string[] = [];
    const lines = splitLines((line) => {
      const seen = lastState(line);
      onLog(`#${number} ${seen}`);
      keep(output, seen, OUTPUT_LINES);
    }, LOG_CHARS);
    const step: Step = {
      number,
      name: "",
      state: "waiting",
      error: undefined,
      output,
      lines,
      transfers: new Map(),
    };
    steps.set(digest, step);
    return step;
  };

  const start = (vertex: Vertex): void => {
    // A step that only waits gets no number: it may never come to its turn.
    if (vertex.state === "waiting" && vertex.error === undefined) return;
    const step = stepOf(vertex.digest);
    if (vertex.name !== "") step.name = vertex.name;
    if (step.state !== "waiting") return;
    step.state = "running";
    current = step.name;
    onLog(`#${step.number} ${step.name}`);
    if (!vertex.cached) onStep(step.name);
  };
  const finish = ({ digest, state, error, cached, startedAt, endedAt }: Vertex): void => {
    const step = steps.get(digest);
    if (step === undefined || step.state === "done") return;
    if (state !== "done" && error === undefined) return;
    step.state = "done";
    step.error = error;
    step.lines.end();
    const spent =
      startedAt === undefined || endedAt === undefined
        ? ""
        : ` ${((endedAt - startedAt) / 1000).toFixed(1)}s`;
    const ending = error === undefined ? (cached ? "CACHED" : `DONE${spent}`) : `ERROR: ${error}`;
    onLog(`#${step.number} ${ending}`);
  };
  const transfer = ({ vertex, id, current: bytes, total, done }: VertexStatus): void => {
    const step = stepOf(vertex);
    if (total > 0) {
      step.transfers.set(id, { current: bytes, total });
      let [moved, all] = [0, 0];
      for (const one of step.transfers.values()) {
        moved += one.current;
        all += one.total;
      }
      onStep(`${step.name} ${formatBytes(moved)} of ${formatBytes(all)}`);
    }
    if (done) onLog(`#${step.number} ${id} done`);
  };
  const onStatus = ({ vertexes, statuses, logs, warnings }: SolveStatus): void => {
    for (const vertex of vertexes) start(vertex);
    for (const status of statuses) transfer(status);
    // A step's last output may come with the news of its end.
    for (const { vertex, data } of logs) stepOf(vertex).lines.push(data);
    for (const vertex of vertexes) finish(vertex);
    for (const { short } of warnings) onLog(`WARNING: ${short}`);
  };

  return {
    onStatus,
    onText: (line) => {
      onLog(line);
      keep(text, line, TEXT_LINES);
    },
    text,
    current: () => current,
    failed: () => {
      const failures = [...steps.values()].filter(({ error }) => error !== undefined);
      const own = failures.find(
        ({ error }) => !/\b(context canceled|canceled)\b/i.test(error ?? ""),
      );
      const step = own ?? failures[0];
      if (step?.error === undefined) return undefined;
      return { name: step.name, error: step.error, output: step.output };
    },
  };
}

function keep(lines: string[], line: string, most: number): void {
  lines.push(line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line);
  if (lines.length > most) lines.shift();
}

/** Of a line that a program drew over again and again, as progress bars are, what was left to see. */
function lastState(line: string): string {
  return line.slice(line.lastIndexOf("\r") + 1);
}
