import { BundlerError } from "../core/errors.js";
import type { Place, Reached } from "../registry/reach.js";
import type { Finding, NeededRegistry, NeededSource } from "./types.js";

/** Milliseconds that clocks may differ: tokens and signed addresses live for some minutes. */
const SKEW_MAX_MS = 5 * 60 * 1000;

/** A registry with the places that were asked for it: its mirrors, in order, then itself. */
export interface AskedRegistry {
  readonly registry: NeededRegistry;
  readonly places: readonly Place[];
}

export interface AskedSource {
  readonly source: NeededSource;
  readonly answers: readonly { readonly url: string; readonly answer: Reached | BundlerError }[];
}

/** A place that images can be had from: it answered, and not that it is in trouble. */
function answers({ answer }: Place): boolean {
  return !(answer instanceof BundlerError) && answer.status < 500;
}

export function isReachable({ places }: AskedRegistry): boolean {
  return places.some(answers);
}

export function checkRegistry(asked: AskedRegistry): Finding {
  const { registry, places } = asked;
  const { name, needed, users } = registry;
  const base = { id: `registry.${name}`, title: name };
  const found = [places.map(describePlace).join("; "), `for ${listed(users)}`].join("; ");
  const own = places.find(({ mirror }) => !mirror);
  const login = `docker login${name === "docker.io" ? "" : ` ${name}`}`;
  if (!isReachable(asked)) {
    return {
      ...base,
      level: needed ? "fail" : "warn",
      found,
      expected: "an answer to /v2/",
      mend: unreachableMend(name, places),
    };
  }
  const dead = places.filter((place) => place.mirror && !answers(place));
  if (dead.length > 0) {
    return {
      ...base,
      level: "warn",
      found,
      expected: "an answer of every mirror that is given",
      mend: `Mend or leave out --mirror ${name}=… for ${dead.map(({ host }) => host).join(", ")}: each run waits for it before it goes on.`,
    };
  }
  const first = places.find(answers);
  if (first !== undefined && isLimited(first)) {
    return {
      ...base,
      level: "warn",
      found,
      expected: "requests left",
      mend: `${first.mirror ? `docker login ${first.host}` : login} (more requests are granted to who is logged in), or wait, or --mirror ${name}=https://MIRROR`,
    };
  }
  if (places.filter(answers).every((place) => !isRegistry(place))) {
    return {
      ...base,
      level: "warn",
      found,
      expected: "a registry: 200 or 401 to /v2/, with the header of the distribution protocol",
      mend: `Look at what answers there, a proxy's or portal's page perhaps: curl -i ${originOf(first)}/v2/`,
    };
  }
  if (places.some(({ credentials }) => credentials === undefined)) {
    return {
      ...base,
      level: "warn",
      found,
      expected: "an answer of Docker's credential helper",
      mend: `Unlock it once: ${login}`,
    };
  }
  // Behind a mirror that answers, as in a closed network, the registry itself is not needed.
  const behind = own !== undefined && !answers(own);
  return { ...base, level: behind ? "note" : "pass", found };
}

function describePlace(place: Place): string {
  const { answer, credentials, host, mirror } = place;
  const who = mirror ? `mirror ${host}` : host;
  if (answer instanceof BundlerError) return `${who} does not answer (${reason(answer, host)})`;
  const { limit, status } = answer;
  const details = [
    ...(answer.origin.startsWith("http:") ? ["without encryption"] : []),
    status === 200
      ? "open to all"
      : status === 401
        ? "wants a login or a token"
        : `answered ${status}`,
    ...(isRegistry(place) ? [] : ["does not look like a registry"]),
    ...(limit.remaining === undefined ? [] : [`${limit.remaining} requests left`]),
    ...(limit.retryAfterMs === undefined
      ? []
      : [`asks to wait ${Math.ceil(limit.retryAfterMs / 1000)} s`]),
    credentials === undefined
      ? "Docker's credential helper does not answer"
      : credentials
        ? "Docker has a login for it"
        : "no login in Docker's configuration",
  ];
  return `${who} answers (${details.join(", ")})`;
}

