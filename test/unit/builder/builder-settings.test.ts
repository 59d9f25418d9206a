import { describe, expect, it } from "vitest";
import {
  type BuilderSettings,
  checkSettings,
  readNode,
} from "../../../src/builder/builder-settings.js";
import { formatPlatform } from "../../../src/core/platform.js";

const settings = (more: Partial<BuilderSettings> = {}): BuilderSettings => ({
  name: "openim-bundler",
  driver: "docker-container",
  platforms: [],
  nodes: [],
  mirrors: new Map(),
  insecure: [],
  caFiles: [],
  registries: [],
  driverOptions: [],
  ...more,
});

describe("--node", () => {
  it.each([
    ["ssh://me@arm.example=linux/arm64", "ssh://me@arm.example", ["linux/arm64"]],
    [
      "ssh://me@arm.example:2222=linux/arm64,linux/arm/v7",
      "ssh://me@arm.example:2222",
      ["linux/arm64", "linux/arm/v7"],
    ],
    ["tcp://10.0.0.2:1234=aarch64", "tcp://10.0.0.2:1234", ["linux/arm64"]],
    ["tcp://[fe80::1]:1234", "tcp://[fe80::1]:1234", []],
    ["unix:///run/buildkit/buildkitd.sock", "unix:///run/buildkit/buildkitd.sock", []],
    ["arm-context=linux/arm64", "arm-context", ["linux/arm64"]],
  ])("%s is an endpoint with platforms", (text, endpoint, platforms) => {
    const node = readNode(text);
    expect(node.endpoint).toBe(endpoint);
    expect(node.platforms.map(formatPlatform)).toEqual(platforms);
  });

  it.each([
    "ssh://-oProxyCommand=touch@host",
    "ssh://me@-oProxyCommand=linux/arm64",
    "ssh://-oProxyCommand=sh",
    "--help",
    "-x=linux/arm64",
    "",
    "=linux/arm64",
    "ftp://host",
    "file:///etc/passwd",
    "ssh://me:secret@host",
    "ssh://host name",
    "ssh://host\nx",
    "unix://relative/path",
    "tcp://",
  ])("%j is refused", (text) => {
    expect(() => readNode(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("for an unknown platform is refused", () => {
    expect(() => readNode("ssh://host=linux/vax")).toThrow(
      expect.objectContaining({ code: "USAGE" }),
    );
  });
});

describe("settings", () => {
  it("that fit are taken", () => {
    checkSettings(
      settings({
        insecure: ["reg.lan:5000", "[::1]:5000"],
        registries: ["registry.corp"],
        mirrors: new Map([["docker.io", ["https://mirror.example"]]]),
        buildkitImage: "mirror.example:5000/moby/buildkit:v0.13.2@sha256:00",
        network: "host",
        driverOptions: ["env.HTTP_PROXY=http://p:1", '"nodeselector=a=b,c=d"'],
      }),
    );
    checkSettings(settings({ driver: "remote", nodes: [readNode("tcp://h:1")] }));
    checkSettings(settings({ driver: "kubernetes", driverOptions: ["replicas=2"] }));
  });

  it.each<[string, Partial<BuilderSettings>]>([
    ["a name that is an option", { name: "--use" }],
    ["docker's own name", { name: "default" }],
    ["a name that is a path", { name: "../x" }],
    ["an insecure host that is none", { insecure: ["http://x"] }],
    ["a registry that is none", { registries: ["a b"] }],
    ["a mirror for what is no registry", { mirrors: new Map([["-x", ["https://m"]]]) }],
    ["an image that is an option", { buildkitImage: "--privileged" }],
    ["an image with a second driver option in it", { buildkitImage: "a,network=host" }],
    ["a network with a second driver option in it", { network: "a,image=b" }],
    ["a driver option without a value", { driverOptions: ["network"] }],
    ["a driver option that is a flag", { driverOptions: ["--use=x"] }],
    ["a remote driver without an address", { driver: "remote" }],
    [
      "a remote driver's mirrors",
      {
        driver: "remote",
        nodes: [readNode("tcp://h:1")],
        mirrors: new Map([["docker.io", ["https://m"]]]),
      },
    ],
    [
      "a remote driver's platforms",
      {
        driver: "remote",
        nodes: [readNode("tcp://h:1")],
        platforms: [{ os: "linux", architecture: "arm64" }],
      },
    ],
    ["a cluster's nodes", { driver: "kubernetes", nodes: [readNode("tcp://h:1")] }],
  ])("with %s are refused", (_, more) => {
    expect(() => checkSettings(settings(more))).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
