import { type Digest, isDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";

/** An image's name, every default filled in. */
export interface Reference {
  /** `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** `library/redis`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_REGISTRY = "docker.io";

// The grammar of github.com/distribution/reference, regexp.go.
const DOMAIN_PART = /[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?/.source;
const DOMAIN = new RegExp(
  `^(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const PATH_PART = /[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*/.source;
const PATH = new RegExp(`^${PATH_PART}(?:/${PATH_PART})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const PATH_MAX = 255;
const TEXT_MAX = 1024;

/**
 * Reads an image name as Docker does: `redis` is `docker.io/library/redis:latest`. With a digest
 * and no tag, there is no tag.
 * @throws BundlerError DEFINITION saying what is wrong with it.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string, hint?: string): never => {
    const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
    throw new BundlerError("DEFINITION", `${shown} is not an image name: ${why}.`, {
      hint: hint ?? "Image names look like redis:7.0.15 or registry.example:5000/team/app:1.2.",
      details: { reference: text.slice(0, 200) },
    });
  };
  if (text === "") fail("it is empty");
  if (text.length > TEXT_MAX) fail(`it is longer than ${TEXT_MAX} characters`);
  if (/^[0-9a-f]{64}$/.test(text)) fail("64 hexadecimal digits are an image's id");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) fail("it starts with a scheme", "Leave out https://.");

  const at = text.indexOf("@");
  const named = at === -1 ? text : text.slice(0, at);
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) {
    fail("after the @ must come sha256: and 64 lower-case hexadecimal digits");
  }
  const { registry, rest } = splitRegistry(named);
  const colon = rest.lastIndexOf(":");
  const tag = colon === -1 ? undefined : rest.slice(colon + 1);
  const path = colon === -1 ? rest : rest.slice(0, colon);

  if (!DOMAIN.test(registry)) fail(`${JSON.stringify(registry)} is not a host name`);
  if (Number(/:(\d+)$/.exec(registry)?.[1] ?? 0) > 65_535) fail("its port is above 65535");
  if (/[A-Z]/.test(path)) {
    fail("the repository has upper-case letters", `Write ${path.toLowerCase()}.`);
  }
  if (!PATH.test(path)) fail(`${JSON.stringify(path)} is not a repository name`);
  if (tag !== undefined && !TAG.test(tag)) {
    fail(
      `${JSON.stringify(tag)} is not a tag: up to 128 letters, digits, "_", ".", "-", not starting with "." or "-"`,
    );
  }
  const repository =
    registry === DEFAULT_REGISTRY && !path.includes("/") ? `library/${path}` : path;
  if (repository.length > PATH_MAX) fail(`the repository is longer than ${PATH_MAX} characters`);
  return {
    registry,
    repository,
    ...(tag === undefined && digest === undefined ? { tag: "latest" } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(digest !== undefined && isDigest(digest) ? { digest } : {}),
  };
}

/** `docker.io/library/redis:7.0.15`, the name that every engine gives the same meaning. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`;
}

/** `redis:7.0.15`: as short as Docker prints it, where the short name still means the same. */
export function familiarReference(reference: Reference): string {
  const full = formatReference(reference);
  if (reference.registry !== DEFAULT_REGISTRY) return full;
  const { repository } = reference;
  const official = /^library\/([^/]+)$/.exec(repository)?.[1];
  const short = `${official ?? repository}${suffix(reference)}`;
  try {
    return formatReference(parseReference(short)) === full ? short : full;
  } catch {
    return full;
  }
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** What stands before the first slash is a host when it could not be a path, or is `localhost`. */
function splitRegistry(text: string): { readonly registry: string; readonly rest: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  if (slash === -1 || !isHost) return { registry: DEFAULT_REGISTRY, rest: text };
  const registry = first === "index.docker.io" ? DEFAULT_REGISTRY : first;
  return { registry, rest: text.slice(slash + 1) };
}
