import { type Digest, digestOf } from "../../../src/core/digest.js";
import type { ReportComponent, ReportData, ReportLayer } from "../../../src/report/types.js";
import type { ComponentPackages, Package } from "../../../src/sbom/types.js";
import type { Finding } from "../../../src/verify/report.js";
import { RULES } from "../../../src/verify/rules.js";

const MIB = 1024 * 1024;

/** What the sample's components are: name, title, start program, bytes of own layers, whether it runs. */
const COMPONENTS: readonly (readonly [string, string, string, readonly number[], boolean])[] = [
  ["mongo", "Document store", "mongod", [180, 22, 4], true],
  ["redis", "Cache", "redis-server", [12, 9, 1], true],
  ["kafka", "Message queue", "java", [64, 101, 3], true],
  ["etcd", "Service discovery", "etcd", [17], false],
  ["minio", "Object storage", "minio", [41, 38], true],
  ["openim-server", "OpenIM server", "mage", [88, 52, 12, 7], true],
  ["openim-chat", "Business server", "mage", [46, 18], true],
  ["web-front", "Web client", "nginx", [9, 11, 2, 1, 1], true],
  ["prometheus", "Metrics", "prometheus", [55], true],
];

const SHARED = [["base: debian", 29] as const, ["base: alpine", 4] as const];

function layersOf(): { layers: ReportLayer[]; of: Map<string, number[]> } {
  const layers: ReportLayer[] = [];
  const of = new Map<string, number[]>();
  SHARED.forEach(([seed, size], at) => {
    const components = COMPONENTS.filter((_, index) => index % 3 === at).map(([name]) => name);
    for (const name of components) of.set(name, [layers.length]);
    layers.push({
      digest: digestOf(seed),
      size: size * MIB,
      unpacked: size * 2.6 * MIB,
      components,
      history: `/bin/sh -c #(nop) ADD file:${"0123456789abcdef".repeat(4)} in / `,
    });
  });
  for (const [name, , , sizes] of COMPONENTS) {
    sizes.forEach((size, at) => {
      of.set(name, [...(of.get(name) ?? []), layers.length]);
      layers.push({
        digest: digestOf(`${name} ${at}`),
        size: size * MIB,
        unpacked: size * 3 * MIB,
        components: [name],
        history: `RUN /bin/sh -c apt-get update && apt-get install -y ${name} # buildkit`,
      });
    });
  }
  return { layers, of };
}

function componentsOf(of: ReadonlyMap<string, readonly number[]>): ReportComponent[] {
  return COMPONENTS.map(([name, title, program, sizes, fits]) => ({
    name,
    title,
    required: true,
    method: "image",
    reason: "the table's image",
    reference: `docker.io/library/${name}:1.0`,
    manifest: digestOf(`manifest of ${name}`),
    tarball: `images/${name}.tar`,
    size: sizes.reduce((sum, size) => sum + size, 0) * MIB,
    layers: of.get(name) ?? [],
    evidence: {
      claimed: "linux/arm64",
      start: {
        command:
          name === "redis" ? ["docker-entrypoint.sh", "redis-server"] : [`/usr/bin/${program}`],
        steps:
          name === "redis"
            ? [
                { what: "path", path: "usr/local/bin/docker-entrypoint.sh", is: "#!/bin/sh" },
                { what: "interpreter", path: "bin/sh" },
                { what: "symlink", path: "bin/busybox", is: "aarch64" },
                { what: "handed-on", path: "usr/local/bin/redis-server", is: "aarch64" },
              ]
            : [{ what: "command", path: `usr/bin/${program}`, is: fits ? "aarch64" : "x86-64" }],
        program: {
          path: `usr/bin/${program}`,
          machine: fits ? "aarch64" : "x86-64",
          fits,
          layer: digestOf(`${name} 0`),
          history: `COPY ${program} /usr/bin/${program} # buildkit`,
        },
      },
      machines: [
        { machine: "aarch64", count: fits ? 1311 : 0, fits: true },
        ...(fits ? [] : [{ machine: "x86-64", count: 3, fits: false }]),
      ].filter(({ count }) => count > 0),
      scripts: 41,
      hidden: name === "kafka" ? 2 : 0,
      ...(name === "redis" ? {} : { glibc: "2.34" }),
    },
  }));
}

