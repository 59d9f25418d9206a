#!/usr/bin/env node
import module from "node:module";
module.enableCompileCache?.(); // Node 22.8 and newer start faster with it.
const { run } = await import("../dist/cli/run.js");
await run(import.meta.url);
