import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS } from "./bundle.js";
import { DOCKER_18_09, type Finding, type Host, onHost } from "./host.js";

const level = ({ level: found, message }: Finding): string => `${found}: ${message}`;
const GIB = 1024 ** 3;

/** An image's row, with the digests by which an engine knows it. */
const image = (component: string, bytes: number, adds: string): readonly string[] => [
  component,
  `images/${component}.tar`,
  `docker.io/library/${component}:1`,
  `sha256:manifest-${component}`,
  `sha256:config-${component}`,
  "linux/arm64",
  String(bytes),
  adds,
];

/** Docker 26 with the containerd image store. */
const DOCKER_26 = [
  "--version) echo 'Docker version 26.1.5' ;;",
  "'version --format {{.Server.Version}}') echo 26.1.5+dfsg1 ;;",
  "'version --format {{.Server.Arch}}') echo arm64 ;;",
  "'info --format {{.DockerRootDir}}') echo /var/lib/docker ;;",
  "'info --format {{.Driver}}') echo overlayfs ;;",
  "'info --format {{.DriverStatus}}') echo '[[driver-type io.containerd.snapshotter.v1]]' ;;",
  "'info --format {{.SecurityOptions}}') echo '[name=seccomp,profile=builtin name=cgroupns]' ;;",
  "'info --format {{.CgroupVersion}}') echo 2 ;;",
  "'compose version --short') echo v2.26.1-4 ;;",
  "'ps '*) ;;",
] as const;

