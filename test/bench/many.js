import { remove } from "./bench.js";
import { peerLines } from "./peers.js";

/** What a blob costs where there are few, and where there are many. */
export async function benchMany(bench) {
  const rows = [];
  for (const count of [20, 200]) {
    await bench.withImages({ kind: "small", architecture: "arm64", count }, async (served) => {
      const { registry } = served;
      const [target, store, output] = ["peer", "store", "many.tar"].map((name) => bench.path(name));
      const blobs = registry.sizes.length;
      console.log(`\n${count} images of five blobs`);
      const kept = bench.noStore ? {} : { store };
      const own = `create of ${count} components${bench.noStore ? ", --no-store" : ""}`;
      const { platform } = served;
      const crane = new Map([...bench.peers].filter(([name]) => name === "crane"));
      const lines = await peerLines(crane, { ...registry, target, platform });
      const before = () => remove(target, store, output);
      const [[, floor] = []] = Object.entries(lines);
      const costs = await bench.contest({
        ...(floor === undefined
          ? {}
          : { [`crane pull to OCI of ${count} images`]: { ...floor, before } }),
        [own]: { line: bench.create({ ...served, output, ...kept }), before },
      });
      await before();
      for (const [what, cost] of costs)
        rows.push({ what, cost, mark: `${((cost.seconds * 1000) / blobs).toFixed(2)} ms a blob` });
    });
  }
  bench.part("Five blobs of 64 KiB a component: the cost of a blob must not grow", rows);
}
