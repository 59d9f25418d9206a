import { parentPort } from "node:worker_threads";
import type { WorkerMessage, WorkerRequest } from "./layer-pool.js";
import { readLayer } from "./read-layer.js";

/** Progress is told in steps of this many bytes. */
const STEP = 4 * 1024 * 1024;

const port = parentPort;
const { signal } = new AbortController();

/** A thread of its own, which reads one layer at a time; it is ended from outside. */
async function work({ job }: WorkerRequest): Promise<WorkerMessage> {
  let progress = 0;
  const tell = (step: number): void => {
    if (progress < step) return;
    port?.postMessage({ progress } satisfies WorkerMessage);
    progress = 0;
  };
  try {
    const onBytes = (delta: number): void => {
      progress += delta;
      tell(STEP);
    };
    const facts = await readLayer(job, { signal, onBytes });
    tell(1);
    return { facts };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

port?.on("message", (request: WorkerRequest) => {
  void work(request).then((message) => port.postMessage(message));
});
