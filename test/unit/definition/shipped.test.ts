import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { formatPlatform } from "../../../src/core/platform.js";
import { listBundles } from "../../../src/definition/bundles.js";
import { checkDefinition, loadDefinition } from "../../../src/definition/definition.js";
import { definitionSchemas } from "../../../src/definition/schema.js";
import { temporaryFolder } from "./folder.js";

const BUNDLES = join(import.meta.dirname, "../../../bundles");
const OPENIM = join(BUNDLES, "openim-2.3.9");

/** The exit code of a program, 0 for success. */
async function exitCode(command: string, args: readonly string[]): Promise<number> {
  try {
    await promisify(execFile)(command, args);
    return 0;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "number") throw error;
    return code;
  }
}

async function listen(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return String((server.address() as AddressInfo).port);
}

describe("each shipped definition", () => {
  it("has no problem and is what its folder says", async () => {
    const shipped = await listBundles(BUNDLES);
    expect(shipped.length).toBeGreaterThan(0);
    for (const { name, version, dir } of shipped) {
      expect((await checkDefinition(dir)).problems).toEqual([]);
      expect(await loadDefinition(dir)).toMatchObject({ name, version });
    }
  });

  it("fits the schemas that editors get, which refuse a misspelt key", async () => {
    const schemas = definitionSchemas();
    for (const { dir } of await listBundles(BUNDLES)) {
      for (const [file, schema] of [
        ["components.yaml", schemas.components],
        ["site.yaml", schemas.site],
      ] as const) {
        const data = parse(await readFile(join(dir, file), "utf8")) as Record<string, unknown>;
        const fromJson = z.fromJSONSchema(
          JSON.parse(JSON.stringify(schema)) as Parameters<typeof z.fromJSONSchema>[0],
        );
        expect(fromJson.safeParse(data).error).toBeUndefined();
        expect(fromJson.safeParse({ ...data, componets: 1 }).success).toBe(false);
      }
    }
  });
});

describe("OpenIM 2.3.9", () => {
  it("has the twelve services, four of them without an arm64 image of that name", async () => {
    const { components } = await loadDefinition(OPENIM);
    expect(components.map(({ name }) => name)).toEqual([
      "mysql",
      "mongodb",
      "redis",
      "zookeeper",
      "kafka",
      "etcd",
      "minio",
      "open_im_server",
      "open_im_enterprise",
      "prometheus",
      "grafana",
      "node-exporter",
    ]);
    const without = components.filter(
      ({ platforms }) => !platforms.some((one) => formatPlatform(one) === "linux/arm64"),
    );
    expect(without.map(({ name }) => name)).toEqual([
      "mysql",
      "zookeeper",
      "open_im_server",
      "open_im_enterprise",
    ]);
    // Each of the four has a declared way to arm64.
    for (const { alternatives, build, omit } of without) {
      const ways = [...alternatives, ...omit, ...(build === undefined ? [] : [build])];
      expect(
        ways.some(({ platforms }) =>
          platforms.some((one) => formatPlatform(one) === "linux/arm64"),
        ),
      ).toBe(true);
    }
  });

  it("gives every service a health check, a descriptor limit, capped logs and a restart", async () => {
    const { compose } = await loadDefinition(OPENIM);
    const { services } = parse(compose.text, { merge: true }) as {
      services: Record<string, Record<string, unknown>>;
    };
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({
        restart: "unless-stopped",
        healthcheck: {
          test: expect.any(Array) as unknown[],
          timeout: expect.any(String) as string,
        },
        ulimits: { nofile: { soft: 65_536, hard: 65_536 } },
        logging: { options: { "max-size": "50m" } },
      });
    }
  });

  it("carries no address of anybody and none of the passwords that upstream ships", async () => {
    const { files, compose } = await loadDefinition(OPENIM);
    const texts = [
      compose.text,
      ...(await Promise.all(
        ["components.yaml", "site.yaml", ...files.map(({ path }) => `files/${path}`)].map((path) =>
          readFile(join(OPENIM, path), "utf8"),
        ),
      )),
    ].join("\n");
    const addresses = new Set(texts.match(/\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b/g));
    expect([...addresses].sort()).toEqual(["0.0.0.0", "127.0.0.1"]);
    expect(texts).not.toMatch(/openIM123|tuoyun|minioadmin/);
  });

  it("leaves every secret to the site", async () => {
    const { settings } = await loadDefinition(OPENIM);
    const secrets = settings.filter(({ type }) => type === "secret");
    expect(secrets.map(({ name }) => name)).toEqual(
      settings.map(({ name }) => name).filter((name) => /PASSWORD|SECRET/.test(name)),
    );
    for (const { default: preset, length } of secrets)
      expect([preset, length]).toEqual([undefined, 32]);
  });
});

