import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/{unit,integration,site}/**/*.test.ts"],
    // Commands print through oclif; vitest must not swallow what they print.
    disableConsoleIntercept: true,
    // Many tests wait for other processes, so a core has room for more than one of them.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // Files share what they import: a third of the time would go into loading it for each again. So no
    // test may change what others see.
    isolate: false,
    globalSetup: ["test/support/temporary-folder.ts"],
    setupFiles: ["test/support/setup.ts", "/tmp/tests/prof.ts"],
    // Bounds for what hangs. A busy machine may take many times what an idle one takes.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { interval: 20, timeout: 100_000 } },
  },
});
