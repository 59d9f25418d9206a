import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Digest, digestFromHex, digestOf } from "../core/digest.js";
import { messageOf, systemCode } from "../core/errors.js";
import type { Report } from "./report.js";
import type { DefinitionFile } from "./types.js";

/** How deep folders may lie in one another; more is a mistake or a trap. */
const MAX_DEPTH = 32;

/**
 * What a definition's `files/` holds, sorted by path; a definition without that folder ships none.
 * Links and special files are reported: what they mean would change with the machine.
 */
export async function listFiles(root: string, report: Report): Promise<readonly DefinitionFile[]> {
  const files: DefinitionFile[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    const path = join(root, folder);
    const here = { file: path, line: 1, column: 1 };
    if (depth > MAX_DEPTH) {
      report(here, `lies more than ${MAX_DEPTH} folders deep`);
      return;
    }
    for (const name of await readdir(path)) {
      const inside = folder === "" ? name : `${folder}/${name}`;
      const at = { file: join(root, inside), line: 1, column: 1 };
      const facts = await lstat(at.file);
      if (/[\p{Cc}\\]/u.test(name) || name.includes("\ufffd")) {
        report(at, "has a control character, a backslash or broken UTF-8 in its name");
      } else if (facts.isDirectory()) {
        await visit(inside, depth + 1);
      } else if (facts.isFile()) {
        files.push({ path: inside, size: facts.size, executable: (facts.mode & 0o100) !== 0 });
      } else {
        report(
          at,
          facts.isSymbolicLink() ? "is a symbolic link" : "is neither a file nor a folder",
          "Only plain files and folders ship.",
        );
      }
    }
  };
  const here = { file: root, line: 1, column: 1 };
  try {
    if (!(await lstat(root)).isDirectory()) report(here, "is not a folder");
    else await visit("", 0);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") report(here, `cannot be read (${messageOf(error)})`);
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * One digest over the definition's three texts and what `files/` holds: path, executable bit, bytes.
 * Where the folder lies and when its files were written play no part.
 */
export async function contentDigest(
  texts: Readonly<Record<string, string>>,
  root: string,
  files: readonly DefinitionFile[],
): Promise<Digest> {
  const lines = Object.entries(texts).map(([path, text]) => `- ${digestOf(text)} ${path}\n`);
  for (const { path, executable } of files) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(root, path)), hash);
    lines.push(`${executable ? "x" : "-"} ${digestFromHex(hash.digest("hex"))} files/${path}\n`);
  }
  return digestOf(lines.join(""));
}
