import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/{unit,integration,site}/**/*.test.ts"],
    // Commands print through oclif; vitest must not swallow what they print.
    disableConsoleIntercept: true,
    // By default it leaves one core to itself: on two that doubles the time.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
