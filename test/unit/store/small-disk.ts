import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";

/** Whether this process may mount a file system of its own; tried where nobody sees it. */
export const canMount = ((): boolean => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** Runs something with a real file system of one mebibyte at `path`. */
export async function withSmallDisk(path: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(path);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", path]);
  try {
    await work();
  } finally {
    execFileSync("umount", [path]);
  }
}
