import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { imageNameTrouble } from "../../../src/definition/image-name.js";
import { nearest } from "../../../src/core/nearest.js";
import { formatPort, parsePort, readPublishedPort } from "../../../src/definition/port.js";

describe("the nearest right word", () => {
  it.each([
    ["imgae", "image"],
    ["enviroment", "environment"],
    ["helthcheck", "healthcheck"],
    ["Ports", "ports"],
    ["volume", "volumes"],
    ["zzz", undefined],
    ["x", undefined],
  ])("for %s is %s", (word, expected) => {
    expect(nearest(word, ["image", "environment", "healthcheck", "ports", "volumes"])).toBe(
      expected,
    );
  });

  it("is the word itself when it is one", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
        fc.nat(),
        (all, pick) => {
          const word = all[pick % all.length] ?? "";
          expect(nearest(word, all)).toBe(word);
        },
      ),
    );
  });

  it("survives one slip of the finger in a word of four letters or more", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]{4,12}$/),
        fc.nat(),
        fc.constantFrom("drop", "swap", "add", "change"),
        (word, pick, slip) => {
          const at = pick % (word.length - 1);
          const [head, a, b, tail] = [
            word.slice(0, at),
            word.charAt(at),
            word.charAt(at + 1),
            word.slice(at + 2),
          ];
          const typed = {
            drop: head + b + tail,
            swap: head + b + a + tail,
            add: `${head}0${a}${b}${tail}`,
            change: `${head}0${b}${tail}`,
          }[slip];
          expect(nearest(typed, ["0000000000000000000000000000", word])).toBe(word);
        },
      ),
    );
  });
});

describe("ports", () => {
  const ports = fc.record({
    host: fc.integer({ min: 1, max: 65_535 }),
    container: fc.integer({ min: 1, max: 65_535 }),
    protocol: fc.constantFrom("tcp" as const, "udp" as const),
  });

  it("are read as they are written, in the table and in both syntaxes of Compose", () => {
    fc.assert(
      fc.property(ports, fc.constantFrom("", "127.0.0.1:", "[::1]:"), (port, address) => {
        expect(parsePort(formatPort(port))).toEqual(port);
        expect(readPublishedPort(`${address}${formatPort(port)}`)).toEqual(port);
        const { host: published, container: target, protocol } = port;
        expect(readPublishedPort({ published, target, protocol })).toEqual(port);
        expect(readPublishedPort({ published: String(published), target, protocol })).toEqual(port);
      }),
    );
  });

  it.each(["80", "0:80", "80:65536", "a:b", "3000-3005:3000-3005", "80:80/sctp", "80:80:"])(
    "%s is none",
    (text) => {
      expect(parsePort(text)).toBeUndefined();
      expect(readPublishedPort(text)).toBeTypeOf("string");
    },
  );
});

describe("image names in a bundle", () => {
  it.each([
    "redis:7.0.15",
    "docker.io/library/redis:7",
    "localhost:5000/a/b-c__d.e:v1",
    "quay.io/minio/minio:RELEASE.2024-12-18T13-15-44Z",
    `redis:7.0.15@sha256:${"a".repeat(64)}`,
  ])("%s is fine", (image) => {
    expect(imageNameTrouble(image)).toBeUndefined();
  });

  it.each([
    "redis",
    "redis:latest",
    "redis:latest-7",
    "redis:edge",
    "redis:main",
    "redis:alpine",
    `redis@sha256:${"a".repeat(64)}`,
  ])("%s floats", (image) => {
    expect(imageNameTrouble(image)?.message).toMatch(/floats/);
  });

  it.each([
    "",
    "Redis:7",
    "redis:",
    ":7",
    "a//b:1",
    "redis:7@sha256:abc",
    "redis:7 --privileged",
    "${IMAGE}:1",
    `${"a/".repeat(300)}b:1`,
  ])("%s is no image name", (image) => {
    expect(imageNameTrouble(image)?.message).toMatch(/is not an image name/);
  });
});
