/**
 * The first here-document of a shell script that has no end (POSIX shell, 2.7.4): its line, from 1,
 * and the word that would end it.
 *
 * Quotes, comments, here-strings and arithmetic are told apart; what is inside `"$(…)"` counts as
 * quoted. Nothing else of the shell's grammar is known, so this finds no other mistake.
 */
export function openHeredoc(
  text: string,
): { readonly line: number; readonly word: string } | undefined {
  const lines = text.split("\n");
  let quote: "'" | '"' | undefined;
  for (let at = 0; at < lines.length; at += 1) {
    const opened = at;
    const scan = scanLine(lines[at] ?? "", quote);
    quote = scan.quote;
    for (const { word, tabs } of scan.heredocs) {
      const end = endOf(lines, at, { word, tabs });
      if (end < 0) return { line: opened + 1, word };
      at = end;
    }
  }
  return undefined;
}

/** The line that ends a here-document, by its index; -1 when there is none. */
function endOf(lines: readonly string[], after: number, { word, tabs }: Heredoc): number {
  for (let at = after + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if ((tabs ? line.replace(/^\t+/, "") : line) === word) return at;
  }
  return -1;
}

interface Heredoc {
  readonly word: string;
  /** `<<-`: tabs before a line do not count. */
  readonly tabs: boolean;
}

const START = /<<(-?)[ \t]*(?:'([^']+)'|"([^"]+)"|\\?([A-Za-z_][A-Za-z0-9_]*))/y;

function scanLine(
  line: string,
  before: "'" | '"' | undefined,
): { readonly heredocs: readonly Heredoc[]; readonly quote: "'" | '"' | undefined } {
  const heredocs: Heredoc[] = [];
  let quote = before;
  let arithmetic = 0;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at];
    if (char === "\\" && quote !== "'") at += 1;
    else if (quote !== undefined) quote = char === quote ? undefined : quote;
    else if (char === "'" || char === '"') quote = char;
    else if (char === "#" && (at === 0 || /[\s;&|(]/.test(line[at - 1] ?? ""))) break;
    else if (line.startsWith("((", at)) {
      arithmetic += 1;
      at += 1;
    } else if (arithmetic > 0 && line.startsWith("))", at)) {
      arithmetic -= 1;
      at += 1;
    } else if (line.startsWith("<<<", at)) at += 2;
    else if (arithmetic === 0 && line.startsWith("<<", at)) {
      START.lastIndex = at;
      const [whole = "", dash, single, double, bare] = START.exec(line) ?? [];
      const word = single ?? double ?? bare;
      if (word === undefined) continue;
      heredocs.push({ word, tabs: dash === "-" });
      at += whole.length - 1;
    }
  }
  return { heredocs, quote };
}
