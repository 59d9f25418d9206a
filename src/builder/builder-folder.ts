import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";

/** What a builder was made with, as it is remembered. */
interface BuilderRecord {
  /** `making` from before the builder is created until it has started. */
  readonly state: "making" | "ready";
  readonly settings: Readonly<Record<string, string>>;
}

/** Where one builder's configuration and record are kept. */
export interface BuilderFolder {
  readonly configFile: string;
  readonly caFile: string;
  /** Undefined when there is none, or none that can be understood. */
  record(): Promise<BuilderRecord | undefined>;
  /** @throws BundlerError FILE */
  remember(record: BuilderRecord): Promise<void>;
  /** Writes a file, or deletes it where there is nothing to write. @throws BundlerError FILE */
  write(file: string, text: string | undefined): Promise<void>;
  /** @throws BundlerError FILE */
  remove(): Promise<void>;
}

const recordSchema = z.object({
  version: z.literal(1),
  state: z.enum(["making", "ready"]),
  settings: z.record(z.string(), z.string()),
});

/** Where all of them are, in the user's configuration folder. */
export function buildersRoot(configDir: string): string {
  return path.join(configDir, "builders");
}

/** The folder of a builder below `root`; made when something is written. */
export function builderFolder(root: string, name: string): BuilderFolder {
  const dir = path.resolve(root, name);
  const recordFile = path.join(dir, "settings.json");

  const guarded = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      throw new BundlerError("FILE", `${what}: ${messageOf(cause)}`, {
        hint: "Builders' settings are kept in the user's configuration folder, which must be writable.",
        details: { file: dir },
        cause,
      });
    }
  };
  const write = (file: string, text: string | undefined): Promise<void> =>
    guarded(`${file} cannot be written`, async () => {
      if (text === undefined) {
        await rm(file, { force: true });
        return;
      }
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const unfinished = `${file}.${process.pid}.tmp`;
      await writeFile(unfinished, text, { mode: 0o600 });
      await rename(unfinished, file);
    });

  return {
    configFile: path.join(dir, "buildkitd.toml"),
    caFile: path.join(dir, "ca.pem"),
    record: async () => {
      try {
        return recordSchema.safeParse(JSON.parse(await readFile(recordFile, "utf8"))).data;
      } catch (error) {
        if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return undefined;
        throw error;
      }
    },
    remember: ({ state, settings }) =>
      write(recordFile, `${JSON.stringify({ version: 1, state, settings }, undefined, 2)}\n`),
    write,
    remove: () =>
      guarded(`${dir} cannot be deleted`, () => rm(dir, { recursive: true, force: true })),
  };
}
