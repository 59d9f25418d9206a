import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBundle } from "../../support/write-bundle.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import { makeSample } from "../bundle/sample.js";
import { type Forgery, forge } from "./forge.js";

let dir: string;
let sound: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "verify-compose-"));
  sound = join(dir, "sound.tar");
  const { layout, blobs } = await makeSample(dir);
  await writeBundle(layout, { output: sound, blobPath: blobs.path });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const setting = (name: string, type: "path" | "secret" | "string" | "host", value?: string) => ({
  ...{ name, type, description: { en: name, zh: name } },
  ...(value === undefined ? {} : { default: value }),
});

/** What is found when the service redis has these lines too, and some settings are declared. */
async function found(
  lines: string,
  change: (forgery: Forgery) => void = () => undefined,
): Promise<readonly string[]> {
  const to = join(dir, "forged.tar");
  await forge(sound, to, (forgery) => {
    forgery.manifest.settings = [
      setting("DATA_DIR", "path", "/var/lib/openim"),
      setting("BIND_ADDRESS", "host", "127.0.0.1"),
      setting("REDIS_PASSWORD", "secret"),
    ];
    forgery.files.set("files/redis/redis.conf", Buffer.from("x\n"));
    const text = forgery.files.get("compose.yaml")!.toString();
    const added = text.replace(
      /(image: .*redis.*\n)/,
      (line) => line + lines.replace(/^/gm, "    ") + "\n",
    );
    forgery.files.set("compose.yaml", Buffer.from(added));
    change(forgery);
  });
  const { findings } = await verifyBundle(to);
  return findings.map(
    ({ rule, subject, found: what, waived }) =>
      `${rule} ${subject} ${what ?? ""}${waived === undefined ? "" : ` (${waived.reason})`}`,
  );
}

const volume = (text: string): string => `volumes: [${JSON.stringify(text)}]`;
const outside = (shown: string): string[] => [
  `compose/host-path services.redis.volumes[0] ${shown}`,
];

describe("host paths of a compose file", () => {
  it.each([
    volume("${DATA_DIR}/redis:/data:z"),
    volume("$DATA_DIR/redis:/data"),
    volume("${DATA_DIR:?none}/redis:/data"),
    volume("./files/redis/redis.conf:/etc/redis.conf:ro"),
    volume("./files/redis:/etc/redis:ro"),
    volume("cache:/data"),
    volume("/data"),
    "volumes: [{ type: bind, source: ./files/redis, target: /x, read_only: true }]",
    "volumes: [{ type: volume, source: cache, target: /x }]",
    "tmpfs: [/tmp]",
    "env_file: [.env]",
    "env_file: [{ path: gone.env, required: false }]",
  ])("may be %s", async (line) => {
    expect(await found(line)).toEqual([]);
  });

  it.each([
    [volume("/etc:/etc:ro"), outside("/etc, read-only")],
    [volume("~/x:/x"), outside("~/x")],
    [volume("../x:/x"), outside("../x")],
    [volume("./files/../../x:/x"), outside("./files/../../x")],
    [volume("${DATA_DIR}/../x:/x"), outside("${DATA_DIR}/../x")],
    [volume("${DATA_DIR}x:/x"), outside("${DATA_DIR}x")],
    [volume("${BIND_ADDRESS}:/x"), outside("${BIND_ADDRESS}")],
    ["volumes: [{ type: bind, source: /srv, target: /x }]", outside("/srv")],
    ["devices: [/dev/fuse:/dev/fuse]", ["compose/host-path services.redis.devices[0] /dev/fuse"]],
    [volume("./files/gone:/x"), ["compose/file-missing services.redis.volumes[0] ./files/gone"]],
    ["env_file: gone.env", ["compose/file-missing services.redis.env_file gone.env"]],
    [
      "extends: { file: gone.yaml, service: x }",
      ["compose/file-missing services.redis.extends gone.yaml"],
    ],
  ])("may not be %s", async (line, expected) => {
    expect(await found(line)).toEqual(expected);
  });

  it("are found outside the services too", async () => {
    const top = (lines: string) =>
      found("init: true", (f) => {
        const text = f.files.get("compose.yaml")!.toString();
        f.files.set("compose.yaml", Buffer.from(text + lines));
      });
    expect(await top("include: [other.yaml]\n")).toEqual([
      "compose/file-missing include other.yaml",
    ]);
    expect(await top("secrets: { tls: { file: /etc/key.pem } }\n")).toEqual([
      "compose/host-path secrets.tls /etc/key.pem, read-only",
    ]);
    expect(await top("volumes: { v: { driver_opts: { o: bind, device: /srv } } }\n")).toEqual([
      "compose/host-path volumes.v /srv",
    ]);
  });

  it("may be what the definition allows, as long as it is read-only", async () => {
    const allow = (f: Forgery) => {
      f.manifest.components[0]!.allow = [{ mount: "/", reason: "it measures" }];
    };
    expect(await found(volume("/:/host:ro"), allow)).toEqual([
      `${outside("/, read-only")[0]!} (it measures)`,
    ]);
    expect(await found(volume("/:/host"), allow)).toEqual(outside("/"));
    expect(await found(volume("/etc:/host:ro"), allow)).toEqual(outside("/etc, read-only"));
  });
});

