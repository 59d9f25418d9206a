import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { isolateTables, replaceCompose, smokeRows, trimCopy } from "../../../src/rehearse/copy.js";

const FILES = {
  "compose.yaml": "services:\n  redis:\n    image: redis\n  web:\n    image: web\n",
  "site/ports.tsv": "#component\tport\nweb\t8080\n",
  "site/requires.tsv":
    "#component\tkind\tvalue\tlevel\ten\tzh\nweb\tmemory\t8589934592\tfail\tbig\t大\n",
  "site/smoke.tsv":
    "#component\tkind\tlimit\texpect\tcommand\nredis\trun\t20\tPONG\t'redis-cli' 'ping'\nweb\thttp\t20\t-\thttp://127.0.0.1:8080/\n",
};

async function extracted(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), "rehearse-copy-"));
  await mkdir(path.join(dir, "site"), { recursive: true });
  for (const [file, text] of Object.entries(FILES)) await writeFile(path.join(dir, file), text);
  const sums = Object.entries(FILES).map(([file, text]) => `${sha256(text)}  ${file}\n`);
  await writeFile(path.join(dir, "SHA256SUMS"), sums.join(""));
  return dir;
}
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const read = (dir: string, file: string): Promise<string> => readFile(path.join(dir, file), "utf8");

/** As `sha256sum -c` would say. */
async function changedSums(dir: string): Promise<readonly string[]> {
  const lines = (await read(dir, "SHA256SUMS")).trimEnd().split("\n");
  expect(lines.map((line) => line.slice(66))).toEqual(Object.keys(FILES));
  const texts = await Promise.all(lines.map((line) => read(dir, line.slice(66))));
  return lines.filter((line, at) => line.slice(0, 64) !== sha256(texts[at]!));
}

describe("an extracted bundle", () => {
  it("has another compose file, other tests and no ports, and sums that fit", async () => {
    const dir = await extracted();
    const [redis = []] = await smokeRows(dir);
    expect(redis).toEqual(["redis", "run", "20", "PONG", "'redis-cli' 'ping'"]);
    const compose = { services: { redis: { environment: { PASSWORD: "mark", ON: "yes" } } } };
    await replaceCompose(dir, compose, (text) => text.replace("mark", "${PASSWORD}"));
    await isolateTables(dir, [redis]);
    expect(JSON.parse(await read(dir, "compose.yaml"))).toEqual({
      services: { redis: { environment: { PASSWORD: "${PASSWORD}", ON: "yes" } } },
    });
    expect(await smokeRows(dir)).toEqual([redis]);
    expect(await read(dir, "site/ports.tsv")).toBe("#component\tport\n");
    expect(await read(dir, "site/requires.tsv")).toContain(
      "\nweb\tmemory\t8589934592\twarn\tbig\t",
    );
    expect(await changedSums(dir)).toEqual([]);
  });

  it("does without some services", async () => {
    const dir = await extracted();
    await trimCopy(dir, ["web"]);
    expect(await read(dir, "compose.yaml")).toBe("services:\n  redis:\n    image: redis\n");
    expect((await smokeRows(dir)).map(([name]) => name)).toEqual(["redis"]);
    expect(await changedSums(dir)).toEqual([]);
  });
});
