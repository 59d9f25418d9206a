/** Permissions as people know them: `0o755` as `0755`. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
