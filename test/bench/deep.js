import { mib, remove, sum } from "./bench.js";

/** `verify --deep` beside gunzipping the same layers one after the other. */
export async function benchDeep(bench) {
  const architecture = { x64: "amd64" }[process.arch] ?? process.arch;
  const content = {
    kind: "real",
    architecture,
    count: 4,
    megabytes: Number(bench.values.megabytes),
  };
  await bench.withImages(content, async ({ registry, platform, definition }) => {
    const { layers } = registry;
    const [output, store] = [bench.path("deep.tar"), bench.path("deep-store")];
    const note = `${layers.length} layers of this machine's files, ${mib(sum(layers.map(({ size }) => size)))}, ${mib(sum(layers.map(({ unpacked }) => unpacked)))} unpacked`;
    console.log(`\n${note}`);
    await bench.contest(
      {
        "(making the archive)": {
          line: bench.create({ definition, registry, platform, output, store }),
        },
      },
      1,
    );
    await remove(store);
    const floor = "gzip -dc of the layers, one after the other";
    const costs = await bench.contest({
      [floor]: { line: layers.map(({ file }) => `gzip -dc ${file} >/dev/null`).join(" && ") },
      // Files of a whole machine have their faults; what counts is how long it takes to find them.
      "verify --deep": { line: bench.program("verify", "--deep", output), accepted: [0, 10] },
    });
    await remove(output);
    const ratio = (costs.get("verify --deep").seconds / costs.get(floor).seconds).toFixed(2);
    const mark = `${ratio} × gzip (aim 0.5), peak aim 200`;
    bench.part(
      note,
      [...costs].map(([what, cost]) => ({ what, cost, mark: what === floor ? "" : mark })),
    );
  });
}
