import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BuildSteps, followSteps } from "../../../src/builder/build-steps.js";
import { readPlainProgress } from "../../../src/builder/plain-progress.js";
import { readRawJson } from "../../../src/builder/rawjson.js";
import type {
  ProgressListener,
  ProgressReader,
  SolveStatus,
} from "../../../src/builder/solve-status.js";

const recorded = (name: string) =>
  readFile(join(import.meta.dirname, "recorded", name), "utf8").then((text) => text.split("\n"));

function listen(): ProgressListener & { statuses: SolveStatus[]; texts: string[] } {
  const statuses: SolveStatus[] = [];
  const texts: string[] = [];
  return {
    statuses,
    texts,
    onStatus: (status) => statuses.push(status),
    onText: (line) => texts.push(line),
  };
}

function follow(
  lines: readonly string[],
  read: (listener: ProgressListener) => ProgressReader,
): { steps: BuildSteps; log: string[]; told: string[] } {
  const log: string[] = [];
  const told: string[] = [];
  const steps = followSteps({ onLog: (line) => log.push(line), onStep: (text) => told.push(text) });
  const reader = read(steps);
  for (const line of lines) reader.line(line);
  reader.end();
  return { steps, log, told };
}

const RUN =
  '[two 1/1] RUN ["/bin/sh", "-c", "echo $HTTP_PROXY; for i in 1 2 3; do echo line $i; done; exit 3"]';
const ERROR =
  'process "/bin/sh -c echo $HTTP_PROXY; for i in 1 2 3; do echo line $i; done; exit 3" did not complete successfully: exit code: 3';

describe("a failed build, as buildx 0.13 told it", () => {
  it.each([
    ["rawjson", "failed-0.13.rawjson", readRawJson],
    ["plain", "failed-0.13.plain", readPlainProgress],
  ])(
    "in %s: the failing step with what it printed, the log, and the text at the end",
    async (_, file, read) => {
      const { steps, log, told } = follow(await recorded(file), read);
      expect(steps.failed()).toEqual({
        name: RUN,
        error: ERROR,
        output: ["", "line 1", "line 2", "line 3"],
      });
      expect(steps.current()).toBe(RUN);
      expect(steps.text).toContain("Dockerfile:6");
      expect(steps.text.findLast((line) => line !== "")).toBe(`ERROR: failed to solve: ${ERROR}`);
      const number = log.find((line) => line.endsWith(RUN))?.split(" ")[0];
      expect(log).toEqual(
        expect.arrayContaining([
          "#1 [internal] load remote build context",
          `${number} ${RUN}`,
          `${number} line 2`,
          `${number} ERROR: ${ERROR}`,
        ]),
      );
      expect(log.indexOf(`${number} line 3`)).toBeLessThan(
        log.indexOf(`${number} ERROR: ${ERROR}`),
      );
      expect(told).toContain(RUN);
    },
  );
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("rawjson", () => {
  const statusObject = fc.record({
    vertexes: fc.array(
      fc.record(
        {
          digest: fc.string(),
          name: fc.string(),
          started: fc.constant("2026-11-22T23:38:28.658911208Z"),
          completed: fc.constant("2026-11-22T23:38:29Z"),
          cached: fc.boolean(),
          error: fc.string({ minLength: 1 }),
        },
        { requiredKeys: ["digest", "name"] },
      ),
      { maxLength: 3 },
    ),
    logs: fc.array(
      fc.record({ vertex: fc.string(), data: fc.string().map(base64), stream: fc.nat() }),
      { maxLength: 3 },
    ),
  });
  const textLine = fc.string().filter((line) => !line.startsWith("{"));

  it("is the same on one line, indented over many, and with text in between", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            statusObject.map((value) => ({ value })),
            textLine,
          ),
          { maxLength: 12 },
        ),
        fc.boolean(),
        (items, indented) => {
          const lines = items.flatMap((item) =>
            typeof item === "string"
              ? [item]
              : JSON.stringify(item.value, undefined, indented ? 2 : undefined).split("\n"),
          );
          const heard = listen();
          const reader = readRawJson(heard);
          for (const line of lines) reader.line(line);
          reader.end();
          expect(heard.texts).toEqual(items.filter((item) => typeof item === "string"));
          const objects = items.flatMap((item) => (typeof item === "string" ? [] : [item.value]));
          expect(heard.statuses.map(({ vertexes }) => vertexes.map(({ name }) => name))).toEqual(
            objects.map(({ vertexes }) => vertexes.map(({ name }) => name)),
          );
          expect(
            heard.statuses.flatMap(({ logs }) =>
              logs.map(({ data }) => Buffer.from(data).toString("base64")),
            ),
          ).toEqual(objects.flatMap(({ logs }) => logs.map(({ data }) => data)));
        },
      ),
    );
  });

  it("of any lines is read without failing, and loses none that is no object", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.string(), fc.constantFrom("{", "}", " }", '{"vertexes":1}', '{"a":1}')),
        ),
        (lines) => {
          const heard = listen();
          const reader = readRawJson(heard);
          for (const line of lines) reader.line(line);
          reader.end();
          expect(heard.texts).toEqual(lines);
        },
      ),
    );
  });

  it("takes apart times, states, transfers and warnings", () => {
    const heard = listen();
    readRawJson(heard).line(
      JSON.stringify({
        vertexes: [
          { digest: "sha256:a", name: "one" },
          { digest: "sha256:b", name: "two", started: "2026-01-01T00:00:00Z" },
          {
            digest: "sha256:c",
            name: "three",
            started: "2026-01-01T00:00:00Z",
            completed: "2026-01-01T00:00:02Z",
            cached: true,
          },
        ],
        statuses: [{ id: "sha256:l", vertex: "sha256:b", current: 5, total: 10 }],
        warnings: [{ short: base64("careful"), level: 1 }],
        logs: null,
      }),
    );
    expect(heard.statuses).toEqual([
      {
        vertexes: [
          { digest: "sha256:a", name: "one", state: "waiting", cached: false },
          {
            digest: "sha256:b",
            name: "two",
            state: "running",
            cached: false,
            startedAt: Date.UTC(2026, 0, 1),
          },
          {
            digest: "sha256:c",
            name: "three",
            state: "done",
            cached: true,
            startedAt: Date.UTC(2026, 0, 1),
            endedAt: Date.UTC(2026, 0, 1, 0, 0, 2),
          },
        ],
        statuses: [{ id: "sha256:l", vertex: "sha256:b", current: 5, total: 10, done: false }],
        logs: [],
        warnings: [{ short: "careful" }],
      },
    ]);
  });
});

