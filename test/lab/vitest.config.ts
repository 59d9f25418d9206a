import { defineConfig } from "vitest/config";

/** Tests that need what only the lab has: other programs' readers of the formats that ours read. */
export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ["differential/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
