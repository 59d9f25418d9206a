import { isAbort } from "./errors.js";

/**
 * Does all of the work at once. The first failure stops the rest, and everything has ended when it
 * is thrown: nothing goes on in the background of an error.
 */
export async function together<A, T>(
  items: readonly A[],
  outer: AbortSignal,
  work: (item: A, signal: AbortSignal) => Promise<T>,
): Promise<T[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const jobs = items.map((item) =>
    work(item, signal).catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  const errors = (await Promise.allSettled(jobs)).flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as unknown] : [],
  );
  if (errors.length > 0) throw errors.find((error) => !isAbort(error)) ?? errors[0];
  return Promise.all(jobs);
}