describe("the digest of a definition", () => {
  it("does not change with the folder's place, and does with each part of its content", async () => {
    const { digest } = await loadDefinition(OPENIM);
    const dir = join(await temporaryFolder(), "elsewhere");
    await cp(OPENIM, dir, { recursive: true });
    expect((await loadDefinition(dir)).digest).toBe(digest);
    const seen = new Set([digest]);
    for (const path of [
      "components.yaml",
      "compose.yaml",
      "site.yaml",
      "files/prometheus/prometheus.yml",
    ]) {
      await writeFile(join(dir, path), `${await readFile(join(dir, path), "utf8")}# more\n`);
      seen.add((await loadDefinition(dir)).digest);
    }
    await chmod(join(dir, "files/prometheus/prometheus.yml"), 0o755);
    seen.add((await loadDefinition(dir)).digest);
    await writeFile(join(dir, "files/new"), "");
    seen.add((await loadDefinition(dir)).digest);
    expect(seen.size).toBe(7);
  });
});

describe.runIf(process.platform === "linux")("the health checks of OpenIM 2.3.9", () => {
  const server = join(OPENIM, "files/open_im/healthy.sh");
  const kafka = join(OPENIM, "files/kafka/healthy.sh");

  it("find a listening port and a running program, and nothing else", async () => {
    const port = await listen(() => undefined);
    const program = (await readFile("/proc/self/comm", "utf8")).trim();
    expect(await exitCode("sh", [server, port])).toBe(0);
    expect(await exitCode("sh", [server, port, program])).toBe(0);
    expect(await exitCode("sh", [server, port, "1"])).toBe(1);
    expect(await exitCode("sh", [server, "no_such_program_at_all"])).toBe(1);
  });

  it("believe a broker that answers in Kafka's protocol", async () => {
    const requests: Buffer[] = [];
    const port = await listen((socket) => {
      socket.on("data", (piece) => {
        // The shell may send the request in pieces.
        requests.push(piece);
        const request = Buffer.concat(requests);
        if (request.length < 14) return;
        // ApiVersions response, version 0: size, our correlation id, no error, no versions.
        socket.write(
          Buffer.concat([Buffer.from([0, 0, 0, 10]), request.subarray(8, 12), Buffer.alloc(6)]),
        );
      });
      socket.on("error", () => undefined);
    });
    expect(await exitCode("bash", [kafka, port])).toBe(0);
    expect(Buffer.concat(requests).toString("hex")).toBe("0000000a0012000000000007ffff");
  });

  it.each([
    ["closes", (socket: Socket) => void socket.end()],
    [
      "speaks another protocol",
      (socket: Socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    [
      "answers another request",
      (socket: Socket) => void socket.end(Buffer.from([0, 0, 0, 10, 0, 0, 0, 9, 0, 0])),
    ],
  ])("do not believe a broker that %s", async (_, answer) => {
    const port = await listen((socket) => {
      socket.on("error", () => undefined);
      answer(socket);
    });
    expect(await exitCode("bash", [kafka, port])).not.toBe(0);
  });
});
