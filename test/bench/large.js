import { stat } from "node:fs/promises";
import { remove } from "./bench.js";

/** `inspect` of an archive that is too large to be read through. */
export async function benchLarge(bench) {
  const gigabytes = Number(bench.values.gigabytes);
  const content = { kind: "zeros", architecture: "arm64", count: 20, gigabytes };
  await bench.withImages(content, async ({ registry, platform, definition }) => {
    const [output, store] = [bench.path("large.tar"), bench.path("large-store")];
    const kept = bench.noStore ? {} : { store };
    console.log("");
    await bench.contest(
      {
        "(making the archive)": {
          line: bench.create({ definition, registry, platform, output, ...kept }),
        },
      },
      1,
    );
    await remove(store);
    const costs = await bench.contest({
      inspect: { line: bench.program("inspect", output) },
      "inspect of one component": { line: bench.program("inspect", output, "image-7") },
    });
    const { size } = await stat(output);
    await remove(output);
    bench.part(
      `20 images, an archive of ${(size / 1e9).toFixed(1)} GB`,
      [...costs].map(([what, cost]) => ({ what, cost, mark: "aim 0.5 s" })),
    );
  });
}
