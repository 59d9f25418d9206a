import type { z } from "zod";
import { BundlerError } from "../core/errors.js";

/**
 * Reads bytes as JSON of a given shape. `what` names the document in the error.
 * @throws BundlerError INTEGRITY naming the first places that do not fit.
 */
export function parseJson<T>(what: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BundlerError("INTEGRITY", `${what} is not JSON.`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, 3)
    .map(
      (issue) =>
        `${issue.path.join(".").slice(0, 200) || "document"}: ${issue.message.slice(0, 200)}`,
    );
  throw new BundlerError(
    "INTEGRITY",
    `${what} does not have the expected shape: ${problems.join("; ")}.`,
  );
}
