import { isDeepStrictEqual } from "node:util";
import { expect, it } from "vitest";
import { oddTars } from "../../support/odd-tars.js";
import { readByGo } from "./go.js";
import { ours } from "../../support/tar-readings.js";

const PROGRAM = process.env["LAB_GO_READER"] ?? "";
const COUNT = Number(process.env["LAB_TARS"] ?? 60_000);
const SEED = Number(process.env["LAB_SEED"] ?? 1);

/** Differences that are shown; one is a failure. */
const SHOWN = 5;

it("reads every tar as Go's archive/tar does", { timeout: 3_600_000 }, () => {
  const tars = oddTars(SEED);
  const counts = { tars: 0, headers: 0, refused: 0, ambiguous: 0, plain: 0 };
  const differing: unknown[] = [];
  while (counts.tars < COUNT) {
    const some = Array.from(
      { length: Math.min(5000, COUNT - counts.tars) },
      () => tars.next().value,
    );
    const theirs = readByGo(PROGRAM, some);
    for (const [at, tar] of some.entries()) {
      const { doubts, ...mine } = ours(tar);
      counts.tars += 1;
      counts.headers += headersIn(tar);
      counts[mine.isRefused ? "refused" : doubts.length > 0 ? "ambiguous" : "plain"] += 1;
      if (isDeepStrictEqual(mine, theirs[at]) || differing.length >= SHOWN) continue;
      differing.push({ seed: SEED, number: counts.tars - 1, mine, theirs: theirs[at], doubts });
    }
  }
  console.log(counts);
  expect(differing).toEqual([]);
});

/** Blocks that have a header's checksum. */
function headersIn(tar: Buffer): number {
  let headers = 0;
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (/^[0-7]{6}\0 $/.test(tar.toString("latin1", at + 148, at + 156))) headers += 1;
  }
  return headers;
}