const PODMAN = [
  "--version) echo 'podman version 4.3.1' ;;",
  "'info --format {{.Version.Version}}') echo 4.3.1 ;;",
  "'info --format {{.Host.Arch}}') echo arm64 ;;",
  "'info --format {{.Store.GraphRoot}}') echo /var/lib/containers/storage ;;",
  "'info --format {{.Store.GraphDriverName}}') echo overlay ;;",
  "'info --format {{.Host.Security.Rootless}}') echo false ;;",
  "'ps '*) ;;",
] as const;

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`the checks of an engine under ${name}`, () => {
    const on = (body: (host: Host) => Promise<void> | void) => onHost(shell ?? [], body);

    it.concurrent(
      "compare versions as numbers, whatever a distribution puts behind them",
      on((host) => {
        const cases: readonly (readonly [version: string, least: string, enough: boolean])[] = [
          ["18.09.0", "18.09", true],
          ["18.09.9", "18.9", true],
          ["18.06.3-ce", "18.09", false],
          ["20.10.24+dfsg1", "20.10.10", true],
          ["20.10.9", "20.10.10", false],
          ["v2.26.1-4", "1.28", true],
          ["1.8.0", "1.28", false],
          ["dev", "1.28", false],
          ["", "1.28", false],
        ];
        const { stdout } = host.run(
          ...cases.map(
            ([version, least]) =>
              `if version_at_least '${version}' ${least}; then echo true; else echo false; fi`,
          ),
        );
        expect(stdout.trim().split("\n")).toEqual(cases.map(([, , enough]) => String(enough)));
      }),
    );

    it.concurrent(
      "say what to install where there is no engine, and that containerd alone is none",
      on(async (host) => {
        expect(level(host.finding("check_engine '' || :"))).toBe(
          "fail: Neither Docker nor Podman is installed.",
        );
        await host.program("nerdctl");
        expect(host.finding("check_engine '' || :").message).toContain("Only containerd");
        await host.table("extras", [["docker", "extras/docker.tgz", "0", "1", "27.5.1"]]);
        expect(host.finding("check_engine '' || :").mend).toContain("sudo ./install.sh engine");
        expect(host.finding("check_engine podman || :").message).toContain("Podman is to be used");
      }),
    );

    it.concurrent(
      "tell an engine that does not answer from one that is too old",
      on(async (host) => {
        await host.program(
          "docker",
          "--version) echo 'Docker version 18.09.0' ;;",
          "version*) echo 'Cannot connect to the Docker daemon.' >&2; exit 1 ;;",
        );
        const silent = host.finding("check_engine '' || :");
        expect(silent.message).toContain("It said: Cannot connect to the Docker daemon.");
        expect(silent.mend).toContain("systemctl start docker");
        await host.program(
          "docker",
          "--version) echo 'Docker version 1.13.1' ;;",
          "version*) echo 1.13.1 ;;",
        );
        expect(host.finding("check_engine '' || :").message).toBe(
          "Docker 1.13.1 is too old: 18.09 or later is needed.",
        );
      }),
    );

    it.concurrent(
      "accept Docker 18.09 with docker-compose, but not for an image that needs a newer one",
      on(async (host) => {
        await host.program("docker", ...DOCKER_18_09);
        await host.program("docker-compose", "'version --short') echo 1.29.2 ;;");
        await host.table("requires", [
          [
            "mariadb",
            "engine",
            "20.10.10",
            "fail",
            "Its glibc calls clone3.",
            "其 glibc 使用 clone3。",
          ],
        ]);
        const { findings } = host.check("all_rules");
        expect(findings.filter(({ level: found }) => found !== "pass").map(level)).toEqual([
          "fail: mariadb needs Docker 20.10.10 or later, here is 18.09.0: Its glibc calls clone3.",
        ]);
        expect(findings.map(({ message }) => message)).toEqual(
          expect.arrayContaining([
            "Engine: Docker 18.09.0.",
            "Compose: docker-compose 1.29.2.",
            "Control groups: version 1.",
            "Image store: overlay2 at /var/lib/docker.",
          ]),
        );
        await host.program("docker-compose", "'version --short') echo 1.22.0 ;;");
        expect(host.finding("ENGINE=docker", "check_compose").message).toContain(
          "docker-compose 1.22.0 is too old",
        );
      }),
    );

    it.concurrent(
      "refuse an old Docker where control groups are of version 2 alone",
      on(async (host) => {
        await host.program("docker", ...DOCKER_18_09);
        await host.write("root/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        expect(
          level(host.finding("ENGINE=docker ENGINE_VERSION=18.09.0", "check_cgroup")),
        ).toContain("fail: This host has control groups of version 2 only; Docker 18.09.0");
      }),
    );

    it.concurrent(
      "accept Podman with podman-compose, or with docker-compose on its socket",
      on(async (host) => {
        await host.program("podman", ...PODMAN);
        // Podman under Docker's name is Podman.
        await host.program("docker", ...PODMAN);
        await host.table("requires", [
          ["mariadb", "engine", "20.10.10", "fail", "clone3", "clone3"],
        ]);
        const compose = "ENGINE=podman; check_compose";
        expect(host.finding(compose).message).toBe("podman-compose is missing.");
        await host.program(
          "docker-compose",
          "'version --short') echo 2.26.1 ;;",
          'config) echo "$DOCKER_HOST ${DOCKER_CONTEXT:-none}" ;;',
        );
        expect(host.finding(compose).message).toBe("podman-compose is missing.");
        await host.write("root/run/podman/podman.sock", "");
        expect(host.finding(compose).message).toBe("Compose: docker-compose 2.26.1.");
        expect(host.run(`${compose}; export DOCKER_CONTEXT=far; compose config`).stdout).toBe(
          `unix://${join(host.dir, "root/run/podman/podman.sock")} none\n`,
        );
        await host.program(
          "podman-compose",
          "version) echo 'podman-compose version: 1.0.3'; echo 'using podman version: 4.3.1' ;;",
        );
        const report = host.check("all_rules");
        expect(report.result).toBe("pass");
        expect(report.findings.map(({ message }) => message)).toEqual(
          expect.arrayContaining([
            "Engine: Podman 4.3.1.",
            "Compose: podman-compose 1.0.3.",
            "Podman 4.3.1 is new enough for mariadb.",
          ]),
        );
      }),
    );

    it.concurrent(
      "refuse an engine for another architecture, and warn of one elsewhere or without root",
      on(async (host) => {
        await host.program("docker", ...DOCKER_26);
        const rules = ["ENGINE=docker ENGINE_VERSION=26.1.5", "check_engine_host linux/amd64 no"];
        expect(host.check(...rules).findings.map(level)).toContain(
          "fail: The bundle is for linux/amd64, but Docker here is a program for arm64.",
        );
        const elsewhere = host.check("export DOCKER_HOST=tcp://10.0.0.9:2375", ...rules);
        expect(elsewhere.findings.find(({ id }) => id === "engine-place")?.level).toBe("warn");
        await host.program(
          "docker",
          "'info --format {{.SecurityOptions}}') echo '[name=seccomp,profile=builtin name=rootless]' ;;",
          ...DOCKER_26,
        );
        expect(host.check(...rules).findings.map(({ id }) => id)).toContain("engine-place");
      }),
    );

    it.concurrent(
      "warn of a store that copies every layer",
      on(async (host) => {
        await host.program("docker", "'info --format {{.Driver}}') echo vfs ;;", ...DOCKER_18_09);
        expect(host.finding("ENGINE=docker", "check_storage").message).toContain("a full copy");
      }),
    );

    it.concurrent(
      "find the folder of containerd's store",
      on(async (host) => {
        await host.program("docker", ...DOCKER_26);
        const folder = () => host.run("ENGINE=docker; engine_folder").stdout.trim();
        expect(folder()).toBe("/var/lib/docker");
        await host.write("root/run/containerd/containerd.sock", "");
        expect(folder()).toBe("/var/lib/containerd");
        await host.write("root/etc/containerd/config.toml", 'version = 2\nroot = "/data/ctr"\n');
        expect(folder()).toBe("/data/ctr");
        await host.program(
          "docker",
          "'info --format {{.Containerd.Address}}') echo /var/run/docker/containerd/containerd.sock ;;",
          ...DOCKER_26,
        );
        expect(folder()).toBe("/var/lib/docker");
      }),
    );

    it.concurrent(
      "add up what is still to be loaded, by the sizes that the bundle knows",
      on(async (host) => {
        await host.program(
          "docker",
          "'image inspect --format {{.Id}} docker.io/library/redis:1') echo sha256:config-redis ;;",
          ...DOCKER_18_09,
        );
        await host.table("images", [
          image("redis", GIB, String(3 * GIB)),
          image("kafka", GIB, String(3 * GIB)),
          image("etcd", 2 * GIB, ` ${String(4 * GIB)}`),
        ]);
        const gib = (command: string): readonly number[] =>
          host
            .run("ENGINE=docker", command)
            .stdout.trim()
            .split(" ")
            .map((bytes) => Number((Number(bytes) / GIB).toFixed(2)));
        // redis is there; beside the layers of the others lies one tarball at a time.
        expect(gib("space_for_images")).toEqual([9, 9.9]);
        expect(gib("ONLY=kafka; space_for_images")).toEqual([4, 4.4]);
        await host.table("images", [
          image("etcd", 2 * GIB, "-"),
          image("old", GIB, "-").slice(0, 7),
        ]);
        expect(gib("space_for_images")).toEqual([5, 12.1]);
        await host.program("docker", ...DOCKER_26);
        await host.table("images", [image("a", GIB, String(GIB)), image("b", GIB, String(GIB))]);
        expect(gib("space_for_images")).toEqual([4, 4.4]);
        await host.table("requires", [
          ["-", "disk", String(5 * GIB), "fail", "all", "全部"],
          ["mysql", "disk", String(4 * GIB), "fail", "tables", "表"],
          ["kafka", "disk", String(3 * GIB), "warn", "logs", "日志"],
        ]);
        expect(gib("space_for_data")).toEqual([5, 7]);
      }),
    );

    it.concurrent(
      "refuse a full disk, and count images and data together where they share one",
      on(async (host) => {
        await host.program("docker", ...DOCKER_18_09);
        await host.table("images", [image("kafka", GIB, String(3 * GIB))]);
        await host.table("requires", [["-", "disk", String(10 * GIB), "fail", "data", "数据"]]);
        const rules = ["ENGINE=docker ENGINE_USABLE=yes", "check_space"];
        const found = (): readonly string[] =>
          host.check(...rules).findings.map((one) => `${one.id} ${one.level}`);
        host.disk(50);
        expect(found()).toEqual(["disk pass"]);
        host.disk(12);
        expect(found()).toEqual(["disk fail"]);
        host.disk(14.2);
        expect(found()).toEqual(["disk warn"]);
        host.disk(12, { "/tmp": 9 });
        expect(found()).toEqual(["disk-images pass", "disk-data fail"]);
        // Data that is there already needs no room of its own any more.
        await host.write("home/state", "release=2.3.9-0123456789ab\nproject=openim\n");
        expect(found()).toEqual(["disk-images pass", "disk-data warn"]);
        host.says("df", "return 1");
        expect(found()).toEqual(["disk-images warn", "disk-data warn"]);
      }),
    );

    it.concurrent(
      "tell images of the same name that are others",
      on(async (host) => {
        const inspect = (format: string, component: string, answer: string): string =>
          `'image inspect --format {{.${format}}} docker.io/library/${component}:1') echo ${answer} ;;`;
        await host.program(
          "docker",
          inspect("Id", "redis", "sha256:another"),
          inspect("Os}}/{{.Architecture", "redis", "linux/amd64"),
          inspect("Id", "etcd", "sha256:older"),
          inspect("Os}}/{{.Architecture", "etcd", "linux/arm64"),
          inspect("Id", "kafka", "sha256:manifest-kafka"),
          ...DOCKER_18_09,
        );
        await host.table(
          "images",
          ["redis", "etcd", "kafka", "minio"].map((one) => image(one, 1, "1")),
        );
        expect(host.check("ENGINE=docker", "check_image_names").findings.map(level)).toEqual([
          "warn: The image docker.io/library/redis:1 here is for linux/amd64; the one of the bundle, for linux/arm64, takes the name from it.",
          "warn: There is another image under the name docker.io/library/etcd:1; loading takes the name from it.",
        ]);
      }),
    );

    it.concurrent(
      "refuse the name of a project that somebody else started, and know their own",
      on(async (host) => {
        const started = async (folder: string): Promise<Finding> => {
          await host.program(
            "docker",
            "'ps -aq --filter label=com.docker.compose.project=openim') echo 0123456789ab ;;",
            `inspect*) echo '${folder}' ;;`,
          );
          return host.finding("ENGINE=docker", "check_foreign_project");
        };
        expect((await started("/root/openim-docker")).mend).toContain("--project NAME");
        expect((await started(`${host.home}/releases/2.3.9-0123456789ab`)).level).toBe("pass");
        expect((await started("")).level).toBe("pass");
      }),
    );
  });
}
