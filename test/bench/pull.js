import { rename, stat } from "node:fs/promises";
import { mib, remove, sum } from "./bench.js";
import { peerLines } from "./peers.js";

const FLOOR = "crane pull to OCI (the floor)";

/** Making a bundle beside what peers take to bring the same images onto the disk; then reading it. */
export async function benchPull(bench, { tls }) {
  const { count, megabytes } = bench.values;
  const certificate = tls ? await bench.certificate() : undefined;
  const ca = certificate?.ca;
  const content = {
    kind: "shared",
    architecture: "arm64",
    count: Number(count),
    megabytes: Number(megabytes),
  };
  const options = certificate === undefined ? content : { ...content, tls: certificate };
  await bench.withImages(options, async ({ registry, platform, definition }) => {
    const { repositories, host, sizes } = registry;
    const [target, store, output] = ["peer", "store", "bench.tar"].map((name) => bench.path(name));
    const [filled, copy] = [bench.path("filled"), bench.path("copy.tar")];
    const create = (kept) => bench.create({ definition, registry, platform, output, ca, ...kept });
    const distinct = sum(sizes);
    const note = `${repositories.length} images, ${sizes.length} distinct blobs, ${mib(distinct)}, ${tls ? "TLS" : "plain HTTP"}`;
    console.log(`\n${note}`);
    const lines = await peerLines(bench.peers, { host, ca, repositories, target, platform });
    const clean = () => remove(target, store, output, copy);
    for (const one of Object.values(lines)) one.before = clean;
    const ours = {
      ...(bench.noStore ? { "create --no-store": { line: create({}), before: clean } } : {}),
      "create, nothing in the store": { line: create({ store }), before: clean },
      "create, everything in the store": {
        line: create({ store: filled }),
        before: clean,
      },
    };
    await bench.contest({ "(filling a store)": { line: create({ store: filled }) } }, 1);
    const archive = bench.path("archive.tar");
    const { size } = await stat(output);
    await rename(output, archive);
    const reading = {
      [`cp of the archive (${mib(size)}), flushed`]: {
        line: `cp ${archive} ${copy} && sync ${copy}`,
        before: clean,
      },
      verify: { line: bench.program("verify", archive) },
      "openssl dgst -sha256 of the archive": { line: `openssl dgst -sha256 ${archive}` },
      inspect: { line: bench.program("inspect", archive) },
    };
    const costs = await bench.contest({ ...lines, ...ours, ...(tls ? {} : reading) });
    await remove(filled, archive);
    await clean();
    const floor = costs.get(FLOOR);
    const cp = costs.get(Object.keys(reading)[0]);
    const openssl = costs.get("openssl dgst -sha256 of the archive");
    const against = {
      "create --no-store": [floor, "× crane", 1.15],
      "create, nothing in the store": [floor, "× crane", 1.6],
      "create, everything in the store": [cp, "× cp", 1.2],
      verify: [openssl, "× openssl", 0.7],
    };
    bench.part(note, rowsOf(costs, against, { floor, distinct: distinct / 1024 / 1024 }));
  });
}

function rowsOf(costs, against, { floor, distinct }) {
  return [...costs].map(([what, cost]) => {
    const [other, word, aim] = against[what] ?? [];
    const marks = [];
    if (other !== undefined)
      marks.push(`${(cost.seconds / other.seconds).toFixed(2)} ${word} (aim ${aim})`);
    if (
      what.startsWith("create") &&
      !what.endsWith("everything in the store") &&
      floor !== undefined
    ) {
      marks.push(`CPU ${(cost.cpu / floor.cpu).toFixed(2)} × (aim 1.3)`);
      const copies = what.includes("--no-store") ? 1.01 : 2.02;
      marks.push(`written ${(cost.written / distinct).toFixed(2)} × (aim ${copies})`);
    }
    if (what.startsWith("create")) marks.push("peak aim 150");
    return { what, cost, mark: marks.join(", ") };
  });
}
