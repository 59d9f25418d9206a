import { z } from "zod";
import type { ProgressListener, ProgressReader, SolveStatus } from "./solve-status.js";

/** Characters of one object; what is longer is not kept waiting for its end. */
const LONGEST = 32 * 1024 * 1024;

const time = z.string().nullish();

const statusSchema = z.object({
  vertexes: z
    .array(
      z.object({
        digest: z.string(),
        name: z.string().default(""),
        started: time,
        completed: time,
        cached: z.boolean().nullish(),
        error: z.string().nullish(),
      }),
    )
    .nullish(),
  statuses: z
    .array(
      z.object({
        vertex: z.string().default(""),
        id: z.string().default(""),
        current: z.number().default(0),
        total: z.number().nullish(),
        completed: time,
      }),
    )
    .nullish(),
  logs: z.array(z.object({ vertex: z.string().default(""), data: z.string().nullish() })).nullish(),
  warnings: z.array(z.object({ short: z.string().nullish() })).nullish(),
});

const KEYS = ["vertexes", "statuses", "logs", "warnings"];

/**
 * Reads `--progress rawjson`: JSON objects, one to a line from buildx 0.14 on and indented over many
 * lines in 0.13, between lines of plain text. What looks like an object and is none is text.
 */
export function readRawJson({ onStatus, onText }: ProgressListener): ProgressReader {
  let open: string[] = [];
  let length = 0;

  const giveUp = (): void => {
    for (const line of open) onText(line);
    open = [];
    length = 0;
  };
  const take = (line: string): void => {
    if (open.length === 0 && !line.startsWith("{")) {
      onText(line);
      return;
    }
    open.push(line);
    length += line.length;
    // Of an indented object, only the first and the last line begin at the margin.
    const complete = open.length === 1 ? line.length > 1 : line === "}";
    if (complete) {
      const status = parseStatus(open.join("\n"));
      if (status === undefined) {
        giveUp();
        return;
      }
      open = [];
      length = 0;
      onStatus(status);
    } else if (length > LONGEST || (open.length > 1 && !/^[\s}]/.test(line))) {
      // Whatever was begun, this line is not part of it.
      const last = open.pop() ?? "";
      giveUp();
      take(last);
    }
  };
  return { line: take, end: giveUp };
}

function parseStatus(text: string): SolveStatus | undefined {
  const status = statusSchema.safeParse(parseJson(text)).data;
  if (status === undefined) return undefined;
  return {
    vertexes: (status.vertexes ?? []).map(({ digest, name, started, completed, cached, error }) => {
      return {
        digest,
        name,
        ...timeOf("startedAt", started),
        ...timeOf("endedAt", completed),
        state: completed ? "done" : started ? "running" : "waiting",
        cached: cached === true,
        ...(error ? { error } : {}),
      };
    }),
    statuses: (status.statuses ?? []).map(({ vertex, id, current, total, completed }) => ({
      vertex,
      id,
      current,
      total: total ?? 0,
      done: Boolean(completed),
    })),
    logs: (status.logs ?? []).map(({ vertex, data }) => ({
      vertex,
      data: Buffer.from(data ?? "", "base64"),
    })),
    warnings: (status.warnings ?? []).map(({ short }) => ({
      short: Buffer.from(short ?? "", "base64").toString("utf8"),
    })),
  };
}

function timeOf<K extends string>(
  key: K,
  text: string | null | undefined,
): Partial<Record<K, number>> {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? {} : ({ [key]: at } as Partial<Record<K, number>>);
}

/** Undefined for what is no object of BuildKit's. */
function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const known =
      typeof value === "object" && value !== null && KEYS.some((key) => Object.hasOwn(value, key));
    return known ? value : undefined;
  } catch {
    return undefined;
  }
}
