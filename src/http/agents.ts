import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { type SecureContext, createSecureContext, rootCertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { BundlerError, messageOf } from "../core/errors.js";
import type { Timeouts } from "./connection.js";
import { type Lane, createLane } from "./lane.js";
import { proxyFor } from "./proxy.js";

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 15_000, headersMs: 30_000, idleMs: 60_000 };

/** Connections, directly or through the proxies of the environment. */
export interface Agents {
  /**
   * The way to an address; `verified: false` accepts any certificate.
   * @throws BundlerError USAGE for a variable that names no proxy.
   */
  get(url: URL, verified: boolean): Promise<Dispatcher>;
  /** The short way to an address, where no proxy stands in it. @throws as get does. */
  lane(url: URL): Lane | undefined;
  close(): Promise<void>;
}

/** @throws BundlerError FILE for a CA file that cannot be read or holds no certificate. */
export function createAgents(options: {
  readonly caFiles: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeouts: Timeouts;
}): Agents {
  const { env, timeouts } = options;
  const trusted = trust(options.caFiles, env);
  const made = new Map<string, Promise<Dispatcher>>();
  const secure = trusted === undefined ? {} : { secureContext: trusted };
  const lane = createLane({ ...secure, timeouts });
  const make = async (proxy: URL | undefined, verified: boolean): Promise<Dispatcher> => {
    // Most runs never need it, and it takes longer to load than all the rest.
    const { Agent, ProxyAgent } = await import("undici");
    const tls = {
      timeout: timeouts.connectMs,
      ...secure,
      // One slow address of several is given up for the next; Node's 250 ms is less than a far registry needs.
      autoSelectFamilyAttemptTimeout: Math.min(2500, timeouts.connectMs),
    };
    const checked = verified ? tls : { ...tls, rejectUnauthorized: false };
    const limits = { headersTimeout: timeouts.headersMs, bodyTimeout: timeouts.idleMs };
    if (proxy === undefined) return new Agent({ ...limits, connect: checked });
    return new ProxyAgent({
      ...limits,
      uri: proxy.href,
      requestTls: checked,
      proxyTls: tls,
      // To a plain registry, a proxy is asked the plain way: most refuse CONNECT to ports other than 443.
      proxyTunnel: false,
    });
  };
  return {
    get: (url, verified) => {
      const proxy = proxyFor(url, env);
      const key = `${verified} ${proxy?.href ?? ""}`;
      const agent = made.get(key) ?? make(proxy, verified);
      made.set(key, agent);
      return agent;
    },
    lane: (url) => (proxyFor(url, env) === undefined ? lane : undefined),
    close: async () => {
      lane.close();
      await Promise.all([...made.values()].map(async (agent) => (await agent).destroy()));
    },
  };
}

/** Made once: reading all root certificates for each connection costs more than the connection. */
function trust(caFiles: readonly string[], env: NodeJS.ProcessEnv): SecureContext | undefined {
  if (caFiles.length === 0) return undefined;
  // A context of our own knows nothing of the file that Node itself would have added.
  const system = env["NODE_EXTRA_CA_CERTS"];
  const files = system === undefined || system === "" ? caFiles : [...caFiles, system];
  const fail = (file: string, why: string, cause?: unknown): never => {
    throw new BundlerError("FILE", `The CA file ${file} ${why}.`, {
      hint: "It must hold certificates in PEM form.",
      details: { file },
      cause,
    });
  };
  const authorities = files.flatMap((file) => {
    let text = "";
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      fail(file, `cannot be read: ${messageOf(cause)}`, cause);
    }
    const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
    for (const certificate of certificates ?? fail(file, "holds no certificate")) {
      try {
        new X509Certificate(certificate);
      } catch (cause) {
        fail(file, "holds a certificate that cannot be read", cause);
      }
    }
    return certificates ?? [];
  });
  return createSecureContext({ ca: [...rootCertificates, ...authorities] });
}
