import { BlockList, isIP } from "node:net";
import { BundlerError } from "../core/errors.js";
import { webAddress } from "./web-address.js";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that an address is reached through, as Go's programs choose it, and with them every engine
 * (golang.org/x/net/http/httpproxy): HTTP_PROXY is for http alone, HTTPS_PROXY for https; NO_PROXY may
 * name hosts with their subdomains, ports, addresses and networks; this machine is reached directly.
 * @throws BundlerError USAGE naming the variable whose value is no proxy.
 */
export function proxyFor(url: URL, env: Environment): URL | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const chosen = chosenProxy(name, env);
  if (chosen === undefined) return undefined;
  // A web server gives a request's header Proxy: to its CGI programs under this name.
  if (name === "HTTP_PROXY" && (env["REQUEST_METHOD"] ?? "") !== "") {
    throw new BundlerError("USAGE", `HTTP_PROXY is not used where REQUEST_METHOD is set.`, {
      hint: "Unset one of them.",
    });
  }
  if (!usesProxy(url, either("NO_PROXY", env).value)) return undefined;
  return parseProxy(chosen.name, chosen.value);
}

/** Whether any address could be reached through a proxy. */
export function hasProxy(env: Environment): boolean {
  return ["HTTP_PROXY", "HTTPS_PROXY"].some((name) => chosenProxy(name, env) !== undefined);
}

function chosenProxy(name: string, env: Environment) {
  const chosen = either(name, env);
  return chosen.value === "" ? undefined : chosen;
}

/** Upper case first, as in Go. */
function either(name: string, env: Environment): { readonly name: string; readonly value: string } {
  const lower = name.toLowerCase();
  const upper = env[name] ?? "";
  return upper === "" ? { name: lower, value: env[lower] ?? "" } : { name, value: upper };
}

const SCHEMES = new Set(["http:", "https:"]);

function parseProxy(name: string, value: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = webAddress(text);
  if (url !== undefined && SCHEMES.has(url.protocol) && url.hostname !== "") return url;
  // The value may hold a password.
  throw new BundlerError("USAGE", `The value of ${name} is not the address of a proxy.`, {
    hint: "Write it like http://proxy.example:3128; other kinds than http and https are not known here.",
    details: { variable: name },
  });
}

function usesProxy(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  if (host === "localhost") return false;
  const address = isIP(host) === 0 ? undefined : host;
  if (address !== undefined && isLoopback(address)) return false;
  return !noProxy
    .split(",")
    .some((entry) => matches(entry.trim().toLowerCase(), host, address, port));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, family(address));
}

/** Whether one entry of NO_PROXY means a host. */
function matches(entry: string, host: string, address: string | undefined, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  const [network = "", bits = "", ...more] = entry.split("/");
  if (more.length === 0 && isIP(network) !== 0 && /^\d{1,3}$/.test(bits)) {
    const most = isIP(network) === 4 ? 32 : 128;
    if (Number(bits) <= most) return address !== undefined && isIn(address, network, Number(bits));
  }
  const { name, port: only } = splitPort(entry);
  if (name === "" || (only !== "" && only !== port)) return false;
  if (isIP(name) !== 0) {
    return address !== undefined && isIn(address, name, isIP(name) === 4 ? 32 : 128);
  }
  if (address !== undefined) return false;
  // `*.example.com` and `.example.com` are its subdomains alone, `example.com` itself as well.
  const bare = name.startsWith("*.") ? name.slice(1) : name;
  if (bare.startsWith(".")) return host.endsWith(bare);
  return host === bare || host.endsWith(`.${bare}`);
}

/** `host:443`, `[::1]:443`; without a port, IPv6 has no brackets, or Go takes it for a name. */
function splitPort(entry: string): { readonly name: string; readonly port: string } {
  const [, bracketed, withPort] = /^\[([^\]]*)\]:(.*)$/.exec(entry) ?? [];
  if (bracketed !== undefined) return { name: bracketed, port: withPort ?? "" };
  const parts = entry.split(":");
  const [name = "", port = ""] = parts;
  return parts.length === 2 ? { name, port } : { name: entry, port: "" };
}

function isIn(address: string, network: string, bits: number): boolean {
  // The list would take an IPv4 address for a mapped one.
  if (family(network) === "ipv6" && family(address) === "ipv4") return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family(network));
  return list.check(address, family(address));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
