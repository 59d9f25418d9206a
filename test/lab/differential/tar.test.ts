import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { writeFile } from "node:fs/promises";
import { afterAll, expect, it } from "vitest";
import { oddTars } from "../../support/odd-tars.js";
import { readByGo } from "./tar/read.js";
import { type Reading, ours } from "../../support/tar-readings.js";
import { compileGo } from "./go-program.js";

/** Each has two to three headers; a seed makes the same ones again. */
const COUNT = Number(process.env["DIFFERENTIAL_COUNT"] ?? 80_000);
const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 20_261_201);

/** The recording that the unit tests have; written anew where this names a file. */
const RECORD = process.env["DIFFERENTIAL_RECORD"];
const RECORDED = { seed: 20_261, count: 1500 };

const go = compileGo(new URL("tar/main.go", import.meta.url).pathname);
afterAll(() => go.remove());

/** Differences that are shown; one is a failure. */
const SHOWN = 5;

it("reads every tar as Go's archive/tar does", async () => {
  const tars = oddTars(SEED);
  const counts = { tars: 0, headers: 0, refused: 0, ambiguous: 0, plain: 0 };
  const differing: unknown[] = [];
  while (counts.tars < COUNT) {
    const some = Array.from(
      { length: Math.min(5000, COUNT - counts.tars) },
      () => tars.next().value,
    );
    const theirs = await readByGo(go, some);
    for (const [at, tar] of some.entries()) {
      const { doubts, ...mine } = ours(tar);
      counts.tars += 1;
      counts.headers += headersIn(tar);
      counts[mine.isRefused ? "refused" : doubts.length > 0 ? "ambiguous" : "plain"] += 1;
      if (isSame(mine, theirs[at]) || differing.length >= SHOWN) continue;
      differing.push({ seed: SEED, number: counts.tars - 1, mine, theirs: theirs[at], doubts });
    }
  }
  console.log(`inputs: ${JSON.stringify(counts)}`);
  expect(differing).toEqual([]);
});

it.skipIf(RECORD === undefined)("records what Go's archive/tar reads", async () => {
  const tars = oddTars(RECORDED.seed);
  const some = Array.from({ length: RECORDED.count }, () => tars.next().value);
  const readings = await readByGo(go, some);
  const lines = readings.map((reading, at) => {
    const sha256 = createHash("sha256")
      .update(some[at] ?? "")
      .digest("hex")
      .slice(0, 8);
    return JSON.stringify({ sha256, ...reading });
  });
  const text = `{"seed":${RECORDED.seed},"readings":[\n${lines.join(",\n")}\n]}\n`;
  await writeFile(RECORD ?? "", text);
});

/** Of one that both refuse, the entry whose data is not all there may be told or not. */
function isSame(mine: Reading, theirs: Reading | undefined): boolean {
  if (mine.isRefused !== theirs?.isRefused) return false;
  const { length } = mine.entries;
  const partly = mine.isRefused && theirs.entries.length === length + 1 ? length : undefined;
  return isDeepStrictEqual(mine.entries, theirs.entries.slice(0, partly));
}

/** Blocks that have a header's checksum. */
function headersIn(tar: Buffer): number {
  let headers = 0;
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (/^[0-7]{6}\0 $/.test(tar.toString("latin1", at + 148, at + 156))) headers += 1;
  }
  return headers;
}
