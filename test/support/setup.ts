import fc from "fast-check";
import { expect } from "vitest";

// Byte by byte, as vitest does it, a megabyte takes a second.
expect.addEqualityTesters([
  (a: unknown, b: unknown) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined),
]);

// Every run of the tests looks at other values; half of the usual number at a time is enough.
fc.configureGlobal({ numRuns: 50 });
