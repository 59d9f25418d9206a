import { siteScripts } from "../../bundle/site-scripts.js";
import { LIMITS } from "../../core/limits.js";
import type { ArchiveFacts } from "../archive.js";
import { openHeredoc } from "../heredoc.js";
import type { Finding } from "../report.js";
import { type RuleIdOf, declareRules } from "../rule.js";

export const SCRIPTS = declareRules("scripts", {
  error: {
    "scripts/shebang": "install.sh does not begin with #!/bin/sh, or a #! names no interpreter.",
    "scripts/line-ends": "A script has CRLF line ends, which a shell takes as part of a word.",
    "scripts/bom": "A script begins with a byte order mark, so that its #! is not seen.",
    "scripts/nul": "A script has NUL bytes.",
    "scripts/heredoc": "A here-document of a shell script is not closed.",
  },
  warning: {
    "scripts/changed": "install.sh or a file of lib/ is not what this version ships.",
    "scripts/executable": "Something is executable that is neither install.sh nor a #! in files/.",
  },
});

const INSTALLER = "install.sh";
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const SHELLS = /^(?:sh|bash|dash|ash|ksh|mksh|zsh|busybox)$/;

/**
 * What the site's shell will stumble over: the first line, line ends, stray bytes and open
 * here-documents of install.sh, of lib/ and of what is a script in files/; and what else is executable.
 * No shell is run, so that a syntax error of another kind passes.
 */
export async function checkScripts(archive: ArchiveFacts): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [path, entry] of archive.files) {
    const head = /^(?:images|extras)\//.test(path) ? undefined : await archive.head(path, 5);
    const isScript = head !== undefined && beginsScript(head);
    if (entry.executable && !mayBeExecutable(path, isScript)) {
      findings.push(
        SCRIPTS.finding("scripts/executable", {
          subject: path,
          message: "Is executable, but neither install.sh nor a script with #! in files/.",
        }),
      );
    }
    if (path !== INSTALLER && !path.endsWith(".sh") && !isScript) continue;
    const bytes = await archive.read(path, LIMITS.text);
    if (bytes !== undefined) findings.push(...checkScript(path, bytes));
  }
  return findings;
}

/**
 * install.sh and lib/ are what this program puts into every bundle, byte for byte: whoever changed them
 * may have had a reason, and QA has to know.
 * @param templatesDir the package's `templates/site`
 */
export async function checkShipped(
  archive: ArchiveFacts,
  templatesDir: string,
): Promise<Finding[]> {
  const shipped = new Map<string, Buffer>();
  for (const { path, bytes } of await siteScripts(templatesDir)) shipped.set(path, bytes);
  const there = [...archive.files.keys()].filter((path) => path.startsWith("lib/"));
  const findings: Finding[] = [];
  for (const path of new Set([...shipped.keys(), ...there])) {
    const expected = shipped.get(path);
    const found = await archive.read(path, LIMITS.text);
    if (expected !== undefined && found?.equals(expected) === true) continue;
    const message =
      expected === undefined
        ? "Is no script that this version ships, and install.sh may run it."
        : found === undefined
          ? "Is not there, or cannot be read, where this version ships a script."
          : "Is not the script that this version ships.";
    findings.push(SCRIPTS.finding("scripts/changed", { subject: path, message }));
  }
  return findings;
}

/** Those of an engine that the bundle carries have rules of their own. */
function mayBeExecutable(path: string, isScript: boolean): boolean {
  return (
    path === INSTALLER || path.startsWith("extras/") || (path.startsWith("files/") && isScript)
  );
}

function beginsScript(head: Buffer): boolean {
  const start = head.subarray(0, 3).equals(BOM) ? 3 : 0;
  return head.toString("latin1", start, start + 2) === "#!";
}

function checkScript(path: string, bytes: Buffer): Finding[] {
  const findings: Finding[] = [];
  const add = (
    rule: RuleIdOf<typeof SCRIPTS>,
    message: string,
    more: Partial<Finding> = {},
  ): void => {
    findings.push(SCRIPTS.finding(rule, { subject: path, message, ...more }));
  };
  const bom = bytes.subarray(0, 3).equals(BOM);
  if (bom) add("scripts/bom", "Begins with a byte order mark, so that its #! is not seen.");
  const nul = bytes.indexOf(0);
  if (nul >= 0) add("scripts/nul", `Has a NUL byte at byte ${nul}.`);
  const text = bytes.toString("utf8", bom ? 3 : 0);
  const crlf = text.indexOf("\r\n");
  if (crlf >= 0) {
    add("scripts/line-ends", `Line ${lineAt(text, crlf)} ends with CR and LF, not with LF alone.`);
  }
  const [first = ""] = text.slice(0, 1024).split(/\r?\n/, 1);
  const interpreter = interpreterOf(first);
  if (path === INSTALLER && first !== "#!/bin/sh") {
    const message = "Does not begin with the shell that every site has.";
    add("scripts/shebang", message, { expected: "#!/bin/sh", found: first });
  } else if (first.startsWith("#!") && interpreter === undefined) {
    add("scripts/shebang", "Its #! names no interpreter by an absolute path.", { found: first });
  }
  if (first.startsWith("#!") ? SHELLS.test(interpreter ?? "") : path.endsWith(".sh")) {
    const open = openHeredoc(text.replaceAll("\r\n", "\n"));
    if (open !== undefined) {
      const message = `The here-document of line ${open.line} is not closed.`;
      add("scripts/heredoc", message, { expected: open.word });
    }
  }
  return findings;
}

/** The name of the program that a first line calls; the one behind `env` where that is called. */
function interpreterOf(first: string): string | undefined {
  const [program = "", ...rest] = first
    .slice(2)
    .trim()
    .split(/[ \t]+/);
  if (!program.startsWith("/") || program.endsWith("/")) return undefined;
  const name = program.slice(program.lastIndexOf("/") + 1);
  return name === "env" ? rest.find((word) => !word.startsWith("-")) : name;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
