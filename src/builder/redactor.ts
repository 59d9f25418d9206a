import { readFile, stat } from "node:fs/promises";
import { type Redactor, SHORTEST, redactorOf } from "../core/redactor.js";
import type { SecretSource } from "./types.js";

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
  return redactorOf(values);
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
