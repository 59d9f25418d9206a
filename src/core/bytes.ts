const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` → `1.5 KiB`. Binary units, one decimal from KiB on. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? "B"}`;
}

const SIZE = /^(\d{1,15})(B|KiB|MiB|GiB|TiB)?$/;

/**
 * Reads `4GiB`, `512MiB`, `65536`: a whole number of binary units, of bytes without one.
 * @returns bytes, or undefined when it is no such size or more than can be counted exactly.
 */
export function parseBytes(text: string): number | undefined {
  const [, count, unit = "B"] = SIZE.exec(text) ?? [];
  if (count === undefined) return undefined;
  const bytes = Number(count) * 1024 ** (UNITS as readonly string[]).indexOf(unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
