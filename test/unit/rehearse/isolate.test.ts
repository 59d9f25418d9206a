import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isMapping } from "../../../src/definition/mapping.js";
import { isolate } from "../../../src/rehearse/isolate.js";
import { parseModel } from "../../../src/rehearse/model.js";
import { skippedServices } from "../../../src/rehearse/selection.js";

const DATA = "/tmp/rehearse-x/data";
const BUNDLE = "/tmp/rehearse-x/bundle";

/** What `docker compose config --format json` prints of some services. */
function model(services: Readonly<Record<string, unknown>>, sections = {}) {
  return parseModel(JSON.stringify({ name: "app", services, ...sections }));
}

function isolated(
  services: Readonly<Record<string, unknown>>,
  {
    sections = {},
    skipped = new Map<string, string>(),
    descriptors,
  }: {
    sections?: object;
    skipped?: ReadonlyMap<string, string>;
    descriptors?: number;
  } = {},
) {
  return isolate(model(services, sections), {
    project: "rehearse-app-1",
    skipped,
    folders: [BUNDLE, DATA],
    standIns: `${DATA}/instead-of-host`,
    ...(descriptors === undefined ? {} : { descriptors }),
  });
}

function service(file: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  return (file["services"] as Record<string, Record<string, unknown>>)[name]!;
}

const components = (...names: string[]) => new Map(names.map((name) => [name, undefined]));

describe("a compose file for a rehearsal", () => {
  it("publishes no port, and remembers where each would have led", () => {
    const { file, published } = isolated({
      web: {
        image: "web",
        ports: [
          {
            mode: "ingress",
            host_ip: "127.0.0.1",
            target: 8080,
            published: "18080",
            protocol: "tcp",
          },
          { mode: "ingress", target: 53, published: "53", protocol: "udp" },
        ],
      },
    });
    expect(service(file, "web")["ports"]).toBeUndefined();
    expect(published).toEqual([{ service: "web", host: 18080, container: 8080 }]);
  });

  it("has internal networks only, without addresses and names of the installation", () => {
    const { file } = isolated(
      {
        a: {
          image: "a",
          container_name: "a",
          networks: { inner: { aliases: ["first"], ipv4_address: "10.0.0.2" } },
        },
        b: { image: "b", network_mode: "bridge" },
        c: { image: "c", network_mode: "none" },
      },
      {
        sections: {
          networks: {
            inner: {
              name: "app_inner",
              external: true,
              ipam: { config: [{ subnet: "10.0.0.0/24" }] },
            },
          },
        },
      },
    );
    expect(file["name"]).toBe("rehearse-app-1");
    expect(file["networks"]).toEqual({ default: { internal: true }, inner: { internal: true } });
    expect(service(file, "a")).toMatchObject({ networks: { inner: { aliases: ["first"] } } });
    expect(service(file, "a")["container_name"]).toBeUndefined();
    expect(service(file, "b")).toMatchObject({ networks: { default: null } });
    expect(service(file, "b")["network_mode"]).toBeUndefined();
    expect(service(file, "c")).toMatchObject({ network_mode: "none" });
  });

  it("mounts the bundle's files and the rehearsal's data, and an empty folder for all else", () => {
    const { file, changes } = isolated({
      exporter: {
        image: "exporter",
        volumes: [
          {
            type: "bind",
            source: `${DATA}/exporter`,
            target: "/data",
            bind: { create_host_path: true },
          },
          { type: "bind", source: `${BUNDLE}/files/a.yml`, target: "/a.yml", read_only: true },
          { type: "bind", source: "/etc/localtime", target: "/etc/localtime", read_only: true },
          { type: "bind", source: "/", target: "/host", read_only: true },
          { type: "bind", source: `${DATA}/../../etc`, target: "/etc2" },
          { type: "volume", source: "own", target: "/own" },
        ],
      },
    });
    const volumes = service(file, "exporter")["volumes"] as { source: string }[];
    expect(volumes.map(({ source }) => source)).toEqual([
      `${DATA}/exporter`,
      `${BUNDLE}/files/a.yml`,
      "/etc/localtime",
      `${DATA}/instead-of-host/%2F`,
      `${DATA}/instead-of-host/%2Ftmp%2Fetc`,
      "own",
    ]);
    expect(changes).toEqual([
      "exporter: an empty folder instead of / of the host",
      `exporter: an empty folder instead of ${DATA}/../../etc of the host`,
    ]);
  });

  it("takes away what reaches the host, and says so", () => {
    const { file, changes } = isolated({
      agent: {
        image: "agent",
        pid: "host",
        ipc: "host",
        privileged: true,
        devices: [{ source: "/dev/sda", target: "/dev/sda", permissions: "rwm" }],
        cap_add: ["IPC_LOCK", "SYS_ADMIN"],
        security_opt: ["seccomp=unconfined"],
        userns_mode: "host",
        logging: { driver: "syslog", options: { "syslog-address": "tcp://10.0.0.1:514" } },
        something_new: { of: "compose" },
      },
    });
    expect(Object.keys(service(file, "agent")).toSorted()).toEqual([
      "cap_add",
      "image",
      "logging",
      "networks",
      "pull_policy",
    ]);
    expect(service(file, "agent")).toMatchObject({
      cap_add: ["IPC_LOCK"],
      logging: { driver: "json-file" },
      pull_policy: "never",
    });
    expect(changes.map((change) => change.replace("agent: without ", "")).toSorted()).toEqual([
      "devices",
      "ipc host",
      "pid host",
      "privileged",
      "security_opt",
      "something_new",
      "the capabilities SYS_ADMIN",
      "userns_mode",
    ]);
  });

  it("lowers descriptors only where it is told that there are fewer", () => {
    const services = { db: { image: "db", ulimits: { nofile: { soft: 1000, hard: 65536 } } } };
    expect(service(isolated(services).file, "db")).toMatchObject(services.db);
    expect(service(isolated(services, { descriptors: 4096 }).file, "db")).toMatchObject({
      ulimits: { nofile: { soft: 1000, hard: 4096 } },
    });
    const single = { db: { image: "db", ulimits: { nofile: 65536 } } };
    expect(service(isolated(single, { descriptors: 4096 }).file, "db")).toMatchObject({
      ulimits: { nofile: { soft: 4096, hard: 4096 } },
    });
  });

  it("waits for nobody who is skipped", () => {
    const skipped = new Map([["queue", "Java"]]);
    const { file } = isolated(
      {
        queue: { image: "queue" },
        web: {
          image: "web",
          depends_on: {
            queue: { condition: "service_healthy", required: false },
            db: { condition: "service_started", required: true },
          },
        },
        db: { image: "db" },
      },
      { skipped },
    );
    expect(Object.keys(file["services"] as object)).toEqual(["web", "db"]);
    expect(service(file, "web")["depends_on"]).toEqual({
      db: { condition: "service_started", required: true },
    });
  });

  it("mounts nothing of the host and joins nothing of it, whatever a service says", () => {
    const value = fc.oneof(fc.constantFrom("host", "/", "/var/run/docker.sock", true), fc.string());
    const hostile = fc.record(
      {
        network_mode: fc.constantFrom("bridge", "none", "custom"),
        pid: value,
        ipc: value,
        uts: value,
        cgroup: value,
        userns_mode: value,
        privileged: fc.boolean(),
        use_api_socket: fc.boolean(),
        devices: fc.array(fc.dictionary(fc.string(), fc.string())),
        volumes: fc.array(
          fc.record({
            type: fc.constantFrom("bind", "npipe", "cluster", "image"),
            source: fc.constantFrom("/", "/etc", `${DATA}/../x`, `${DATA}x`, `${BUNDLE}/..`),
            target: fc.string(),
          }),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), hostile), (services) => {
        const { file } = isolated(services);
        for (const one of Object.values(file["services"] as object) as Record<string, unknown>[]) {
          expect([undefined, "none"]).toContain(one["network_mode"]);
          for (const key of [
            "privileged",
            "devices",
            "uts",
            "userns_mode",
            "cgroup",
            "ports",
            "use_api_socket",
          ])
            expect(one).not.toHaveProperty(key);
          expect(one["pid"]).not.toBe("host");
          expect(one["ipc"]).not.toBe("host");
          for (const volume of (one["volumes"] ?? []) as { type: string; source: string }[]) {
            expect(volume.type).toBe("bind");
            expect(volume.source).toMatch(/^\/tmp\/rehearse-x\/data\/instead-of-host\/[^/]+$/);
          }
        }
        const networks = Object.values(file["networks"] as object);
        expect(
          networks.every((network) => isMapping(network) && network["internal"] === true),
        ).toBe(true);
      }),
    );
  });
});

