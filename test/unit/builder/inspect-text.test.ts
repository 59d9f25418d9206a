import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPlatform } from "../../../src/core/platform.js";
import { parseInspect } from "../../../src/builder/inspect-text.js";

const CONTAINER_0_13 = `Name:          manual
Driver:        docker-container
Last Activity: 2026-11-22 23:44:46 +0000 UTC

Nodes:
Name:                  manual0
Endpoint:              unix:///var/run/docker.sock
Driver Options:        image="local/buildkit:v0.13.2" env.X="Name: forged"
Status:                running
BuildKit daemon flags: --allow-insecure-entitlement=network.host
BuildKit version:      v0.13.2
Platforms:             linux/arm64*, linux/amd64, linux/amd64/v2, linux/386, linux/arm/v7, linux/mips64le
Labels:
 org.mobyproject.buildkit.worker.executor:         oci
 org.mobyproject.buildkit.worker.hostname:         7ff91e0520d8
GC Policy rule#0:
 All:           false
 Filters:       type==source.local,type==exec.cachemount,type==source.git.checkout
 Keep Duration: 48h0m0s
 Keep Bytes:    488.3MiB
File#buildkitd.toml:
 > [registry."docker.io"]
 >   mirrors = ["mirror.example"]
`;

const ENGINE_0_13 = `Name:   default
Driver: docker

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.0.0+unknown
Platforms:        linux/amd64, linux/amd64/v2, linux/amd64/v3, linux/amd64/v4
Labels:
 org.mobyproject.buildkit.worker.moby.host-gateway-ip: 172.17.0.1
`;

const TWO_NODES_0_9 = `Name:   team
Driver: docker-container

Nodes:
Name:      team0
Endpoint:  unix:///var/run/docker.sock
Status:    running
Flags:     --debug --allow-insecure-entitlement security.insecure
Buildkit:  v0.10.3
Platforms: linux/amd64, linux/386

Name:      team1
Endpoint:  ssh://build@arm.example
Status:    inactive
Platforms: linux/arm64*, linux/arm/v7*

Name:      team2
Endpoint:  ssh://build@gone.example
Error:     error during connect: Get "http://docker.example.com/v1.24/info":
command [ssh -l build -- gone.example docker system dial-stdio] has exited with exit status 255
`;

describe("what docker buildx inspect prints", () => {
  it("is read from buildx 0.13: nodes, versions, and platforms with those that are claimed", () => {
    const builder = parseInspect(CONTAINER_0_13);
    expect(builder).toMatchObject({ name: "manual", driver: "docker-container" });
    expect(builder?.nodes).toHaveLength(1);
    const [node] = builder!.nodes;
    expect(node).toMatchObject({
      name: "manual0",
      endpoint: "unix:///var/run/docker.sock",
      status: "running",
      buildkit: "v0.13.2",
    });
    expect(node?.platforms.map(formatPlatform)).toEqual([
      "linux/arm64",
      "linux/amd64",
      "linux/amd64/v2",
      "linux/386",
      "linux/arm/v7",
      "linux/mips64le",
    ]);
    expect(node?.claimed.map(formatPlatform)).toEqual(["linux/arm64"]);
    expect(formatPlatform(node!.native!)).toBe("linux/amd64");
  });

  it("is read for an engine's own builder", () => {
    expect(parseInspect(ENGINE_0_13)).toMatchObject({
      name: "default",
      driver: "docker",
      nodes: [{ endpoint: "default", buildkit: "v0.0.0+unknown", claimed: [] }],
    });
  });

  it("is read from buildx 0.9, with nodes that sleep and nodes that are away", () => {
    const builder = parseInspect(TWO_NODES_0_9);
    expect(builder?.nodes.map(({ name, status }) => [name, status])).toEqual([
      ["team0", "running"],
      ["team1", "inactive"],
      ["team2", "error"],
    ]);
    expect(builder?.nodes[0]?.buildkit).toBe("v0.10.3");
    expect(builder?.nodes[1]).not.toHaveProperty("buildkit");
    expect(builder?.nodes[2]?.error).toBe(
      'error during connect: Get "http://docker.example.com/v1.24/info": command [ssh -l build -- gone.example docker system dial-stdio] has exited with exit status 255',
    );
    expect(builder).not.toHaveProperty("error");
  });

  it("tells why a builder's nodes could not be asked", () => {
    const text =
      "Name:   default\nDriver: \nError:  Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n";
    expect(parseInspect(text)).toEqual({
      name: "default",
      driver: "",
      error: "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
      nodes: [],
    });
  });

  it.each([
    ["linux/arm64*, linux/arm/v7, linux/arm/v6, linux/amd64", "linux/arm64"],
    ["linux/amd64*, linux/amd64/v2, linux/386", "linux/amd64"],
    ["linux/arm64*, linux/amd64, linux/386", "linux/amd64"],
    ["linux/s390x*", "linux/s390x"],
    ["linux/arm/v7, linux/arm/v6", "linux/arm/v7"],
  ])("knows the processor of a node with %s", (platforms, native) => {
    const text = `Name: a\nDriver: remote\n\nNodes:\nName: a0\nStatus: running\nPlatforms: ${platforms}\n`;
    expect(formatPlatform(parseInspect(text)!.nodes[0]!.native!)).toBe(native);
  });

  it("is no builder when it is something else", () => {
    expect(parseInspect("")).toBeUndefined();
    expect(parseInspect("Nodes:\nName: x\n")?.nodes ?? []).toEqual([]);
    expect(parseInspect("docker: unknown command")).toBeUndefined();
  });

  it("of any text is read without failing", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "Name: x",
        "Nodes:",
        "Driver: docker",
        "",
        "Error: e",
        "Platforms: linux/a/b/c/d, /, *",
      ),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        parseInspect(lines.join("\n"));
      }),
    );
  });

  it("gives back any nodes that were printed", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,12}$/);
    const platform = fc.constantFrom("linux/amd64", "linux/arm64*", "linux/arm/v7*", "linux/s390x");
    const node = fc.record({ name: word, endpoint: word, platforms: fc.uniqueArray(platform) });
    fc.assert(
      fc.property(word, fc.array(node, { maxLength: 4 }), (name, nodes) => {
        const text = [
          `Name:   ${name}`,
          "Driver: remote",
          "",
          "Nodes:",
          ...nodes.map(
            (one) =>
              `Name:      ${one.name}\nEndpoint:  ${one.endpoint}\nStatus:    running\nPlatforms: ${one.platforms.join(", ")}\nLabels:\n Name: no\n`,
          ),
        ].join("\n");
        const builder = parseInspect(text);
        expect(builder?.name).toBe(name);
        expect(
          builder?.nodes.map((one) => ({
            name: one.name,
            endpoint: one.endpoint,
            platforms: one.platforms.map(formatPlatform),
          })),
        ).toEqual(
          nodes.map((one) => ({
            ...one,
            platforms: one.platforms.map((text) => text.replace("*", "")),
          })),
        );
      }),
    );
  });
});