describe("the steps of a build", () => {
  const vertex = (digest: string, more: object = {}) => ({
    vertexes: [{ digest, name: `name of ${digest}`, started: "2026-01-01T00:00:00Z", ...more }],
  });
  const lines = (...objects: object[]) => objects.map((one) => JSON.stringify(one));

  it("are numbered as they start, with their time, and what waits is not heard of", () => {
    const { log } = follow(
      lines(
        { vertexes: [{ digest: "c", name: "later" }] },
        vertex("a"),
        vertex("b", { completed: "2026-01-01T00:00:01.25Z" }),
        vertex("a", { completed: "2026-01-01T00:00:03Z" }),
        vertex("a", { completed: "2026-01-01T00:00:03Z", cached: true }),
      ),
      readRawJson,
    );
    expect(log).toEqual(["#1 name of a", "#2 name of b", "#2 DONE 1.3s", "#1 DONE 3.0s"]);
  });

  it("that failed because another did are not the failure", () => {
    const { steps } = follow(
      lines(
        vertex("a"),
        vertex("b"),
        vertex("a", {
          error: 'process "make" did not complete successfully: context canceled: context canceled',
        }),
        vertex("b", { error: "exit code: 2" }),
      ),
      readRawJson,
    );
    expect(steps.failed()).toMatchObject({ name: "name of b", error: "exit code: 2" });
  });

  it("keep the last fifteen lines of what they print, characters cut in two put together", () => {
    const text = Array.from({ length: 40 }, (_, n) => `line ${n} é`).join("\n");
    const bytes = Buffer.from(text);
    const logs = [...bytes].map((byte) => ({
      logs: [{ vertex: "a", data: Buffer.from([byte]).toString("base64") }],
    }));
    const { steps, log } = follow(
      lines(vertex("a"), ...logs, vertex("a", { completed: "2026-01-01T00:00:01Z", error: "bad" })),
      readRawJson,
    );
    expect(steps.failed()?.output).toEqual(text.split("\n").slice(-15));
    expect(log.filter((line) => line.startsWith("#1 line"))).toHaveLength(40);
  });

  it("that redraw a progress bar leave its last state", () => {
    const { log } = follow(
      lines(vertex("a"), {
        logs: [{ vertex: "a", data: base64("10%\r50%\r100%\r\nnext\n") }],
      }),
      readRawJson,
    );
    expect(log.slice(1)).toEqual(["#1 100%", "#1 next"]);
  });

  it("tell how far downloads are", () => {
    const { told } = follow(
      lines(
        vertex("a"),
        { statuses: [{ id: "x", vertex: "a", current: 1024, total: 4096 }] },
        { statuses: [{ id: "y", vertex: "a", current: 1024, total: 4096 }] },
      ),
      readRawJson,
    );
    expect(told.at(-1)).toBe("name of a 2.0 KiB of 8.0 KiB");
  });
});
