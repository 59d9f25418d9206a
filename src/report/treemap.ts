/** A rectangle in percent of the whole map. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Divides a box among sizes so that each part's area is its share and parts are as near to squares
 * as can be (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000). Boxes come in the order of
 * `sizes`; a size of zero gets an empty box.
 *
 * @param aspect how much wider a percent of width is on the screen than a percent of height
 */
export function squarify(sizes: readonly number[], within: Box, aspect: number): Box[] {
  const boxes = sizes.map((): Box => ({ x: within.x, y: within.y, width: 0, height: 0 }));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= 0) return boxes;
  const order = sizes
    .map((size, at) => ({ size, at }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size || a.at - b.at);
  // In units in which the screen is not stretched.
  let free = {
    x: within.x * aspect,
    y: within.y,
    width: within.width * aspect,
    height: within.height,
  };
  // Always a share of what is left, so that rounding never leads out of the box.
  let left = total;
  for (let from = 0; from < order.length;) {
    const side = Math.min(free.width, free.height);
    const scale = (free.width * free.height) / left;
    const row: { size: number; at: number }[] = [];
    let sum = 0;
    let worst = Number.POSITIVE_INFINITY;
    for (; from < order.length; from += 1) {
      const next = order[from];
      if (next === undefined) break;
      const largest = (row[0] ?? next).size * scale;
      const ratio = worstRatio(largest, next.size * scale, (sum + next.size) * scale, side);
      if (row.length > 0 && ratio > worst) break;
      row.push(next);
      sum += next.size;
      worst = ratio;
    }
    const upright = free.width >= free.height;
    const depth = (upright ? free.width : free.height) * Math.min(1, sum / left);
    let along = upright ? free.y : free.x;
    for (const { size, at } of row) {
      const length = side * (size / sum);
      const box = upright
        ? { x: free.x, y: along, width: depth, height: length }
        : { x: along, y: free.y, width: length, height: depth };
      boxes[at] = { ...box, x: box.x / aspect, width: box.width / aspect };
      along += length;
    }
    left -= sum;
    free = upright
      ? { ...free, x: free.x + depth, width: free.width - depth }
      : { ...free, y: free.y + depth, height: free.height - depth };
  }
  return boxes;
}

/** The longest shape of a row whose largest and smallest areas are known. */
function worstRatio(largest: number, smallest: number, sum: number, side: number): number {
  const squared = side * side;
  return Math.max((squared * largest) / (sum * sum), (sum * sum) / (squared * smallest));
}
