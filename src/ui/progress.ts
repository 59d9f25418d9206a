import { Listr, ListrLogger, type ListrLogLevels, type ListrTask, ProcessOutput } from "listr2";
import type { BundlerEvent, Phase } from "../core/events.js";
import { PhaseRow } from "./phase-row.js";
import { printable } from "../core/invisible.js";

/** A phase that the command will go through, in the order in which it is shown. */
export interface ExpectedPhase {
  readonly phase: Phase;
  /** As in the events: a platform, or an archive's name. */
  readonly subject: string;
}

export interface ProgressOptions {
  readonly phases: readonly ExpectedPhase[];
  readonly stream: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
}

export interface Progress {
  onEvent(event: BundlerEvent): void;
  /** Closes what is still open; `failed` marks it so. */
  end(failed?: boolean): Promise<void>;
}

/** Between two updates of one phase, in milliseconds: smooth on a terminal, sparse in a log. */
const INTERVAL = { terminal: 100, log: 5000 } as const;

/** Shows events as a list of phases: live on a terminal, a line every few seconds elsewhere. */
export function startProgress({ phases, stream, env }: ProgressOptions): Progress {
  if (phases.length === 0) return { onEvent: () => undefined, end: () => Promise.resolve() };
  const live = stream.isTTY && stream.columns >= 20 && env["TERM"] !== "dumb" && !env["CI"];
  const rows = phases.map(
    ({ phase, subject }) => new PhaseRow(phase, subject, live ? INTERVAL.terminal : INTERVAL.log),
  );
  return live ? liveProgress(rows, stream) : logProgress(rows, stream);
}

function taskOf(row: PhaseRow): ListrTask {
  return {
    title: row.title,
    task: (_, wrapper) =>
      row.shown({
        title: (text) => (wrapper.title = text),
        output: (text) => (wrapper.output = text),
      }),
  };
}

function liveProgress(rows: readonly PhaseRow[], stream: NodeJS.WriteStream): Progress {
  const logger = new ListrLogger({
    useIcons: true,
    processOutput: new ProcessOutput(stream, stream),
  });
  const list = new Listr(rows.map(taskOf), {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    rendererOptions: { logger, showErrorMessage: false, collapseErrors: false },
  });
  const running = list.run();
  const notices: string[] = [];
  return {
    onEvent: (event) => {
      // A line printed between two frames would tear the list: notices wait for its end.
      if (event.type === "notice") notices.push(noticeLine(event));
      for (const row of rows) row.onEvent(event);
    },
    end: async (failed = false) => {
      for (const row of rows) row.close(failed);
      await running;
      for (const line of notices) stream.write(line);
    },
  };
}

function logProgress(rows: readonly PhaseRow[], stream: NodeJS.WriteStream): Progress {
  const logger = new ListrLogger<ListrLogLevels>({
    useIcons: true,
    processOutput: new ProcessOutput(stream, stream),
  });
  const running: Promise<unknown>[] = [];
  return {
    onEvent: (event) => {
      if (event.type === "notice") stream.write(noticeLine(event));
      for (const row of rows) {
        if (row.startsWith(event)) {
          const list = new Listr([taskOf(row)], {
            exitOnError: false,
            registerSignalListeners: false,
            renderer: "simple",
            rendererOptions: { logger },
          });
          running.push(list.run());
        }
        row.onEvent(event);
      }
    },
    end: async (failed = false) => {
      for (const row of rows) row.close(failed);
      await Promise.all(running);
    },
  };
}

function noticeLine({ level, message }: Extract<BundlerEvent, { type: "notice" }>): string {
  return `${level === "warn" ? "Warning: " : ""}${printable(message.replace(/\s+/g, " "))}\n`;
}
