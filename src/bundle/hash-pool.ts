import { createHash } from "node:crypto";
import fs from "node:fs";
import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { interrupted } from "../core/errors.js";
import { type HashJob, type HashOutcome, hashJob } from "./hash-job.js";

/** More threads than this only make a disk seek. */
const MAX_THREADS = 4;

/** Below this many bytes a job is done sooner than a thread is asked. */
const INLINE_BYTES = 1024 * 1024;

/**
 * The worker's program is made from hashJob's own text: a worker can load neither TypeScript (which
 * tests run from) nor, from a bundled program, a file beside it.
 */
const PROGRAM = `
const { parentPort } = require("node:worker_threads");
const tools = { fs: require("node:fs"), createHash: require("node:crypto").createHash };
const hashJob = ${hashJob.toString()};
parentPort.on("message", (job) => {
  const steps = hashJob(tools, job);
  let progress = 0;
  for (;;) {
    const { done, value } = steps.next();
    if (!done) progress += value;
    if (done || progress >= 4 * 1024 * 1024) {
      if (progress > 0) parentPort.postMessage({ progress });
      progress = 0;
    }
    if (done) return parentPort.postMessage({ outcome: value });
  }
});`;

type WorkerMessage = { readonly progress: number } | { readonly outcome: HashOutcome };

interface Task {
  readonly job: HashJob;
  readonly onBytes: (delta: number) => void;
  readonly resolve: (outcome: HashOutcome) => void;
  readonly reject: (error: Error) => void;
  /** Bytes reported so far, to be taken back when the task has to start again. */
  reported: number;
}

/**
 * Hashes and copies on worker threads, as many as there are cores, jobs in the order they come.
 * Where threads cannot be had, it does the same on the main thread, one job at a time.
 */
export class HashPool {
  readonly #threads = Math.min(MAX_THREADS, availableParallelism());
  readonly #workers = new Map<Worker, Task | undefined>();
  readonly #queue: Task[] = [];
  readonly #signal: AbortSignal | undefined;
  #onMainThread = false;
  #mainThread: Promise<void> = Promise.resolve();
  #closed = false;
  #closing: Promise<void> | undefined;

  /** When `signal` fires, running and waiting jobs reject and the threads end. */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#closed = true;
  }

  /**
   * Answers with the sha256 of all sources, or with why it could not be had.
   * @throws BundlerError INTERRUPTED when the pool is closed or its signal fires.
   */
  run(job: HashJob, onBytes: (delta: number) => void = () => undefined): Promise<HashOutcome> {
    return new Promise((resolve, reject) => {
      const task: Task = { job, onBytes, resolve, reject, reported: 0 };
      if (this.#closed) reject(interrupted());
      else if (this.#onMainThread || bytesOf(job) <= INLINE_BYTES) this.#runHere(task);
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
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const unfinished = this.#takeUnfinished();
    await unfinished.ended;
    await this.#mainThread;
    for (const task of unfinished.tasks) task.reject(interrupted());
  }

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

  readonly #onAbort = (): void => {
    void this.close();
  };

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
      const worker = new Worker(PROGRAM, { eval: true, name: "hash" });
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
      task.reported += message.progress;
      task.onBytes(message.progress);
      return;
    }
    this.#workers.set(worker, undefined);
    // An idle thread must not keep a finished program alive.
    worker.unref();
    task.resolve(message.outcome);
    this.#dispatch();
  }

  /** A thread could not start or died (memory, limits of a container): everything goes on here. */
  #giveUpThreads(): void {
    if (this.#closed) return;
    this.#onMainThread = true;
    const { tasks, ended } = this.#takeUnfinished();
    this.#mainThread = this.#mainThread.then(() => ended).then(() => undefined);
    for (const task of tasks) {
      if (task.reported > 0) task.onBytes(-task.reported);
      task.reported = 0;
      this.#runHere(task);
    }
  }

  #runHere(task: Task): void {
    this.#mainThread = this.#mainThread.then(async () => {
      const steps = hashJob({ fs, createHash }, task.job);
      let sinceBreath = 0;
      for (;;) {
        if (this.#closed) {
          steps.return({ failure: { stage: "read", source: 0, message: "stopped" } });
          task.reject(interrupted());
          return;
        }
        const step = steps.next();
        if (step.done) {
          task.resolve(step.value);
          return;
        }
        task.onBytes(step.value);
        sinceBreath += step.value;
        if (sinceBreath >= 4 * 1024 * 1024) {
          sinceBreath = 0;
          await setImmediate();
        }
      }
    });
  }
}

function bytesOf(job: HashJob): number {
  return job.sources.reduce(
    (sum, source) => sum + ("bytes" in source ? source.bytes.length : source.length),
    0,
  );
}
