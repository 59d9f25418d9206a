import { readFile, stat } from "node:fs/promises";
import { redact } from "../core/errors.js";
import type { SecretSource } from "./types.js";

/** Blanks out what could be a credential, wherever a build prints it. */
export type Redactor = (text: string) => string;

/** Shorter ones would blank out half of any text. */
const SHORTEST = 4;
/** Bytes of a secret's file that is looked into, and lines looked for. */
const LARGEST = 64 * 1024;
const MOST = 500;

/**
 * Knows the values of a build's secrets, line by line, and the passwords in URLs of its environment,
 * beside whatever looks like a credential.
 */
export async function openRedactor(
  secrets: readonly SecretSource[],
  env: NodeJS.ProcessEnv,
): Promise<Redactor> {
  const values = new Set<string>();
  const add = (text: string): void => {
    for (const line of text.split(/\r?\n/)) {
      const value = line.trim();
      if (value.length >= SHORTEST && values.size < MOST) values.add(value);
    }
  };
  for (const secret of secrets) {
    if (secret.env !== undefined) add(env[secret.env] ?? "");
    if (secret.file !== undefined) add(await readSmall(secret.file));
  }
  for (const text of Object.values(env)) for (const value of urlPasswords(text ?? "")) add(value);
  if (values.size === 0) return redact;
  // The longest first: one may be the beginning of another.
  const known = [...values].sort((a, b) => b.length - a.length).map(escape);
  const pattern = new RegExp(known.join("|"), "g");
  return (text) => redact(text.replace(pattern, "***"));
}

/** Of `http://user:password@proxy,https://…`, each password as it is written and as it is meant. */
function urlPasswords(text: string): string[] {
  return [...text.matchAll(/:\/\/[^\s/:@]*:([^\s@]+)@/g)].flatMap(([, password = ""]) => {
    try {
      return [password, decodeURIComponent(password)];
    } catch {
      return [password];
    }
  });
}

async function readSmall(file: string): Promise<string> {
  try {
    return (await stat(file)).size > LARGEST ? "" : await readFile(file, "utf8");
  } catch {
    // That it cannot be read is for the build to say.
    return "";
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
