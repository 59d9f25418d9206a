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

/** A text without passwords in assignments, options and addresses; of a private key nothing is left. */
export function shownText(text: string): string {
  return PRIVATE_KEY.test(text) ? MASK : text.split("\n").map(shownLine).join("\n");
}

const PRIVATE_KEY = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/;

/** Whether a text has secrets that go over several lines, so that no line of it is safe to show alone. */
export function hasLongSecrets(text: string): boolean {
  if (PRIVATE_KEY.test(text)) return true;
  // YAML 1.2, 8.1 "Block Scalar Styles".
  const blocks = text.matchAll(/^[\s"'-]{0,200}([A-Za-z_][\w.-]{0,199})["']?[ \t]*:[ \t]*[|>]/gm);
  return [...blocks].some(([, name = ""]) => namesSecret(name));
}

/** The words of a command, `--requirepass` and what follows it masked. */
export function shownWords(words: readonly string[]): readonly string[] {
  let next: ((value: string) => string) | undefined;
  let options: Options = {};
  return words.map((word) => {
    if (/^\s*$/.test(word)) return word;
    if (next !== undefined) {
      const mask = next;
      next = undefined;
      return mask(word);
    }
    options = optionsOf(word) ?? options;
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (equals > 0 && namesSecret(name)) {
      return `${name}=${maskedSecret(word.slice(equals + 1))}`;
    }
    if (name === "-u" || name === "--user") next = maskedLogin;
    // `requirepass` and `masterauth` stand in Redis' files without dashes.
    const isSecret =
      name === options.apart ||
      ((name.startsWith("-") || REDIS.test(name)) && optionNamesSecret(name));
    if (equals < 0 && isSecret) next = maskedSecret;
    if (options.joined !== undefined && word.startsWith(options.joined) && word !== options.joined)
      return options.joined + maskedSecret(word.slice(options.joined.length));
    return redact(word);
  });
}

/** Short options of a program that a password follows, as the next word or without a space. */
interface Options {
  readonly apart?: string;
  readonly joined?: string;
}

function optionsOf(word: string): Options | undefined {
  const [, program] =
    /^["'(]?(?:\S*\/)?(mysql|mariadb|mongo|redis-cli|valkey-cli)/.exec(word) ?? [];
  if (program === undefined) return undefined;
  if (program === "mongo") return { apart: "-p" };
  return program.endsWith("-cli") ? { apart: "-a" } : { joined: "-p" };
}

/** `root:***` of a login; numbers are a user and a group. */
function maskedLogin(value: string): string {
  const colon = value.indexOf(":");
  if (colon < 0 || /^["']?\d+:\d+["']?$/.test(value)) return redact(value);
  return `${value.slice(0, colon)}:${maskedSecret(value.slice(colon + 1))}`;
}

/** A line of a text file: what is assigned to a secret's name is masked, too. */
export function shownLine(line: string): string {
  const [, before, name, assign, value] =
    /^([\s"'-]*(?:export\s+)?)([A-Za-z_][\w.-]{0,199})(["']?\s*[:=]\s*)(\S.*)$/.exec(line) ?? [];
  if (before === undefined || name === undefined || assign === undefined || value === undefined) {
    return shownPhrase(line);
  }
  return namesSecret(name) ? `${before}${name}${assign}${maskedSecret(value)}` : shownPhrase(line);
}

/** Words as a shell has them: what is quoted belongs to one. */
function shownPhrase(line: string): string {
  const words: string[] = [];
  let isOpen = false;
  for (const part of redact(line).match(/\s+|"[^"]*"|'[^']*'|[^\s"']+|["']/g) ?? []) {
    const isSpace = /^\s/.test(part);
    if (isOpen && !isSpace) words.push((words.pop() ?? "") + part);
    else words.push(part);
    isOpen = !isSpace;
  }
  return shownWords(words)
    .map((word) => (/\S\s/.test(word) ? shownWords(word.split(/(\s+)/)).join("") : word))
    .join("")
    .replace(ASSIGNED, (all, name: string, assign: string, value: string) =>
      namesSecret(name) ? name + assign + maskedSecret(value) : all,
    );
}

/** An assignment within a line, as in JSON; the name in `${NAME:-…}` is none. */
const ASSIGNED =
  /(?<![\w.$]|\$\{)([A-Za-z_][\w.-]{0,199})(["']?\s*[:=]+>?\s*)("[^"]*"|'[^']*'|\$?\$\{[^}]{0,1000}\}|[^\s"',;(){}[\]]+)/g;

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
