import { unpackedPath } from "../tar/unpacked-path.js";
import { follow } from "./look-up.js";
import { SHELLS, handedOn } from "./wrappers.js";
import type { FinalFile, StartResolution, StartStep, WalkedImage } from "./types.js";

/** What engines set where an image sets none. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Linux gives up after five interpreters of interpreters; wrappers of wrappers end somewhere, too. */
const MAX_HOPS = 12;

/**
 * Follows entrypoint and command, or another command, through PATH, symlinks, `#!` and programs that
 * only start another one (tini, gosu, env, `sh -c "exec …"`) to the program that the kernel loads.
 * Where that is a script's interpreter, the script is among the steps.
 */
export function resolveStart(
  image: WalkedImage,
  command: readonly string[] = [...image.config.entrypoint, ...image.config.cmd],
): StartResolution {
  const steps: StartStep[] = [];
  const stuck = (trouble: string): StartResolution => ({ command, steps, trouble });
  if (command.length === 0) return stuck("It has neither an entrypoint nor a command.");
  let words: readonly string[] = command;
  let what: StartStep["what"] = "command";
  for (let hops = 0; hops < MAX_HOPS; hops += 1) {
    const [name = ""] = words;
    const found = findProgram(image, name, what);
    if (typeof found === "string") return stuck(found);
    steps.push(...found.steps);
    const { file } = found;
    if (file.program?.format === "script") {
      const { interpreter, argument } = file.program;
      const onward = argument === undefined ? [] : [argument];
      words = [interpreter, ...onward, `/${file.path}`, ...words.slice(1)];
      what = "interpreter";
      continue;
    }
    const next = handedOn(baseName(name), words.slice(1));
    // What a script makes of its own arguments is not known: its interpreter is what starts.
    if (next === undefined) return { command, steps, end: file };
    const builtIn =
      SHELLS.has(baseName(name)) && typeof findProgram(image, next[0] ?? "", what) === "string";
    if (builtIn) return { command, steps, end: file };
    words = next;
    what = "handed-on";
  }
  return stuck(`It is handed on more than ${MAX_HOPS} times.`);
}

interface FoundProgram {
  readonly steps: readonly StartStep[];
  readonly file: FinalFile;
}

/** Where a command's first word leads; a sentence when nowhere. */
function findProgram(
  image: WalkedImage,
  name: string,
  what: StartStep["what"],
): FoundProgram | string {
  const quoted = JSON.stringify(name.slice(0, 200));
  if (name === "") return "Its first word is empty.";
  if (name.includes("/") || what === "interpreter") {
    const path = name.startsWith("/") ? name : `${image.config.workingDir}/${name}`;
    const file = runnable(image, path, what);
    return (
      file ??
      `${quoted} is not in the image${what === "interpreter" ? ", which a script needs" : ""}.`
    );
  }
  for (const folder of searchPath(image.config.env)) {
    const base = folder.startsWith("/") ? folder : `${image.config.workingDir}/${folder}`;
    const file = runnable(image, `${base}/${name}`, what === "command" ? "path" : what);
    if (file !== undefined && (file.file.mode & 0o111) !== 0) return file;
  }
  return `${quoted} is in no folder of PATH.`;
}

function runnable(
  { files }: WalkedImage,
  path: string,
  what: StartStep["what"],
): FoundProgram | undefined {
  const found = follow(files, path);
  if (found?.file.type !== "file") return undefined;
  const { file, links } = found;
  const program = file.program === undefined ? {} : { program: file.program };
  const asked = unpackedPath(path);
  if (links.length === 0) return { file, steps: [{ what, path: file.path, ...program }] };
  const steps: StartStep[] = [
    { what, path: asked },
    ...links.slice(1).map(({ path: link }): StartStep => ({ what: "symlink", path: link })),
    { what: "symlink", path: file.path, ...program },
  ];
  return { file, steps };
}

/** The folders of PATH; the last setting counts. */
function searchPath(env: readonly string[]): readonly string[] {
  const path = env.findLast((setting) => setting.startsWith("PATH="))?.slice("PATH=".length);
  return (path ?? DEFAULT_PATH).split(":").slice(0, 100);
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
