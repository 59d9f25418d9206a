import { parentPort } from "node:worker_threads";
import { messageOf } from "./errors.js";

/** Does a job and tells how many bytes it got on. */
export type Work<Job, Result> = (
  job: Job,
  progress: { readonly signal: AbortSignal; readonly onBytes: (delta: number) => void },
) => Promise<Result>;

/** What a thread tells of its job. */
export type WorkerMessage<Result> =
  | { readonly progress: number }
  | { readonly result: Result }
  | { readonly failure: string };

/** Progress is told in steps of this many bytes. */
const STEP = 4 * 1024 * 1024;

/** Makes this thread do the jobs of a {@link ThreadPool}, one at a time; it is ended from outside. */
export function serveJobs<Job, Result>(work: Work<Job, Result>): void {
  const port = parentPort;
  const { signal } = new AbortController();
  const tell = (message: WorkerMessage<Result>): void => port?.postMessage(message);
  const answer = async (job: Job): Promise<WorkerMessage<Result>> => {
    let progress = 0;
    try {
      const result = await work(job, {
        signal,
        onBytes: (delta) => {
          progress += delta;
          if (progress < STEP) return;
          tell({ progress });
          progress = 0;
        },
      });
      if (progress > 0) tell({ progress });
      return { result };
    } catch (error) {
      return { failure: messageOf(error) };
    }
  };
  port?.on("message", (job: Job) => void answer(job).then(tell));
}
