import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { oddTars } from "../../support/odd-tars.js";
import { type Reading, ours } from "../../support/tar-readings.js";

interface Recorded extends Reading {
  readonly sha256: string;
}

it("reads odd and hostile tars as Go's archive/tar was seen to", async () => {
  const file = new URL("go-readings.json", import.meta.url);
  const { seed, readings } = JSON.parse(await readFile(file, "utf8")) as {
    readonly seed: number;
    readonly readings: readonly Recorded[];
  };
  expect(readings.length).toBeGreaterThan(1000);
  const tars = oddTars(seed);
  for (const [number, { sha256, ...theirs }] of readings.entries()) {
    const tar = tars.next().value;
    // Else the recording is of other tars: test/lab/differential/tar.test.ts makes it anew.
    expect(createHash("sha256").update(tar).digest("hex").slice(0, 8), String(number)).toBe(sha256);
    expect(ours(tar), String(number)).toMatchObject(theirs);
  }
});
