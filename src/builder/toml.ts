import { replaceUnseen } from "../core/invisible.js";

/** What buildkitd's configuration needs of TOML 1.0: tables of strings, booleans and lists of strings. */
export interface TomlTable {
  /** `["registry", "docker.io"]` → `[registry."docker.io"]`. */
  readonly path: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly string[]>>;
}

export function writeToml(tables: readonly TomlTable[]): string {
  return tables
    .map(({ path, values }) => {
      const lines = Object.entries(values).map(
        ([key, value]) => `${keyText(key)} = ${text(value)}`,
      );
      return [`[${path.map(keyText).join(".")}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}

function text(value: string | boolean | readonly string[]): string {
  if (typeof value === "boolean") return String(value);
  return typeof value === "string" ? quoted(value) : `[${value.map(quoted).join(", ")}]`;
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key);
}

const SHORT: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
};

/** A basic string. Half a surrogate pair is no character in TOML and becomes U+FFFD. */
function quoted(value: string): string {
  const whole = Buffer.from(value).toString();
  const escaped = whole.replace(/["\\]/g, (char) => `\\${char}`);
  return `"${replaceUnseen(escaped, (char) => SHORT[char] ?? codeOf(char))}"`;
}

function codeOf(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
}
