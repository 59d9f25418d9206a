import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** All that the tests make lies in one folder, which goes with them, however they end. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "ob-"));
  // Some tests run as another user.
  await chmod(folder, 0o755);
  process.env["TMPDIR"] = folder;
  return () => rm(folder, { recursive: true, force: true });
}