function findingsOf(layer: Digest): Finding[] {
  return [
    {
      rule: "image/zstd",
      severity: "warning",
      component: "minio",
      subject: layer,
      message: "A layer is zstd-compressed, which Docker before 23 cannot load.",
      layer,
      hint: "Use Docker 23 or newer on the site, or make the bundle again with gzip layers.",
    },
    {
      rule: "image/platform",
      severity: "error",
      component: "etcd",
      subject: "usr/bin/etcd",
      message: "The program that the image starts is made for another machine.",
      expected: "aarch64",
      found: "x86-64",
      path: "usr/bin/etcd",
      layer,
      history: "COPY etcd /usr/bin/etcd # buildkit",
      hint: "Take etcd 3.5.8 or newer: the arm64 images before it hold programs for amd64.",
    },
    {
      rule: "compose/secret",
      severity: "note",
      component: "mongo",
      subject: "MONGO_INITDB_ROOT_PASSWORD",
      message: "A password is written down, so that every site has the same.",
      waived: {
        reason: "The database listens on the internal network alone; to be changed with 2.4.",
        by: "configuration",
        severity: "error",
      },
    },
    {
      rule: "layout/order",
      severity: "warning",
      subject: "bundle.json",
      message: "bundle.json is not the first file, so that inspecting means reading it all.",
    },
  ];
}

/** As many packages as asked for, spread over the components. */
export function samplePackages(count: number): ComponentPackages[] {
  const types = ["deb", "npm", "golang", "maven", "apk"] as const;
  const layer = digestOf("layer");
  return COMPONENTS.map(([component], of) => ({
    component,
    distro: { id: "debian", version: "12", name: "Debian GNU/Linux 12 (bookworm)" },
    skipped:
      component === "kafka" ? [{ path: "opt/broken.jar", reason: "It is no zip archive." }] : [],
    packages: Array.from(
      { length: Math.ceil((count - of) / COMPONENTS.length) },
      (_, index): Package => {
        const at = index * COMPONENTS.length + of;
        const type = types[at % types.length] ?? "deb";
        return {
          type,
          name: type === "npm" ? `@scope/package-${at}` : `lib${at % 977}-package-${at}`,
          version: `${at % 13}.${at % 101}.${at % 7}-${at % 3}`,
          purl: `pkg:${type}/package-${at}`,
          licenses: [at % 5 === 0 ? "Apache-2.0" : "MIT"],
          source: `source-${at % 400}`,
          path:
            type === "npm" ? `app/node_modules/package-${at}/package.json` : "var/lib/dpkg/status",
          layer,
        };
      },
    ),
  }));
}

/** A report with something in every place. */
export function sampleData(packages = 1200): ReportData {
  const { layers, of } = layersOf();
  const findings = findingsOf(layers[3]?.digest ?? digestOf(""));
  return {
    archive: {
      file: "openim-2.3.9-linux-arm64.tar",
      size: 980 * MIB,
      bundle: {
        name: "openim",
        version: "2.3.9",
        title: "OpenIM",
        platform: "linux/arm64",
        date: "2024-05-06T07:08:09Z",
        tool: { name: "openim-bundler", version: "0.1.0" },
        definition: digestOf("definition"),
        unpacked: 2400 * MIB,
      },
    },
    verify: {
      archive: "/data/openim-2.3.9-linux-arm64.tar",
      platform: "linux/arm64",
      components: COMPONENTS.map(([name]) => name),
      deep: true,
      ok: false,
      findings,
      counts: { error: 1, warning: 2, note: 0, waived: 1 },
      off: ["compose/profile"],
      checked: { files: 48, blobs: 61, images: COMPONENTS.length, bytes: 980 * MIB },
    },
    rules: RULES,
    hasSboms: true,
    components: componentsOf(of),
    leftOut: [
      { name: "node-exporter", required: false, reason: "It wants the host's namespaces." },
    ],
    layers,
    troubles: [],
    packages: samplePackages(packages),
    changes: {
      against: "openim-2.3.8-linux-arm64.tar (openim 2.3.8 for linux/arm64)",
      remarks: ["Of the images' content 801.0 MiB stay as they are, 26.0 MiB are new."],
      groups: [
        {
          title: "Components",
          rows: [
            {
              kind: "changed",
              what: "redis",
              before: "7.0.11",
              after: "7.0.15",
              note: "9.0 MiB new",
            },
            { kind: "added", what: "web-front", after: "1.0" },
            { kind: "removed", what: "zookeeper", before: "3.8.3" },
          ],
        },
        {
          title: "Packages of redis",
          rows: [{ kind: "changed", what: "openssl", before: "3.0.11-1", after: "3.0.13-1" }],
        },
      ],
    },
  };
}