describe("secrets of a compose file", () => {
  const told = (below: string, length: number): string[] => [
    `compose/secret services.redis.${below} a value of ${length} characters`,
  ];

  it.each([
    'environment: { REDIS_PASSWORD: "${REDIS_PASSWORD}" }',
    'environment: ["REDIS_PASSWORD=${REDIS_PASSWORD}", "OTHER_TOKEN"]',
    'environment: { ALLOW_EMPTY_PASSWORD: "yes", TLS_KEY: /certs/key.pem, PWD: /srv, PUBLIC_KEY: abc }',
    'environment: { REDIS_URL: "redis://:${REDIS_PASSWORD}@redis" }',
    'command: ["redis-server", "--requirepass", "${REDIS_PASSWORD}"]',
    "command: [etcd, --initial-cluster-token=openim]",
    "command: redis-server --requirepass --appendonly yes",
  ])("are not %s", async (line) => {
    expect(await found(line)).toEqual([]);
  });

  it.each([
    ["environment: { REDIS_PASSWORD: openIM123 }", told("environment.REDIS_PASSWORD", 9)],
    ["environment: [api_token=abcdef]", told("environment.api_token", 6)],
    ["environment: { MINIO_SECRET_KEY: 12345678 }", told("environment.MINIO_SECRET_KEY", 8)],
    [
      'environment: { REDIS_PASSWORD: "${REDIS_PASSWORD:-hunter2}" }',
      told("environment.REDIS_PASSWORD", 7),
    ],
    ["environment: { DB: 'mysql://root:hunter2@db/x' }", told("environment.DB", 7)],
    ["command: redis-server --requirepass hunter2", told("command", 7)],
    ['entrypoint: ["x", "--admin-password=hunter2"]', told("entrypoint", 7)],
  ])("are %s", async (line, expected) => {
    expect(await found(line)).toEqual(expected);
  });

  it("are defaults of settings, and no value is shown", async () => {
    const lines = await found("init: true", (f) => {
      f.manifest.settings.push(
        setting("A", "secret", "abc"),
        setting("MYSQL_PASSWORD", "string", "openIM123"),
      );
    });
    expect(lines).toEqual([
      "compose/secret bundle.json: settings.A a value of 3 characters",
      "compose/secret bundle.json: settings.MYSQL_PASSWORD a value of 9 characters",
    ]);
  });
});

describe("ports of a compose file", () => {
  const pair = async (
    redis: string,
    etcd: string,
    change?: (f: Forgery) => void,
  ): Promise<string[]> =>
    (
      await found(redis, (f) => {
        const text = f.files.get("compose.yaml")!.toString();
        f.files.set(
          "compose.yaml",
          Buffer.from(text.replace(/(image: .*etcd.*\n)/, `$1    ${etcd}\n`)),
        );
        change?.(f);
      })
    ).filter((line) => line.startsWith("compose/"));

  it.each([
    ['ports: ["80:80"]', 'ports: ["80:81"]', ["80/tcp"]],
    ['ports: ["80:80"]', 'ports: ["0.0.0.0:80:81"]', ["80/tcp"]],
    ['ports: ["127.0.0.1:80:80"]', 'ports: ["${BIND_ADDRESS}:80:81"]', ["80/tcp"]],
    ['ports: ["80-82:80-82"]', 'ports: [{ published: "81", target: 1 }]', ["81/tcp"]],
    ['ports: ["127.0.0.1:80:80"]', 'ports: ["127.0.0.2:80:81"]', []],
    ['ports: ["80:80"]', 'ports: ["80:80/udp"]', []],
    ['ports: ["80"]', 'ports: ["80"]', []],
  ])("%s and %s", async (redis, etcd, expected) => {
    expect(await pair(redis, etcd)).toEqual(
      expected.map((port) => `compose/ports services.etcd.ports ${port}`),
    );
  });

  it("count on the host's network as bundle.json lists them", async () => {
    const listens = (f: Forgery): void => {
      f.manifest.components[1]!.ports = [{ host: 80, container: 80, protocol: "tcp" }];
    };
    expect(await pair('ports: ["80:80"]', "network_mode: host", listens)).toEqual([
      "compose/ports services.etcd.ports 80/tcp",
    ]);
  });
});

describe("variables of a compose file", () => {
  it("are settings, or have a fallback", async () => {
    expect(await found('hostname: "${REDIS_PASSWORD}$${HOME}${ZONE:-utc}"')).toEqual([]);
    expect(await found('hostname: "${REDIS_PASWORD} ${1}"')).toEqual([
      "compose/setting services.redis ${1}",
      "compose/setting services.redis REDIS_PASWORD",
    ]);
    const smoke = (f: Forgery): void => {
      f.manifest.components[0]!.smoke = [{ http: "http://${HOST}/", limit: 5 }];
    };
    expect(await found("init: true", smoke)).toEqual([
      "compose/setting bundle.json: smoke[0].http HOST",
    ]);
  });
});
