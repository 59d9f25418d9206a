// Measures the product beside what one would use without it, all in one run on one machine. Nothing is asserted.
import { mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Bench, remove } from "./bench.js";
import { benchDeep } from "./deep.js";
import { describeRun, formatFigures, writeReadme } from "./figures.js";
import { benchLarge } from "./large.js";
import { benchMany } from "./many.js";
import { findPeers } from "./peers.js";
import { benchPull } from "./pull.js";
import { benchStart } from "./start.js";

const PARTS = {
  start: benchStart,
  pull: (bench) => benchPull(bench, { tls: false }),
  tls: (bench) => benchPull(bench, { tls: true }),
  many: benchMany,
  deep: benchDeep,
  large: benchLarge,
};

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "12" },
    megabytes: { type: "string", default: "600" },
    // Of the archive that is only inspected: as much room is needed, and in the store.
    gigabytes: { type: "string", default: "4" },
    runs: { type: "string", default: "3" },
    dir: { type: "string", default: os.tmpdir() },
    // Parts, with commas: start,pull,tls,many,deep,large.
    only: { type: "string", default: Object.keys(PARTS).join(",") },
    // Writes the figures into README.md.
    readme: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
const work = await mkdtemp(path.join(values.dir, "openim-bundler-bench-"));
try {
  const run = describeRun({ runs });
  console.log(`${run}, ${work}`);
  const bench = new Bench({ work, runs, values, peers: findPeers() });
  for (const name of values.only.split(",")) {
    if (PARTS[name] === undefined) throw new Error(`there is no part ${name}`);
    await PARTS[name](bench);
  }
  console.log(`\n${formatFigures(bench.parts)}`);
  if (values.readme) await writeReadme(run, bench.parts);
} finally {
  await remove(work);
}
