import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { foldName, readJson } from "./read-json.js";

/** A string of Go's: what is not there is empty. */
export const goString = (max: number) =>
  z
    .string()
    .max(max)
    .nullish()
    .transform((text) => text ?? "");

/** A list of Go's: what is not there is empty. */
export const goList = <T extends z.ZodType>(item: T, max: number) =>
  z
    .array(item)
    .max(max)
    .nullish()
    .transform((list) => list ?? []);

/**
 * Reads a document that engines read, as JSON of a given shape: an object of the shape is a struct of
 * Go's, whose fields are found whatever the case of their names, a record is a map. `what` names the
 * document in the error.
 * @throws BundlerError INTEGRITY naming the first places that do not fit; as readJson does.
 */
export function parseJson<T>(what: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const result = schema.safeParse(withFieldNames(schema, readJson(what, bytes)));
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

/** The value with each field under the name that the schema has for it. */
function withFieldNames(schema: z.core.$ZodType, value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (schema instanceof z.ZodArray) {
    if (!Array.isArray(value)) return value;
    return value.map((item: unknown) => withFieldNames(schema.element, item));
  }
  if (schema instanceof z.ZodPipe) return withFieldNames(schema.in, value);
  if (schema instanceof z.ZodUnion) {
    return schema.options.reduce<unknown>((known, option) => withFieldNames(option, known), value);
  }
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodCatch
  ) {
    return withFieldNames(schema.unwrap(), value);
  }
  if (Array.isArray(value)) return value;
  if (schema instanceof z.ZodRecord) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, withFieldNames(schema.valueType, item)]),
    );
  }
  if (!(schema instanceof z.ZodObject)) return value;
  const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>;
  const fields = new Map(Object.keys(shape).map((name) => [foldName(name), name]));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const field = fields.get(foldName(name));
      const type = field === undefined ? undefined : shape[field];
      if (field === undefined || type === undefined) return [name, item];
      return [field, withFieldNames(type, item)];
    }),
  );
}
