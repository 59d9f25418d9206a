import { describe, expect, it } from "vitest";
import { PhaseRow, formatDuration } from "../../../src/ui/phase-row.js";
import { formatTable } from "../../../src/ui/table.js";

describe("tables", () => {
  it("align, and wrap the one column that may", () => {
    const text = formatTable(
      [{ title: "name" }, { title: "size", align: "right" }, { title: "why", wrap: true }],
      [
        ["redis", "5 B", "a reason that is much longer than what is left of the line for it"],
        ["x", "10 KiB", ""],
      ],
      50,
    );
    expect(text.split("\n")).toEqual([
      "name     size  why",
      "─────  ──────  ───────────────────────────────────",
      "redis     5 B  a reason that is much longer than",
      "               what is left of the line for it",
      "x      10 KiB",
    ]);
  });
});

describe("a cell of a table", () => {
  it("with a line break in it makes no row of its own", () => {
    const text = formatTable([{ title: "a" }, { title: "b" }], [["x\ny", "z"]]);
    expect(text.split("\n")).toEqual(["a        b", "───────  ─", "x\\u{a}y  z"]);
  });
});

describe("a phase on the screen", () => {
  it("counts what its own events say and closes with how long it took", async () => {
    const row = new PhaseRow("fetch", "linux/arm64", 5);
    const titles: string[] = [];
    const outputs: string[] = [];
    const shown = row.shown({
      title: (text) => titles.push(text),
      output: (text) => outputs.push(text),
    });
    row.onEvent({ type: "phase-start", phase: "fetch", subject: "linux/amd64", totalBytes: 1 });
    row.onEvent({ type: "bytes", phase: "fetch", delta: 7 });
    row.onEvent({ type: "phase-start", phase: "fetch", subject: "linux/arm64", totalBytes: 2048 });
    row.onEvent({ type: "item", phase: "fetch", name: "redis", state: "start" });
    row.onEvent({ type: "bytes", phase: "fetch", delta: 1024 });
    row.onEvent({ type: "bytes", phase: "pack", delta: 1024 });
    await expect.poll(() => outputs.at(-1)).toMatch(/^1\.0 KiB of 2\.0 KiB \(50%\).*: redis$/);
    row.onEvent({ type: "phase-end", phase: "fetch", subject: "linux/arm64", summary: "3 blobs" });
    await shown;
    expect(titles).toEqual([expect.stringMatching(/^Fetch linux\/arm64: 3 blobs \([\d.]+ s\)$/)]);
  });

  it("fails when it is closed so", async () => {
    const row = new PhaseRow("pack", "x", 1000);
    const shown = row.shown({ title: () => undefined, output: () => undefined });
    row.close(true);
    await expect(shown).rejects.toThrow();
  });

  it("says durations as people do", () => {
    expect([5, 75, 3700].map(formatDuration)).toEqual(["5 s", "1 min 15 s", "1 h 1 min"]);
  });
});
