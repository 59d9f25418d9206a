import { redact } from "../core/errors.js";

const MASK = "***";

/** Names of values that nobody should read over a shoulder. */
const SECRET =
  /pass(?:wor[dt]|wd|phrase)?(?:$|[_.-])|password|secret(?!s$)|token|credential|(?:api|private|access|encryption)[_-]?key|(?:^|[_.-])(?:auth|pwd|key)$/i;

/** A name like `MYSQL_PASSWORD`; one that ends in `_FILE` names a file. */
export function namesSecret(name: string): boolean {
  return name.length < 200 && SECRET.test(name) && !/[_-]file$/i.test(name);
}

/** A value as it may be shown: a secret's only as far as it refers to a setting. */
export function shownValue(name: string, value: string): string {
  if (!namesSecret(name)) return shownText(value);
  return maskedSecret(value);
}

/** A text of words, like a command line, without passwords in options and addresses. */
export function shownText(text: string): string {
  return shownWords(redact(text).split(/(\s+)/)).join("");
}

/** The words of a command, `--requirepass` and what follows it masked. */
export function shownWords(words: readonly string[]): readonly string[] {
  let isNext = false;
  let isMysql = false;
  return words.map((word) => {
    if (/^\s*$/.test(word)) return word;
    if (isNext) {
      isNext = false;
      return maskedSecret(word);
    }
    if (/^["'(]?(?:\S*\/)?(?:mysql|mariadb)/.test(word)) isMysql = true;
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (equals > 0 && namesSecret(name)) {
      return `${name}=${maskedSecret(word.slice(equals + 1))}`;
    }
    // `requirepass` and `masterauth` stand in Redis' files without dashes.
    isNext = equals < 0 && (name.startsWith("-") || REDIS.test(name)) && optionNamesSecret(name);
    // The one option of MySQL's programs whose value follows without a space.
    if (isMysql && /^-p./.test(word)) return `-p${maskedSecret(word.slice(2))}`;
    return redact(word);
  });
}

/** A line of a text file: what is assigned to a secret's name is masked, too. */
export function shownLine(line: string): string {
  const [, before, name, assign, value] =
    /^([\s"'-]*(?:export\s+)?)([A-Za-z_][\w.-]{0,199})(["']?\s*[:=]\s*)(\S.*)$/.exec(line) ?? [];
  if (before === undefined || name === undefined || assign === undefined || value === undefined) {
    return shownText(line);
  }
  return namesSecret(name) ? `${before}${name}${assign}${maskedSecret(value)}` : shownText(line);
}

const REDIS = /^(?:requirepass|masterauth)$/i;

function optionNamesSecret(name: string): boolean {
  const bare = name.replace(/^-+/, "");
  return REDIS.test(bare) || namesSecret(bare);
}

/** References to settings stay, `${DB_PASSWORD}`; what is given in their place, and everything else, goes. */
function maskedSecret(value: string): string {
  const [, quote = "", inner = ""] = /^(["']?)(.*?)\1$/s.exec(value) ?? [];
  if (inner === "") return value;
  if (/^\$\$?(?:\w{1,200}|\{\w{1,200}(?::?\?[^{}]*|:?[-+])?\})$/.test(inner)) return value;
  // What a shell makes of it is told as it is written.
  if (inner.startsWith("$(")) return value;
  const [, name, operator] = /^\$\{(\w{1,200})(:?[-+])./.exec(inner) ?? [];
  return name === undefined || operator === undefined || !inner.endsWith("}")
    ? `${quote}${MASK}${quote}`
    : `${quote}\${${name}${operator}${MASK}}${quote}`;
}