describe("services that cannot be rehearsed", () => {
  it("are those on the host's network, and whatever needs them", () => {
    const skipped = skippedServices(
      model({
        db: { image: "db" },
        server: {
          image: "server",
          network_mode: "host",
          depends_on: { db: { condition: "service_started" } },
        },
        admin: {
          image: "admin",
          depends_on: { server: { condition: "service_healthy", required: true } },
        },
        side: { image: "side", network_mode: "service:admin" },
        optional: {
          image: "o",
          depends_on: { server: { condition: "service_started", required: false } },
        },
      }),
      { components: components("db", "server", "admin", "side", "optional"), hostNetwork: false },
    );
    expect([...skipped.keys()]).toEqual(["server", "admin", "side"]);
    expect(skipped.get("server")).toMatch(/network_mode host.*--throw-away/);
    expect(skipped.get("admin")).toBe("it needs server, which is not started");
    expect(skipped.get("side")).toBe("it needs admin, which is not started");
  });

  it("are not those on the network of a private host", () => {
    const services = model({ server: { image: "server", network_mode: "host" } });
    const terms = { components: components("server"), hostNetwork: true };
    expect(skippedServices(services, terms).size).toBe(0);
  });

  it("are Java under emulation, services without an image, and those of a profile", () => {
    const skipped = skippedServices(
      model({ kafka: { image: "kafka" }, stray: { image: "stray" } }),
      {
        components: new Map([
          ["kafka", "it starts java"],
          ["monitor", undefined],
        ]),
        hostNetwork: false,
      },
    );
    expect(Object.fromEntries(skipped)).toEqual({
      kafka: "it is Java (it starts java), which emulation cannot judge",
      stray: "the bundle has no image for it",
      monitor: "it starts with a compose profile only",
    });
  });
});
