import { realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { type Table, componentPath } from "./components.js";
import type { Report } from "./report.js";
import type { YamlPath } from "./yaml-file.js";

/** The folders and files that image builds take from the definition's own folder. */
export async function checkContexts(dir: string, table: Table, report: Report): Promise<void> {
  for (const { name, build } of table.drafts) {
    if (build === undefined) continue;
    const path = componentPath(name, "build");
    const { context, dockerfile = "Dockerfile", source, secrets } = build;
    const check = async (
      inside: unknown,
      kind: "file" | "folder",
      at: YamlPath,
    ): Promise<boolean> => {
      if (typeof inside !== "string" || inside === "") return false;
      const trouble = await troubleWith(dir, inside, kind);
      if (trouble !== undefined) report(table.file.at(at), trouble);
      return trouble === undefined;
    };
    const found = await check(context, "folder", [...path, "context"]);
    // With a source as its root, the Dockerfile may be the source's.
    if (
      found &&
      source === undefined &&
      typeof context === "string" &&
      typeof dockerfile === "string"
    ) {
      const key = build["dockerfile"] === undefined ? "context" : "dockerfile";
      await check(join(context, dockerfile), "file", [...path, key]);
    }
    for (const [position, secret] of (Array.isArray(secrets) ? secrets : []).entries()) {
      const file = (secret as { file?: unknown } | null)?.file;
      await check(file, "file", [...path, "secrets", position, "file"]);
    }
  }
}

async function troubleWith(
  dir: string,
  path: string,
  kind: "file" | "folder",
): Promise<string | undefined> {
  try {
    const inside = relative(await realpath(dir), await realpath(join(dir, path)));
    if (
      isAbsolute(path) ||
      isAbsolute(inside) ||
      inside === ".." ||
      inside.startsWith(`..${sep}`)
    ) {
      return `${path} leads out of the definition's folder`;
    }
    const found = await stat(join(dir, path));
    if (kind === "folder" ? found.isDirectory() : found.isFile()) return undefined;
    return `${path} is not a ${kind}`;
  } catch {
    return `${path} is not there`;
  }
}
