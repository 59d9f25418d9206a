import { expect } from "vitest";

// Byte by byte, as vitest does it, a megabyte takes a second.
expect.addEqualityTesters([
  (a: unknown, b: unknown) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined),
]);
