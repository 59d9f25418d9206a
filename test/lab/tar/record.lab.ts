import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { it } from "vitest";
import { oddTars } from "../../support/odd-tars.js";
import { readByGo } from "./go.js";

const PROGRAM = process.env["LAB_GO_READER"] ?? "";
const FILE = process.env["LAB_RECORD"];
const SEED = 20_261;
const COUNT = 1500;

it.skipIf(FILE === undefined)("records what Go's archive/tar reads", async () => {
  const tars = oddTars(SEED);
  const some = Array.from({ length: COUNT }, () => tars.next().value);
  const readings = readByGo(PROGRAM, some).map((reading, at) => ({
    sha256: createHash("sha256").update(some[at]!).digest("hex").slice(0, 8),
    ...reading,
  }));
  const lines = readings.map((reading) => JSON.stringify(reading)).join(",\n");
  await writeFile(FILE!, `{"seed":${SEED},"readings":[\n${lines}\n]}\n`);
});
