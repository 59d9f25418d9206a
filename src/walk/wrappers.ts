/** Programs that only start another, and how many words of their own come before it. */
const WRAPPERS: ReadonlyMap<string, { readonly own: number; readonly withValue?: RegExp }> =
  new Map([
    ["tini", { own: 0, withValue: /^-[pe]$/ }],
    ["tini-static", { own: 0, withValue: /^-[pe]$/ }],
    ["docker-init", { own: 0, withValue: /^-[pe]$/ }],
    ["catatonit", { own: 0 }],
    ["dumb-init", { own: 0, withValue: /^(-r|--rewrite)$/ }],
    ["gosu", { own: 1 }],
    ["su-exec", { own: 1 }],
    ["setpriv", { own: 0 }],
    ["env", { own: 0, withValue: /^(-u|--unset|-C|--chdir)$/ }],
    ["exec", { own: 0 }],
    ["nice", { own: 0, withValue: /^-n$/ }],
    ["nohup", { own: 0 }],
    ["setsid", { own: 0 }],
    ["stdbuf", { own: 0, withValue: /^-[ioe]$/ }],
  ]);

/** Their own words (`cd`, `trap`) are in no folder of PATH. */
export const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "ash"]);

/** A command without anything that a shell makes something else of, its first words at least. */
const PLAIN_WORDS = /^[\w./:@%+=,-]+$/;
const MAX_TEXT = 64 * 1024;

/**
 * The command that a program starts in its place, as far as its own words tell: behind the options
 * of a wrapper, or in `sh -c "exec …"`. Undefined for programs that do something themselves.
 */
export function handedOn(name: string, words: readonly string[]): readonly string[] | undefined {
  if (SHELLS.has(name)) return shellCommand(words);
  const wrapper = WRAPPERS.get(name);
  if (wrapper === undefined) return undefined;
  const all = name === "env" ? splitStrings(words) : words;
  let at = 0;
  for (; at < all.length; at += 1) {
    const word = all[at] ?? "";
    if (word === "--") {
      at += 1;
      break;
    }
    if (wrapper.withValue?.test(word) === true) at += 1;
    else if (!word.startsWith("-") && !(name === "env" && word.includes("="))) break;
  }
  const rest = all.slice(at + wrapper.own);
  return rest.length === 0 ? undefined : rest;
}

/** The one word that a script hands to `env` with `-S`, as the words that it makes of it. */
function splitStrings(words: readonly string[]): readonly string[] {
  const [first = "", ...rest] = words;
  const text = /^(?:-[a-z]*S|--split-string=)\s*(.*)$/.exec(first.slice(0, MAX_TEXT))?.[1];
  return text === undefined ? words : [...text.split(/[ \t]+/).filter(Boolean), ...rest];
}

/** What `sh -c TEXT` runs, when TEXT is one plain command, settings of variables before it aside. */
function shellCommand(words: readonly string[]): readonly string[] | undefined {
  const [option = "", text = ""] = words;
  if (!/^-[a-z]*c$/.test(option) || text.length > MAX_TEXT) return undefined;
  // A shell that has more to do than this one command stays what starts.
  if (/[;&|<>(){}`\n#\\]/.test(text)) return undefined;
  const command = text.trim().split(/[ \t]+/);
  const first = command.findIndex((word) => word !== "exec" && !/^\w+=/.test(word));
  const name = command[first];
  return name === undefined || !PLAIN_WORDS.test(name) ? undefined : command.slice(first);
}
