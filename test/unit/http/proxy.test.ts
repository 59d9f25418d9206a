import { describe, expect, it } from "vitest";
import { proxyFor } from "../../../src/http/proxy.js";

const proxy = "http://proxy.example:3128/";
const through = (url: string, noProxy: string): boolean =>
  proxyFor(new URL(url), { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: noProxy }) !==
  undefined;

/** As Go's net/http answers; compared with it over many more where Go is. */
describe("NO_PROXY", () => {
  it.each([
    ["10.0.0.0/8", "http://10.1.2.3/", "http://11.1.2.3/"],
    ["fd00::/8", "http://[fd00::1]/", "http://[fe00::1]/"],
    ["example.com", "https://example.com/", "https://example.org/"],
    ["example.com", "https://a.example.com/", "https://aexample.com/"],
    [".example.com", "https://a.example.com/", "https://example.com/"],
    ["*.example.com", "https://a.example.com/", "https://example.com/"],
    ["example.com:5000", "https://example.com:5000/", "https://example.com/"],
    ["example.com:443", "https://example.com/", "http://example.com/"],
    ["10.0.0.1", "http://10.0.0.1:5000/", "http://10.0.0.2/"],
    ["10.0.0.1:5000", "http://10.0.0.1:5000/", "http://10.0.0.1/"],
    ["fd00::1", "http://[fd00::1]:5000/", "http://[fd00::2]/"],
    ["[fd00::1]:80", "http://[fd00::1]/", "http://[fd00::1]:81/"],
    [" a.example , B.example ", "https://b.example/", "https://c.example/"],
  ])("with %s reaches %s directly, and not %s", (noProxy, direct, proxied) => {
    expect([through(direct, noProxy), through(proxied, noProxy)]).toEqual([false, true]);
  });

  it("with * reaches all directly, and never asks a proxy for this machine", () => {
    expect(through("https://example.com/", "*")).toBe(false);
    for (const host of ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"]) {
      expect(through(`http://${host}:5000/`, "")).toBe(false);
    }
  });
});

describe("the variables", () => {
  const chosen = (url: string, env: Record<string, string>): string | undefined =>
    proxyFor(new URL(url), env)?.href;

  it("are for their own scheme, in upper case before lower", () => {
    expect(chosen("https://a.example/", { HTTP_PROXY: proxy })).toBeUndefined();
    expect(chosen("http://a.example/", { HTTPS_PROXY: proxy })).toBeUndefined();
    expect(chosen("http://a.example/", { http_proxy: proxy, HTTP_PROXY: "other:1" })).toBe(
      "http://other:1/",
    );
    expect(chosen("https://a.example/", { https_proxy: "lower:2", HTTPS_PROXY: "" })).toBe(
      "http://lower:2/",
    );
  });

  it.each(["socks5://a:1", "http://", "http://a b", "://", "http://a:99999"])(
    "that say %j are named, and what they say is not",
    (value) => {
      let said = "";
      try {
        chosen("https://a.example/", { HTTPS_PROXY: value });
      } catch (error) {
        said = String(error);
      }
      expect(said).toBe("BundlerError: The value of HTTPS_PROXY is not the address of a proxy.");
    },
  );
});
