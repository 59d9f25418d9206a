import { spawn } from "node:child_process";
import { z } from "zod";
import { systemCode } from "../core/errors.js";

/** Never printed, never put into an error. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token, from a log-in in the browser. */
  | { readonly kind: "identity"; readonly token: string };

export type HelperAnswer =
  | { readonly kind: "found"; readonly credential: Credential }
  /** The helper works and knows nothing about the server. */
  | { readonly kind: "nothing" }
  | { readonly kind: "broken"; readonly why: string };

const answerSchema = z.object({ Username: z.string(), Secret: z.string().min(1) });
const ANSWER_MAX = 64 * 1024;
const PATIENCE_MS = 60_000;

/**
 * Asks `docker-credential-<name> get` (docker/docker-credential-helpers): the server on its
 * standard input, JSON on its output. Never throws; what the helper says stays inside.
 */
export async function askHelper(
  name: string,
  server: string,
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<HelperAnswer> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    return { kind: "broken", why: "its name is not that of a program" };
  }
  const program = `docker-credential-${name}`;
  return new Promise((resolve) => {
    const child = spawn(program, ["get"], {
      env,
      signal,
      stdio: ["pipe", "pipe", "ignore"],
      timeout: PATIENCE_MS,
      windowsHide: true,
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.length > ANSWER_MAX) child.kill();
    });
    child.on("error", (error) => {
      const why = systemCode(error) === "ENOENT" ? "it is not installed" : "it cannot be started";
      resolve({ kind: "broken", why });
    });
    child.on("close", (code) => resolve(readAnswer(code, output)));
    // A helper that does not read its input is no reason to fall over.
    child.stdin.on("error", () => undefined);
    child.stdin.end(server);
  });
}

function readAnswer(code: number | null, output: string): HelperAnswer {
  if (code !== 0) {
    return /credentials not found/i.test(output)
      ? { kind: "nothing" }
      : { kind: "broken", why: code === null ? "it was killed" : `it ended with code ${code}` };
  }
  try {
    const { Username, Secret } = answerSchema.parse(JSON.parse(output));
    return {
      kind: "found",
      credential:
        Username === "<token>"
          ? { kind: "identity", token: Secret }
          : { kind: "basic", username: Username, password: Secret },
    };
  } catch {
    return { kind: "broken", why: "its answer is not what helpers answer" };
  }
}
