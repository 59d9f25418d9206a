import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/** This machine, networks of its own, and addresses that are nobody's (RFC 6890, RFC 4193, RFC 4291). */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  // Multicast and what is reserved, the broadcast address among it.
  ["224.0.0.0", 3],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv4");
}
for (const [network, bits] of [
  ["::", 127],
  // NAT64 of one's own network (RFC 8215).
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  PRIVATE.addSubnet(network, bits, "ipv6");
}

/**
 * IPv6 networks that stand for IPv4, with the position of its first byte: what they lead to is the IPv4
 * address. Mapped and compatible (RFC 4291, 2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056).
 */
const EMBEDDING = (
  [
    ["::ffff:0:0", 96, 12],
    ["::", 96, 12],
    ["64:ff9b::", 96, 12],
    ["2002::", 16, 2],
  ] as const
).map(([network, bits, first]) => {
  const list = new BlockList();
  list.addSubnet(network, bits, "ipv6");
  return { list, first };
});

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
  return addresses.some(isPrivateAddress);
}

/** Whether an address is this machine's, its own network's, or nobody's on the internet. */
function isPrivateAddress(address: string): boolean {
  if (isIP(address) !== 6) return PRIVATE.check(address, "ipv4");
  // A link's address may say which link: fe80::1%eth0.
  const [bare = ""] = address.split("%");
  if (PRIVATE.check(bare, "ipv6")) return true;
  for (const { list, first } of EMBEDDING) {
    if (!list.check(bare, "ipv6")) continue;
    return PRIVATE.check(
      bytesOf(bare)
        .slice(first, first + 4)
        .join("."),
      "ipv4",
    );
  }
  return false;
}

/** The 16 bytes of an IPv6 address. */
function bytesOf(address: string): readonly number[] {
  // Normalised by the URL parser: no dotted part, and :: at most once.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [before = "", after] = text.split("::");
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const head = groups(before);
  const tail = groups(after ?? "");
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...gap, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

/** Without the brackets of an IPv6 address and the dot of a full name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}
