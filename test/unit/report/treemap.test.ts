import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { squarify } from "../../../src/report/treemap.js";

const WHOLE = { x: 0, y: 0, width: 100, height: 100 };

describe("a treemap", () => {
  it("gives each size its share, inside the box and without overlap", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.2, max: 5, noNaN: true }),
        (sizes, aspect) => {
          const boxes = squarify(sizes, WHOLE, aspect);
          const total = sizes.reduce((sum, size) => sum + size, 0);
          boxes.forEach(({ x, y, width, height }, at) => {
            const share = total === 0 ? 0 : (sizes[at] ?? 0) / total;
            expect((width * height) / 1e4).toBeCloseTo(share, 5);
            expect(Math.min(x, y)).toBeGreaterThanOrEqual(-1e-6);
            expect(Math.max(x + width, y + height)).toBeLessThanOrEqual(100 + 1e-6);
          });
          boxes.forEach((a, at) => {
            for (const b of boxes.slice(at + 1)) {
              const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
              const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
              expect(Math.min(wide, high)).toBeLessThanOrEqual(1e-6);
            }
          });
        },
      ),
    );
  });

  it("makes squares of equal sizes on a stretched screen", () => {
    const boxes = squarify([1, 1, 1, 1, 1, 1, 1, 1], WHOLE, 2);
    for (const { width, height } of boxes) expect((width * 2) / height).toBeCloseTo(1);
  });
});
