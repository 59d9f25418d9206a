import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { type Docker, lastWords } from "../engine/docker.js";
import { interrupted, messageOf } from "../core/errors.js";
import type { SmokeTest } from "../definition/types.js";
import type { ContainerFacts } from "./containers.js";
import type { PublishedPort } from "./isolate.js";
import type { SmokeOutcome } from "./types.js";

/** Milliseconds between two tries. */
const PAUSE = 2000;
/** A try that has begun gets the time to end, in milliseconds. */
const LEAST = 5000;
/** Bytes of an answer that are looked at. */
const ANSWER_MAX = 1024 * 1024;

export interface SmokeTerms {
  readonly docker: Docker;
  readonly signal: AbortSignal;
  readonly settings: ReadonlyMap<string, string>;
  /** Where the ports of the host would have led. */
  readonly published: readonly PublishedPort[];
  readonly containers: readonly ContainerFacts[];
  /** Containers' addresses can be reached from here. */
  readonly reachable: boolean;
  /** How much longer everything may take. */
  readonly factor: number;
  /** Blanks out secrets. */
  readonly redact: (text: string) => string;
}

/** One try: undefined when it passed, else what was wrong. */
type Try = (timeout: number) => Promise<string | undefined>;

/** Tries a smoke test of a component until it passes or its time is over. */
export async function smokeTest(
  component: string,
  test: SmokeTest,
  terms: SmokeTerms,
): Promise<SmokeOutcome> {
  const begin = performance.now();
  const kind = "run" in test ? "run" : "http";
  const shown = { kind, test: "run" in test ? test.run.join(" ") : test.http } as const;
  const attempt =
    "run" in test
      ? runInside(component, test.run, test.expect, terms)
      : ask(test.http, test.expect, terms);
  const seconds = (): number => Math.round((performance.now() - begin) / 100) / 10;
  if (typeof attempt === "string") {
    return { ...shown, outcome: "skipped", seconds: 0, said: attempt };
  }
  const limit = test.limit * 1000 * terms.factor;
  for (;;) {
    const left = limit - (performance.now() - begin);
    const failure = await attempt(Math.ceil(Math.max(left, LEAST)));
    if (failure === undefined) return { ...shown, outcome: "passed", seconds: seconds() };
    if (performance.now() - begin >= limit) {
      return { ...shown, outcome: "failed", seconds: seconds(), said: terms.redact(failure) };
    }
    await sleep(PAUSE, undefined, { signal: terms.signal }).catch(() => undefined);
    if (terms.signal.aborted) throw interrupted();
  }
}

function runInside(
  component: string,
  command: readonly string[],
  expect: string | undefined,
  { docker, signal, containers }: SmokeTerms,
): Try | string {
  const container = containers.find(
    ({ service, status }) => service === component && status === "running",
  );
  if (container === undefined) return "it has no running container";
  return async (timeout) => {
    const end = await docker.run(["exec", container.id, ...command], {
      signal,
      timeout,
      capture: ANSWER_MAX,
    });
    if (end.code !== 0) return lastWords(end);
    const output = `${end.stdout}${end.stderr}`;
    return expect === undefined || output.includes(expect)
      ? undefined
      : `without the expected ${expect}: ${ending(output)}`;
  };
}

/** The address is asked where its port leads to: on isolated networks no port of the host is open. */
function ask(address: string, expect: string | undefined, terms: SmokeTerms): Try | string {
  const { settings, published, containers, reachable } = terms;
  const filled = address.replaceAll(
    /\$\{([A-Z][A-Z0-9_]*)\}/g,
    (written, name: string) => settings.get(name) ?? written,
  );
  if (!URL.canParse(filled)) return "its address cannot be read";
  const url = new URL(filled);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const target = published.find(({ host }) => host === port);
  if (target === undefined) return `no service that was started publishes port ${port}`;
  if (!reachable) return "containers of this engine cannot be asked from here";
  const host = containers.find(({ service }) => service === target.service)?.addresses[0];
  if (host === undefined) return `${target.service} has no address`;
  const where = new URL(url);
  where.hostname = host.includes(":") ? `[${host}]` : host;
  where.port = String(target.container);
  return async (timeout) => {
    try {
      const { status, body } = await get(
        where,
        url.host,
        AbortSignal.any([terms.signal, AbortSignal.timeout(timeout)]),
      );
      if (status >= 400) return `it answers with status ${status}: ${ending(body)}`;
      return expect === undefined || body.includes(expect)
        ? undefined
        : `without the expected ${expect}: ${ending(body)}`;
    } catch (error) {
      if (terms.signal.aborted) throw interrupted();
      return messageOf(error);
    }
  };
}

/** Redirects are answers too: where they lead is not for a rehearsal to follow. */
function get(
  url: URL,
  host: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    // The certificate is for the name of a site, which this is not.
    const options = { signal, headers: { host }, agent: false, rejectUnauthorized: false };
    const request = (url.protocol === "https:" ? https : http).get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let room = ANSWER_MAX;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk.subarray(0, Math.max(room, 0)));
        room -= chunk.length;
        // What counts has been seen, and some answers never end.
        if (room <= 0) response.destroy();
      });
      const done = (): void =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
      response.on("end", done);
      response.on("error", reject);
      response.on("close", done);
    });
    request.on("error", reject);
  });
}

function ending(text: string): string {
  const trimmed = text.trim();
  return trimmed.length > 300 ? `…${trimmed.slice(-300)}` : trimmed;
}
