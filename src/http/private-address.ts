import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** This machine and networks of its own (RFC 6890, RFC 4193, RFC 4291). */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv6");
}

/** Gives the addresses of a host name; an empty list when it is not known. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const systemResolve: Resolve = async (host) => {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
};

export function isLoopback(url: URL): boolean {
  const host = hostOf(url);
  return isLocalName(host) || /^127(\.\d{1,3}){3}$/.test(host) || host === "::1";
}

/**
 * Why a redirect may not be followed: an outside server has no business sending us to services of
 * this machine or network, even though nothing that it gets there would pass the checksum.
 * @returns the end of a sentence; undefined when it may be followed.
 */
export async function privateRedirect(
  from: URL,
  to: URL,
  resolve: Resolve,
): Promise<string | undefined> {
  if (from.hostname === to.hostname) return undefined;
  if (!(await isPrivate(to, resolve)) || (await isPrivate(from, resolve))) return undefined;
  return `it redirects to ${to.host}, which is this machine or in its own network`;
}

async function isPrivate(url: URL, resolve: Resolve): Promise<boolean> {
  const host = hostOf(url);
  if (isLocalName(host)) return true;
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  return addresses.some((address) => PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"));
}

function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** Without the brackets of an IPv6 address and the dot of a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
