import { describe, expect, it } from "vitest";
import { isLoopback, privateRedirect, systemResolve } from "../../../src/http/private-address.js";

const names: Readonly<Record<string, readonly string[]>> = {
  "mirror.example": ["203.0.113.7"],
  "intranet.example": ["10.1.2.3"],
  "mixed.example": ["203.0.113.7", "fd00::1"],
};
const problem = (from: string, to: string): Promise<string | undefined> =>
  privateRedirect(new URL(from), new URL(to), (host) => Promise.resolve(names[host] ?? []));

describe("a redirect from an outside server", () => {
  it.each([
    "http://127.0.0.1:8080/x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://localhost/x",
    "http://localhost./x",
    "http://api.localhost/x",
    "http://[::1]/x",
    "http://[::]/x",
    "http://[::ffff:10.0.0.1]/x",
    "http://[fe80::1]/x",
    "http://10.0.0.1/x",
    "http://172.31.255.255/x",
    "http://192.168.1.1/x",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/x",
    "http://0.0.0.0/x",
    "http://192.0.0.1/x",
    "http://198.19.255.255/x",
    "http://224.0.0.251/x",
    "http://255.255.255.255/x",
    "http://[64:ff9b::a00:1]/x",
    "http://[64:ff9b:1::1]/x",
    "http://[2002:c0a8:101::1]/x",
    "http://[::10.0.0.1]/x",
    "http://[::ffff:7f00:1]/x",
    "http://[fec0::1]/x",
    "http://[ff02::1]/x",
    "https://intranet.example/x",
    "https://mixed.example/x",
  ])("to %s is refused", async (to) => {
    expect(await problem("https://mirror.example/x", to)).toContain(
      `redirects to ${new URL(to).host}, which is this machine or in its own network`,
    );
  });

  it.each([
    "https://codeload.example/x",
    "https://203.0.113.9/x",
    "http://172.32.0.1/x",
    "https://[2001:db8::1]/x",
    "https://[64:ff9b::808:808]/x",
    "https://[2002:808:808::1]/x",
    "https://198.20.0.1/x",
    "https://192.0.1.1/x",
    "https://mirror.example:8443/x",
  ])("to %s is followed", async (to) => {
    expect(await problem("https://mirror.example/x", to)).toBeUndefined();
  });
});

describe("a redirect from a server inside", () => {
  it("may lead to another one inside", async () => {
    for (const from of ["http://10.0.0.1/x", "https://intranet.example/x", "http://localhost/x"]) {
      expect(await problem(from, "http://192.168.1.1/x")).toBeUndefined();
    }
  });
});

describe("the system's names", () => {
  it("are looked up, and an unknown one is none", async () => {
    expect((await systemResolve("localhost")).some((address) => /^(127\.|::1)/.test(address))).toBe(
      true,
    );
    expect(await systemResolve("no-such-host.invalid")).toEqual([]);
  });

  it("tell loopback from everything else", () => {
    const loopback = (url: string): boolean => isLoopback(new URL(url));
    expect(["http://127.0.0.1:1", "http://localhost", "http://[::1]"].every(loopback)).toBe(true);
    expect(["http://127.example", "http://10.0.0.1", "http://[::2]"].some(loopback)).toBe(false);
  });
});
