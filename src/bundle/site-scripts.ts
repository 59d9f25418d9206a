import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { BundlerError } from "../core/errors.js";

/** A script that every bundle has. */
export interface SiteScript {
  /** Inside the top folder, with forward slashes. */
  readonly path: string;
  readonly executable: boolean;
  readonly bytes: Buffer;
}

/**
 * install.sh and lib/ as they are in `templates/site`.
 * @throws BundlerError FILE when the program's own installation lacks them.
 */
export async function siteScripts(dir: string): Promise<readonly SiteScript[]> {
  const lib = await readdir(path.join(dir, "lib")).catch((cause: unknown) => {
    throw incomplete(path.join(dir, "lib"), cause);
  });
  const names = lib.filter((name) => name.endsWith(".sh")).sort();
  const scripts: SiteScript[] = [];
  for (const name of ["install.sh", ...names.map((one) => `lib/${one}`)]) {
    const bytes = Buffer.from(await templateText(path.join(dir, name)));
    scripts.push({ path: name, executable: name === "install.sh", bytes });
  }
  return scripts;
}

/** @throws BundlerError FILE as siteScripts does. */
export async function templateText(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw incomplete(file, cause);
  });
}

function incomplete(file: string, cause: unknown): BundlerError {
  return new BundlerError("FILE", `The site template ${file} cannot be read.`, {
    hint: "The installation of openim-bundler is not complete; install it again.",
    cause,
  });
}
