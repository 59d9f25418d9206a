import { describe, expect, it } from "vitest";
import { BundlerError } from "../../../src/core/errors.js";
import {
  checkClock,
  checkRegistry,
  checkSource,
  isReachable,
} from "../../../src/doctor/check-registries.js";
import type { Place, Reached } from "../../../src/registry/reach.js";

const registry = {
  name: "docker.io",
  repositories: ["library/redis"],
  users: ["cache", "a", "b", "c", "d", "e"],
  needed: true,
};
const reached = (more: Partial<Reached> = {}): Reached => ({
  ...{ status: 401, origin: "https://registry-1.docker.io", elsewhere: false, registry: true },
  ...{ limit: {}, ...more },
});
const own = (answer: Reached | BundlerError, credentials = true): Place => ({
  ...{ host: "registry-1.docker.io", mirror: false, credentials, answer },
});
const mirror = (answer: Reached | BundlerError): Place => ({
  ...{ host: "mirror.example", mirror: true, credentials: false, answer },
});
const dead = (host: string): BundlerError =>
  new BundlerError("NETWORK", `/v2/: ${host}: the connection was refused.`, { hint: "Check it." });
const check = (places: readonly Place[], needed = true) =>
  checkRegistry({ registry: { ...registry, needed }, places });

describe("a registry", () => {
  it("that wants a login is there, and whether Docker has one is told without showing it", () => {
    expect(check([own(reached())])).toEqual({
      id: "registry.docker.io",
      title: "docker.io",
      level: "pass",
      found:
        "registry-1.docker.io answers (wants a login or a token, Docker has a login for it); for cache, a, b, c and 2 more",
    });
    expect(check([own(reached({ status: 200 }), false)]).found).toContain(
      "open to all, no login in Docker's configuration",
    );
  });

  it("that nobody reaches is a failure when it is needed", () => {
    const places = [own(dead("registry-1.docker.io"))];
    expect(check(places)).toMatchObject({ level: "fail", mend: "Check it." });
    expect(check(places).found).toContain("does not answer (the connection was refused)");
    expect(check(places, false).level).toBe("warn");
    expect(isReachable({ registry, places })).toBe(false);
    expect(isReachable({ registry, places: [own(reached({ status: 503 }))] })).toBe(false);
  });

  it("is not needed itself behind a mirror that answers", () => {
    const places = [mirror(reached()), own(dead("registry-1.docker.io"))];
    expect(check(places).level).toBe("note");
    expect(isReachable({ registry, places })).toBe(true);
  });

  it("whose mirror is dead still works, slower", () => {
    const found = check([mirror(dead("mirror.example")), own(reached())]);
    expect(found.level).toBe("warn");
    expect(found.mend).toContain("--mirror docker.io=… for mirror.example");
  });

  it.each([
    [{ status: 429, limit: { retryAfterMs: 30_000 } }, "asks to wait 30 s"],
    [{ limit: { remaining: 0 } }, "0 requests left"],
  ])("that limits requests says so: %j", (answer, found) => {
    const finding = check([own(reached({ ...answer, registry: !("status" in answer) }))]);
    expect(finding).toMatchObject({ level: "warn", expected: "requests left" });
    expect(finding.found).toContain(found);
    expect(finding.mend).toMatch(/^docker login \(/);
  });

  it("that is only a portal's page is not believed", () => {
    const finding = check([own(reached({ status: 200, registry: false }))]);
    expect(finding).toMatchObject({ level: "warn" });
    expect(finding.found).toContain("does not look like a registry");
    expect(finding.mend).toContain("curl -i https://registry-1.docker.io/v2/");
  });

  it("whose credential helper hangs is told of", () => {
    expect(check([{ ...own(reached()), credentials: undefined }])).toMatchObject({
      level: "warn",
      mend: "Unlock it once: docker login",
    });
  });

  it("without encryption is told of", () => {
    expect(check([own(reached({ origin: "http://127.0.0.1:5000" }))]).found).toContain(
      "without encryption",
    );
  });
});

describe("a source", () => {
  const source = {
    name: "zk",
    urls: ["https://a.example/zk.tgz", "https://b.example/zk.tgz"],
    users: ["zookeeper"],
    optional: false,
  };
  const ask = (answers: readonly (Reached | BundlerError)[], more = {}) =>
    checkSource({
      source: { ...source, ...more },
      answers: answers.map((answer, at) => ({ url: source.urls[at] ?? "", answer })),
    });

  it("is fine where every address has it, or at least does not say no", () => {
    expect(ask([reached({ status: 200 }), reached({ status: 405 })])).toMatchObject({
      level: "pass",
      found: "a.example has it; b.example answers (405); for zookeeper",
    });
  });

  it("is fine with one address of two", () => {
    const found = ask([dead("a.example"), reached({ status: 200 })]);
    expect(found.level).toBe("note");
    expect(found.found).toContain("a.example does not answer (the connection was refused)");
  });

  it("that no address has can be brought by hand", () => {
    const found = ask([reached({ status: 404 }), dead("b.example")]);
    expect(found).toMatchObject({ level: "warn", id: "source.zk" });
    expect(found.mend).toContain("--source zk=FILE");
    expect(ask([reached({ status: 404 })], { optional: true }).level).toBe("note");
    expect(ask([], { urls: [] })).toMatchObject({ level: "note", mend: "--source zk=FILE" });
  });
});

describe("the clock", () => {
  const minutes = (count: number) => count * 60_000;

  it("is judged by the server that agrees most", () => {
    expect(
      checkClock([reached({ skewMs: minutes(900) }), reached({ skewMs: -1200 })]),
    ).toMatchObject([{ level: "pass", found: "within 2 s of the servers' clocks" }]);
  });

  it.each([
    [minutes(7), /^7 minutes behind/],
    [minutes(-300), /^5 hours ahead of/],
  ])("that is off by %i ms is warned of", (skewMs, found) => {
    const [finding] = checkClock([reached({ skewMs }), dead("x")]);
    expect(finding).toMatchObject({ level: "warn", mend: "sudo timedatectl set-ntp true" });
    expect(finding?.found).toMatch(found);
  });

  it("is not judged where no server tells the time", () => {
    expect(checkClock([reached(), dead("x")])).toEqual([]);
  });
});
