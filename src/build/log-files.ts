import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { BundlerError, messageOf } from "../core/errors.js";
import { type Platform, platformSlug } from "../core/platform.js";

const KEPT = 20;

/**
 * Where the log of a build goes, `logs/zookeeper-linux-arm64-20240101T000000.000Z.log` in the store;
 * of the older ones the newest stay.
 * @throws BundlerError FILE when the folder cannot be made.
 */
export async function newLogFile(
  storeDir: string,
  component: string,
  platform: Platform,
): Promise<string> {
  const dir = join(storeDir, "logs");
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BundlerError("FILE", `The folder ${dir} cannot be made: ${messageOf(cause)}`, {
      cause,
      details: { file: dir },
    });
  }
  await prune(dir);
  const stamp = new Date().toISOString().replace(/[-:]/g, "");
  return join(dir, `${component}-${platformSlug(platform)}-${stamp}.log`);
}

/** Logs are a help and nothing depends on them: what cannot be deleted stays. */
async function prune(dir: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const logs = await Promise.all(
    names
      .filter((name) => name.endsWith(".log"))
      .map(async (name) => {
        const found = await stat(join(dir, name)).catch(() => undefined);
        return { name, written: found?.mtimeMs ?? 0 };
      }),
  );
  const old = logs.sort((a, b) => b.written - a.written).slice(KEPT - 1);
  for (const { name } of old) await rm(join(dir, name), { force: true }).catch(() => undefined);
}