function isLimited({ answer }: Place): boolean {
  return (
    !(answer instanceof BundlerError) && (answer.status === 429 || answer.limit.remaining === 0)
  );
}

function isRegistry({ answer }: Place): boolean {
  // Too many requests is an answer that may come from a guard before the registry.
  return !(answer instanceof BundlerError) && (answer.registry || answer.status === 429);
}

function originOf(place: Place | undefined): string {
  return place === undefined || place.answer instanceof BundlerError ? "" : place.answer.origin;
}

function unreachableMend(name: string, places: readonly Place[]): string {
  const [hint] = places.flatMap(({ answer }) =>
    answer instanceof BundlerError && answer.hint !== undefined ? [answer.hint] : [],
  );
  return hint ?? `Try again later, or use a mirror: --mirror ${name}=https://MIRROR`;
}

/** The error's own words, without what they are about. */
function reason(error: BundlerError, host: string): string {
  return error.message
    .replace(/^\S+: /, "")
    .replace(`${host}: `, "")
    .replace(/\.$/, "");
}

export function checkSource({ source, answers: all }: AskedSource): Finding {
  const { name, optional, urls, users } = source;
  const base = { id: `source.${name}`, title: name };
  const byHand = `--source ${name}=FILE`;
  const use = `for ${listed(users)}`;
  if (urls.length === 0) {
    return {
      ...base,
      level: "note",
      found: `has no address${optional ? ", and can be done without" : ""}; it is given by hand; ${use}`,
      mend: byHand,
    };
  }
  const told = all.map(({ url, answer }) => `${hostOf(url)} ${describeFile(answer)}`);
  const found = `${[...new Set(told)].join("; ")}; ${use}`;
  const good = all.filter(({ answer }) => hasFile(answer)).length;
  if (good === all.length) return { ...base, level: "pass", found };
  if (optional || good > 0) return { ...base, level: "note", found };
  return {
    ...base,
    level: "warn",
    found,
    expected: "one address that has it",
    mend: `Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), or bring the file by hand: ${byHand}`,
  };
}

/** Servers that refuse to answer without sending the file say nothing against it. */
function hasFile(answer: Reached | BundlerError): boolean {
  return (
    !(answer instanceof BundlerError) &&
    (answer.status < 400 || [401, 403, 405, 501].includes(answer.status))
  );
}

function describeFile(answer: Reached | BundlerError): string {
  if (answer instanceof BundlerError) {
    return `does not answer (${answer.message.replace(/^(?:\S+: )*/, "").replace(/\.$/, "")})`;
  }
  const { status } = answer;
  if (status < 300) return "has it";
  if (status === 404 || status === 410) return `does not have it (${status})`;
  return `answers (${status})`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/**
 * Compares this machine's clock with those of the servers that were asked. The nearest counts: one
 * server may be wrong, and an answer may come out of a cache.
 */
export function checkClock(asked: readonly (Reached | BundlerError)[]): readonly Finding[] {
  const skews = asked.flatMap((answer) =>
    answer instanceof BundlerError || answer.skewMs === undefined ? [] : [answer.skewMs],
  );
  const [nearest] = skews.toSorted((a, b) => Math.abs(a) - Math.abs(b));
  if (nearest === undefined) return [];
  const base = { id: "machine.clock", title: "clock" };
  const off = Math.abs(nearest);
  if (off <= SKEW_MAX_MS) {
    return [
      {
        ...base,
        level: "pass",
        found: `within ${Math.max(1, Math.ceil(off / 1000))} s of the servers' clocks`,
      },
    ];
  }
  const span =
    off < 2 * 3600_000
      ? `${Math.round(off / 60_000)} minutes`
      : `${Math.round(off / 3600_000)} hours`;
  return [
    {
      ...base,
      level: "warn",
      found: `${span} ${nearest > 0 ? "behind" : "ahead of"} the servers: tokens and certificates count as expired, or not valid yet`,
      expected: "within 5 minutes",
      mend: "sudo timedatectl set-ntp true",
    },
  ];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}
