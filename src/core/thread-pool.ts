import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { BundlerError, interrupted } from "./errors.js";
import type { Work, WorkerMessage } from "./serve-jobs.js";

/** More threads than this take memory, and make a disk seek. */
const MAX_THREADS = 4;

/** What a pool does, on a thread or here. Jobs and results are plain data, as they cross threads. */
export interface PoolWork<Job, Result> {
  /** The worker's program, `#workers/<program>`: one that serves `work`. */
  readonly program: string;
  readonly work: Work<Job, Result>;
  /** Whether a job is done sooner than a thread is asked. */
  readonly isSmall?: (job: Job) => boolean;
  /** Gives back what a result lost between threads. */
  readonly received?: (result: Result) => Result;
  /** What a job's unforeseen failure is called. */
  readonly failed: (job: Job, why: string) => BundlerError;
}

interface Task<Job, Result> {
  readonly job: Job;
  readonly onBytes: (delta: number) => void;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: BundlerError) => void;
  /** Bytes told so far, to be taken back when the task has to start again. */
  told: number;
}

/**
 * Does jobs on worker threads, as many as there are cores, in the order they come. Where threads cannot
 * be had, or one dies, it does the same on the main thread, one job at a time.
 */
export class ThreadPool<Job, Result> {
  readonly #work: PoolWork<Job, Result>;
  readonly #program: URL;
  readonly #threads = Math.min(MAX_THREADS, availableParallelism());
  readonly #workers = new Map<Worker, Task<Job, Result> | undefined>();
  readonly #queue: Task<Job, Result>[] = [];
  /** Ends what runs on the main thread. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  #onMainThread: boolean;
  #mainThread: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** When `signal` fires, running and waiting jobs reject and the threads end. */
  constructor(work: PoolWork<Job, Result>, signal?: AbortSignal) {
    this.#work = work;
    this.#program = new URL(import.meta.resolve(`#workers/${work.program}`));
    this.#onMainThread = !existsSync(fileURLToPath(this.#program));
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  /** @throws BundlerError INTERRUPTED when the pool is closed or its signal fires; what the work throws. */
  run(job: Job, onBytes: (delta: number) => void = () => undefined): Promise<Result> {
    return new Promise((resolve, reject) => {
      const task: Task<Job, Result> = { job, onBytes, resolve, reject, told: 0 };
      if (this.#closing !== undefined) reject(interrupted());
      else if (this.#onMainThread || this.#work.isSmall?.(job) === true) this.#runHere(task);
      else {
        this.#queue.push(task);
        this.#dispatch();
      }
    });
  }

  /** Ends the threads; jobs not done yet reject. Once this resolves, no job touches a file any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
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
  #takeUnfinished(): {
    readonly tasks: readonly Task<Job, Result>[];
    readonly ended: Promise<unknown>;
  } {
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
      worker.postMessage(task.job);
    }
  }

  #freeWorker(): Worker | undefined {
    for (const [worker, task] of this.#workers) if (task === undefined) return worker;
    if (this.#workers.size >= this.#threads) return undefined;
    try {
      const worker = new Worker(this.#program, { name: this.#work.program });
      worker.on("message", (message: WorkerMessage<Result>) => this.#onMessage(worker, message));
      worker.on("error", () => this.#giveUpThreads());
      worker.on("exit", () => this.#giveUpThreads());
      this.#workers.set(worker, undefined);
      return worker;
    } catch {
      this.#giveUpThreads();
      return undefined;
    }
  }

  #onMessage(worker: Worker, message: WorkerMessage<Result>): void {
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
    const { received = (result: Result) => result, failed } = this.#work;
    if ("result" in message) task.resolve(received(message.result));
    else task.reject(failed(task.job, message.failure));
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

  #runHere({ job, onBytes, resolve, reject }: Task<Job, Result>): void {
    const { signal } = this.#stop;
    this.#mainThread = this.#mainThread.then(async () => {
      try {
        if (signal.aborted) throw interrupted();
        resolve(await this.#work.work(job, { signal, onBytes }));
      } catch (error) {
        reject(error instanceof BundlerError ? error : this.#work.failed(job, String(error)));
      }
    });
  }
}
