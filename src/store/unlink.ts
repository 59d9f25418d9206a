import { unlink } from "node:fs/promises";
import { systemCode } from "../core/errors.js";

/** True when this call deleted it. */
export async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    ignoreMissing(error);
    return false;
  }
}

export function ignoreMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}
