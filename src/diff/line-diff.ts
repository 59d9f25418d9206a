/** More lines than this on one side are not compared. */
const MAX_LINES = 20_000;
/** Edits that are looked for before all that differs is told as one replacement. */
const MAX_EDITS = 1000;
/** Lines that stay around those that differ. */
const CONTEXT = 3;

interface Edit {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

/**
 * What differs between two texts, line by line, in the unified format (POSIX diff, "Diff -u Output
 * Format") without its two first lines; empty for the same text.
 * @param show how a line is shown.
 * @returns undefined for texts with too many lines.
 */
export function unifiedDiff(
  old: string,
  next: string,
  show: (line: string) => string = (line) => line,
): string | undefined {
  const [before, after] = [linesOf(old), linesOf(next)];
  if (before.length > MAX_LINES || after.length > MAX_LINES) return undefined;
  return hunksOf(editsOf(before, after), show).join("");
}

/** A last line without its line break is another one than with it. */
function linesOf(text: string): readonly string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  return last === "" ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function editsOf(old: readonly string[], next: readonly string[]): readonly Edit[] {
  let head = 0;
  while (head < old.length && head < next.length && old[head] === next[head]) head += 1;
  let tail = 0;
  const room = Math.min(old.length, next.length) - head;
  while (tail < room && old[old.length - 1 - tail] === next[next.length - 1 - tail]) tail += 1;
  const kept = (line: string): Edit => ({ sign: " ", line });
  return [
    ...old.slice(0, head).map(kept),
    ...shortestEdits(old.slice(head, old.length - tail), next.slice(head, next.length - tail)),
    ...old.slice(old.length - tail).map(kept),
  ];
}

/** Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations", section 3. */
function shortestEdits(old: readonly string[], next: readonly string[]): readonly Edit[] {
  const [n, m] = [old.length, next.length];
  const most = Math.min(n + m, MAX_EDITS);
  const middle = most + 1;
  const furthest = new Int32Array(2 * middle + 1);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= most; d += 1) {
    trace.push(furthest.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down =
        k === -d || (k !== d && at(furthest, middle + k - 1) < at(furthest, middle + k + 1));
      let x = down ? at(furthest, middle + k + 1) : at(furthest, middle + k - 1) + 1;
      while (x < n && x - k < m && old[x] === next[x - k]) x += 1;
      furthest[middle + k] = x;
      if (x >= n && x - k >= m) return backtrack(old, next, trace);
    }
  }
  return [
    ...old.map((line): Edit => ({ sign: "-", line })),
    ...next.map((line): Edit => ({ sign: "+", line })),
  ];
}

function backtrack(
  old: readonly string[],
  next: readonly string[],
  trace: readonly Int32Array[],
): readonly Edit[] {
  const edits: Edit[] = [];
  let [x, y] = [old.length, next.length];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    // The slice of round d begins at diagonal -d - 1.
    const before = (diagonal: number): number => at(trace[d] ?? new Int32Array(), diagonal + d + 1);
    const k = x - y;
    const down = k === -d || (k !== d && before(k - 1) < before(k + 1));
    const startX = before(down ? k + 1 : k - 1);
    const startY = startX - (down ? k + 1 : k - 1);
    while (x > startX && y > startY) {
      x -= 1;
      y -= 1;
      edits.push({ sign: " ", line: old[x] ?? "" });
    }
    if (d === 0) break;
    if (down) edits.push({ sign: "+", line: next[startY] ?? "" });
    else edits.push({ sign: "-", line: old[startX] ?? "" });
    [x, y] = [startX, startY];
  }
  return edits.reverse();
}

function at(values: Int32Array, index: number): number {
  return values[index] ?? 0;
}

function hunksOf(edits: readonly Edit[], show: (line: string) => string): readonly string[] {
  const hunks: string[] = [];
  const changed = edits.flatMap(({ sign }, index) => (sign === " " ? [] : [index]));
  let [oldLine, newLine, done] = [1, 1, 0];
  for (let first = 0; first < changed.length;) {
    let last = first;
    while (
      last + 1 < changed.length &&
      (changed[last + 1] ?? 0) - (changed[last] ?? 0) <= 2 * CONTEXT
    ) {
      last += 1;
    }
    const from = Math.max((changed[first] ?? 0) - CONTEXT, 0);
    const to = Math.min((changed[last] ?? 0) + CONTEXT + 1, edits.length);
    oldLine += from - done;
    newLine += from - done;
    const hunk = edits.slice(from, to);
    const [olds, news] = ["+", "-"].map((sign) => hunk.filter((edit) => edit.sign !== sign).length);
    hunks.push(
      `@@ -${range(oldLine, olds ?? 0)} +${range(newLine, news ?? 0)} @@\n`,
      ...hunk.map(({ sign, line }) => `${sign}${shown(line, show)}\n`),
    );
    oldLine += olds ?? 0;
    newLine += news ?? 0;
    done = to;
    first = last + 1;
  }
  return hunks;
}

/** The remark about a missing line break is no part of the line. */
function shown(line: string, show: (line: string) => string): string {
  const [text = "", ...remark] = line.split("\n");
  return [show(text), ...remark].join("\n");
}

/** An empty range names the line before it. */
function range(start: number, count: number): string {
  if (count === 1) return String(start);
  return `${count === 0 ? start - 1 : start},${count}`;
}
