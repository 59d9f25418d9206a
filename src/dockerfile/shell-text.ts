/** What a shell would start, with its arguments; quotes are taken off. */
export type ShellCommand = readonly string[];

/** What a shell makes of a text, as far as it can be known without running it. */
export interface ShellText {
  readonly commands: readonly ShellCommand[];
  /** Where its comments stand. */
  readonly comments: readonly { readonly start: number; readonly end: number }[];
}

/** One level of `$( )`, `( )` or backquotes. */
interface Frame {
  readonly close: ")" | "`" | undefined;
  /** Whether the level stands inside double quotes of the one around it. */
  readonly quoted: boolean;
  words: string[];
  word: string | undefined;
}

const SEPARATORS = new Set([";", "&", "|", "\n", "{", "}"]);

/**
 * Splits a shell's text into simple commands (POSIX shell command language, 2.3 and 2.9), those
 * inside command substitutions too. In time linear in the text; never throws.
 */
export function readShell(text: string): ShellText {
  const commands: ShellCommand[] = [];
  const comments: { start: number; end: number }[] = [];
  const frames: Frame[] = [];
  let frame: Frame = { close: undefined, quoted: false, words: [], word: undefined };
  let inDouble = false;

  const endWord = (): void => {
    if (frame.word !== undefined) frame.words.push(frame.word);
    frame.word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    if (frame.words.length > 0) commands.push(frame.words);
    frame.words = [];
  };
  const open = (close: ")" | "`"): void => {
    frames.push(frame);
    frame = { close, quoted: inDouble, words: [], word: undefined };
    inDouble = false;
  };
  const close = (): void => {
    endCommand();
    inDouble = frame.quoted;
    frame = frames.pop() ?? { close: undefined, quoted: false, words: [], word: undefined };
    // What the command prints is unknown, but it is a part of a word.
    frame.word ??= "";
  };
  const add = (characters: string): void => {
    frame.word = (frame.word ?? "") + characters;
  };

  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === "\\") {
      at += 1;
      if (text[at] !== "\n") add(text[at] ?? "");
    } else if (character === '"') {
      inDouble = !inDouble;
      add("");
    } else if (text.startsWith("$(", at)) {
      at += 1;
      open(")");
    } else if (character === "`") {
      if (frame.close === "`") close();
      else open("`");
    } else if (inDouble) {
      add(character);
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      const until = end < 0 ? text.length : end;
      add(text.slice(at + 1, until));
      at = until;
    } else if (character === "#" && frame.word === undefined) {
      const end = text.indexOf("\n", at);
      const until = end < 0 ? text.length : end;
      comments.push({ start: at, end: until });
      at = until - 1;
    } else if (character === "(") {
      endCommand();
      open(")");
    } else if (character === ")") {
      if (frame.close === ")") close();
      else endCommand();
    } else if (SEPARATORS.has(character) && !isInWord(frame, character)) {
      endCommand();
    } else if (/\s/.test(character)) {
      endWord();
    } else if (character === "<" || character === ">") {
      // The word behind names a file; glued to the sign it is no command's argument.
      endWord();
      add(character);
    } else {
      add(character);
    }
  }
  endCommand();
  while (frames.length > 0) {
    close();
    endCommand();
  }
  return { commands, comments };
}

/** `${X}` and `{a,b}` are words; a brace alone opens a group. */
function isInWord(frame: Frame, character: string): boolean {
  return (character === "{" || character === "}") && frame.word !== undefined;
}

/** The same text with blanks where its comments are, so that every place in it stays. */
export function withoutComments(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of readShell(text).comments) {
    parts.push(text.slice(at, start), " ".repeat(end - start));
    at = end;
  }
  return [...parts, text.slice(at)].join("");
}
