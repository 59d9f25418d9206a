import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { BundlerError, interrupted } from "../core/errors.js";
import { type LayerFacts, type LayerJob, readLayer } from "./read-layer.js";

export interface WorkerRequest {
  readonly job: LayerJob;
}

export type WorkerMessage =
  { readonly progress: number } | { readonly facts: LayerFacts } | { readonly failure: string };

/** More threads than this take memory, and make a disk seek. */
const MAX_THREADS = 4;

const PROGRAM = new URL(import.meta.resolve("#workers/layer"));

interface Task {
  readonly job: LayerJob;
  readonly onBytes: (delta: number) => void;
  readonly resolve: (facts: LayerFacts) => void;
  readonly reject: (error: unknown) => void;
  /** Bytes told so far, to be taken back when the task has to start again. */
  told: number;
}

/**
 * Reads layers on worker threads, as many as there are cores, in the order they come. Where threads
 * cannot be had, or one dies, it does the same on the main thread, one layer at a time.
 */
export class LayerPool {
  readonly #threads = Math.min(MAX_THREADS, availableParallelism());
  readonly #workers = new Map<Worker, Task | undefined>();
  readonly #queue: Task[] = [];
  /** Ends what runs on the main thread. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #onMainThread = !existsSync(fileURLToPath(PROGRAM));
  #mainThread: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** When `signal` fires, running and waiting jobs reject and the threads end. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) void this.close();
  }

  /**
   * @throws BundlerError INTERRUPTED when the pool is closed or its signal fires; FILE when the
   *   archive cannot be read.
   */
  run(job: LayerJob, onBytes: (delta: number) => void): Promise<LayerFacts> {
    return new Promise((resolve, reject) => {
      const task: Task = { job, onBytes, resolve, reject, told: 0 };
      if (this.#closing !== undefined) reject(interrupted());
      else if (this.#onMainThread) this.#runHere(task);
      else {
        this.#queue.push(task);
        this.#dispatch();
      }
    });
  }

  /** Ends the threads; jobs not done yet reject. Once this resolves, none reads the file any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#stop.abort();
    const { tasks, ended } = this.#takeUnfinished();
    await ended;
    await this.#mainThread;
    for (const task of tasks) task.reject(interrupted());
  }

  readonly #onAbort = (): void => {
    void this.close();
  };

  /** Stops all threads and hands back what they, and the queue, had not finished. */
  #takeUnfinished(): { readonly tasks: readonly Task[]; readonly ended: Promise<unknown> } {
    const workers = [...this.#workers.keys()];
    const running = [...this.#workers.values()].filter((task) => task !== undefined);
    this.#workers.clear();
    for (const worker of workers) {
      worker.removeAllListeners();
      worker.on("error", () => undefined);
    }
    return {
      tasks: [...running, ...this.#queue.splice(0)],
      ended: Promise.all(workers.map((worker) => worker.terminate())),
    };
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#freeWorker();
      if (worker === undefined) return;
      const task = this.#queue.shift();
      if (task === undefined) return;
      this.#workers.set(worker, task);
      worker.ref();
      worker.postMessage({ job: task.job } satisfies WorkerRequest);
    }
  }

  #freeWorker(): Worker | undefined {
    for (const [worker, task] of this.#workers) if (task === undefined) return worker;
    if (this.#workers.size >= this.#threads) return undefined;
    try {
      const worker = new Worker(PROGRAM, { name: "walk" });
      worker.on("message", (message: WorkerMessage) => this.#onMessage(worker, message));
      worker.on("error", () => this.#giveUpThreads());
      worker.on("exit", () => this.#giveUpThreads());
      this.#workers.set(worker, undefined);
      return worker;
    } catch {
      this.#giveUpThreads();
      return undefined;
    }
  }

  #onMessage(worker: Worker, message: WorkerMessage): void {
    const task = this.#workers.get(worker);
    if (task === undefined) return;
    if ("progress" in message) {
      task.told += message.progress;
      task.onBytes(message.progress);
      return;
    }
    this.#workers.set(worker, undefined);
    // An idle thread must not keep a finished program alive.
    worker.unref();
    if ("facts" in message) task.resolve(asBuffers(message.facts));
    else task.reject(unreadable(task.job, message.failure));
    this.#dispatch();
  }

  /** A thread could not start or died (memory, limits of a container): everything goes on here. */
  #giveUpThreads(): void {
    if (this.#closing !== undefined) return;
    this.#onMainThread = true;
    const { tasks, ended } = this.#takeUnfinished();
    this.#mainThread = this.#mainThread.then(() => ended).then(() => undefined);
    for (const task of tasks) {
      if (task.told > 0) task.onBytes(-task.told);
      this.#runHere(task);
    }
  }

  #runHere(task: Task): void {
    const { signal } = this.#stop;
    this.#mainThread = this.#mainThread.then(async () => {
      try {
        if (signal.aborted) throw interrupted();
        task.resolve(await readLayer(task.job, { signal, onBytes: task.onBytes }));
      } catch (error) {
        task.reject(error instanceof BundlerError ? error : unreadable(task.job, String(error)));
      }
    });
  }
}

function unreadable({ name }: LayerJob, why: string): BundlerError {
  return new BundlerError("FILE", `${name} cannot be read: ${why}`);
}

/** Between threads a Buffer becomes a plain array of bytes. */
function asBuffers(facts: LayerFacts): LayerFacts {
  const buffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return {
    ...facts,
    captured: new Map([...facts.captured].map(([path, bytes]) => [path, buffer(bytes)])),
    files: facts.files.map((file) =>
      file.program?.format === "elf" && file.program.go !== undefined
        ? { ...file, program: { ...file.program, go: buffer(file.program.go) } }
        : file,
    ),
  };
}
