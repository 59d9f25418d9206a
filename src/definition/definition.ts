import { lstat, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { BundlerError } from "../core/errors.js";
import { checkContexts } from "./check-contexts.js";
import { checkPaths } from "./check-paths.js";
import { checkServices } from "./check-services.js";
import { type Interpolated, checkVariables } from "./check-variables.js";
import { readComposeFile } from "./compose-file.js";
import { type Table, componentPath, readTable } from "./components.js";
import { contentDigest, listFiles } from "./files.js";
import { isMapping } from "./mapping.js";
import { type Report, formatProblem, reportTo, sortProblems } from "./report.js";
import { readSettings } from "./settings.js";
import { checkSmokeAddresses } from "./smoke.js";
import type { Definition, DefinitionProblem } from "./types.js";
import { readYamlFile } from "./yaml-file.js";

/**
 * Reads a bundle definition and checks all of it in one run.
 * @param dir the folder with components.yaml, compose.yaml, site.yaml and files/, as the user names it.
 * @returns the definition when there is nothing wrong with it, and every problem with its place.
 */
export async function checkDefinition(
  dir: string,
): Promise<{ readonly definition?: Definition; readonly problems: readonly DefinitionProblem[] }> {
  const problems: DefinitionProblem[] = [];
  const report = reportTo(problems);
  const tableFile = await readYamlFile(join(dir, "components.yaml"), report);
  const composeFile = await readYamlFile(join(dir, "compose.yaml"), report);
  const siteFile = await readYamlFile(join(dir, "site.yaml"), report);
  const filesDir = join(dir, "files");
  const files = await listFiles(filesDir, report);

  const table = readTable(tableFile, report);
  const compose = readComposeFile(composeFile, report);
  const settings = readSettings(siteFile, report);
  const defaults = new Map(settings.map((setting) => [setting.name, setting.default]));
  const valueOf = (name: string): string | undefined => defaults.get(name);

  checkServices({ table, compose, valueOf }, report);
  checkPaths({ table, compose, files, valueOf }, report);
  await checkArchives(dir, table, report);
  await checkContexts(dir, table, report);
  const named = isMapping(siteFile.data) ? siteFile.data["settings"] : undefined;
  const declared = isMapping(named) ? Object.keys(named) : [];
  if (siteFile.data !== undefined) {
    checkSmokeAddresses(tableFile, { declared, known: settings }, report);
  }
  checkVariables(
    {
      file: siteFile,
      settings,
      declared,
      sources: [{ file: composeFile, path: [], value: composeFile.data }, ...patches(table)],
      complete: tableFile.data !== undefined && composeFile.data !== undefined,
    },
    report,
  );

  if (problems.length > 0 || table.head === undefined) return { problems: sortProblems(problems) };
  const texts = {
    "components.yaml": tableFile.text,
    "compose.yaml": composeFile.text,
    "site.yaml": siteFile.text,
  };
  return {
    problems: [],
    definition: {
      dir,
      ...table.head,
      requires: table.requires,
      components: table.components,
      sources: table.sources,
      extras: table.extras,
      compose: { path: composeFile.file, text: composeFile.text },
      settings,
      files,
      digest: await contentDigest(texts, filesDir, files),
    },
  };
}

/**
 * Reads a bundle definition.
 * @throws BundlerError DEFINITION whose message has a line `file:line:column what is wrong` for every
 * problem; `details.problems` has them as data.
 */
export async function loadDefinition(dir: string): Promise<Definition> {
  const { definition, problems } = await checkDefinition(dir);
  if (definition !== undefined) return definition;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  throw new BundlerError(
    "DEFINITION",
    [`The bundle definition ${dir} has ${count}:`, ...problems.map(formatProblem)].join("\n"),
    {
      hint: `Mend the definition; \`openim-bundler definition check ${dir}\` shows what is left.`,
      details: { dir, problems },
    },
  );
}

function patches({ file, drafts }: Table): readonly Interpolated[] {
  return drafts.flatMap(({ name, alternatives }) =>
    alternatives.map(({ service }, position) => ({
      file,
      path: componentPath(name, "alternatives", position, "service"),
      value: service,
    })),
  );
}

/** Archives shipped with the definition are plain files inside its folder. */
async function checkArchives(dir: string, table: Table, report: Report): Promise<void> {
  for (const { name, archive } of table.drafts) {
    if (archive === undefined) continue;
    const at = table.file.at(componentPath(name, "archive"));
    const path = join(dir, archive);
    try {
      const inside = relative(await realpath(dir), await realpath(path));
      if (
        inside === ".." ||
        inside.startsWith(`..${sep}`) ||
        (await lstat(path)).isSymbolicLink()
      ) {
        report(at, `the archive ${archive} leads out of the definition's folder`);
      } else if (!(await stat(path)).isFile()) {
        report(at, `the archive ${archive} is not a file`);
      }
    } catch {
      report(at, `the archive ${archive} is not there`);
    }
  }
}
