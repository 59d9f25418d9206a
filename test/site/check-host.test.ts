import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS } from "./bundle.js";
import { type Finding, type Host, KUNPENG, MACHINES, PHYTIUM, onHost } from "./host.js";

const ARCHITECTURE = "check_architecture linux/arm64 no";
const level = ({ level: found, message }: Finding): string => `${found}: ${message}`;

for (const [name, shell] of Object.entries(SHELLS)) {
  describe.skipIf(shell === undefined)(`the checks of a host under ${name}`, () => {
    const on = (body: (host: Host) => Promise<void> | void) => onHost(shell ?? [], body);

    it.concurrent(
      "let a bundle onto a host of its architecture, and onto no other",
      on((host) => {
        expect(host.finding(ARCHITECTURE)).toMatchObject({ id: "architecture", level: "pass" });
        const other = host.finding("check_architecture linux/amd64 no");
        expect(level(other)).toBe(
          "fail: This bundle is for linux/amd64, but this host is linux/arm64 (uname -m: aarch64).",
        );
        expect(other.mend).toContain("Use the bundle made for linux/arm64");
        expect(host.finding("check_architecture linux/amd64 yes").level).toBe("warn");
      }),
    );

    it.concurrent(
      "tell an emulator by the kernel's own word",
      on(async (host) => {
        await host.write("root/proc/sys/kernel/arch", "x86_64\n");
        expect(level(host.finding(ARCHITECTURE))).toBe(
          "fail: This shell is run by an emulator: it says aarch64, but the processor is x86. The bundle is for linux/arm64.",
        );
      }),
    );

    it.concurrent(
      "tell an emulator by the program that really runs this shell",
      on(async (host) => {
        await host.elf("running", 64, MACHINES.x86_64);
        expect(host.finding(ARCHITECTURE).message).toContain("run by an emulator");
        // A 32-bit program on an arm processor is none.
        await host.elf("running", 32, MACHINES.arm);
        expect(host.finding(ARCHITECTURE).level).toBe("pass");
      }),
    );

    it.concurrent(
      "tell an emulator by the processor that shines through in /proc/cpuinfo",
      on(async (host) => {
        await host.write("root/proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\n");
        expect(host.finding(ARCHITECTURE).message).toContain("the processor is x86");
      }),
    );

    it.concurrent(
      "tell a 32-bit system on a 64-bit kernel",
      on(async (host) => {
        await host.elf("bin/sh", 32, MACHINES.arm);
        const found = host.finding(ARCHITECTURE);
        expect(level(found)).toContain(
          "fail: The bundle is for linux/arm64, but the system on this 64-bit kernel is a 32-bit one (linux/arm/v7",
        );
        // A 64-bit system that is told so by setarch is none.
        host.says("uname", "echo armv8l");
        await host.elf("bin/sh", 64, MACHINES.aarch64);
        expect(host.finding(ARCHITECTURE).level).toBe("pass");
        await host.elf("bin/sh", 32, MACHINES.arm);
        expect(host.finding(ARCHITECTURE).message).toContain("uname -m: armv8l");
        // A board that is 32-bit through and through.
        host.says("uname", "echo armv7l");
        expect(host.finding(ARCHITECTURE).message).toContain("this host is linux/arm/v7");
      }),
    );

    it.concurrent(
      "name Kylin and openEuler as they name themselves",
      on(async (host) => {
        await host.write(
          "root/etc/os-release",
          'NAME="Kylin Linux Advanced Server"\nVERSION="V10 (Sword)"\nID="kylin"\nVERSION_ID="V10"\nPRETTY_NAME="Kylin Linux Advanced Server V10 (Sword)"\nANSI_COLOR="0;31"\n',
        );
        expect(host.finding("check_system").message).toBe(
          "System: Kylin Linux Advanced Server V10 (Sword), kernel 5.10.0-136.el9.aarch64.",
        );
        expect(host.finding("check_engine '' || :").mend).toContain("package docker-engine");
        await host.write(
          "root/etc/os-release",
          'NAME="openEuler"\nVERSION="20.03 (LTS-SP3)"\nID="openEuler"\nPRETTY_NAME="openEuler 20.03 (LTS-SP3)"\n',
        );
        expect(host.finding("check_system").message).toContain("openEuler 20.03 (LTS-SP3)");
      }),
    );

    it.concurrent(
      "tell a clock that stands before the bundle was made",
      on((host) => {
        const at = (day: string): string => {
          host.says("date", `echo ${day}`);
          return host.finding("check_clock").level;
        };
        expect(["2026-01-01", "2025-05-31", "2025-03-01", "1970-01-01"].map(at)).toEqual([
          "pass",
          "pass",
          "warn",
          "fail",
        ]);
      }),
    );

    it.concurrent(
      "ask for root where the home of the installation is root's",
      on((host) => {
        host.says("id", "case $1 in -u) echo 1000 ;; *) echo wang ;; esac");
        expect(level(host.finding("check_user"))).toContain("warn: Not root, but wang");
        // Tests that root runs may write anywhere.
        const found = host.finding("existing_folder() { echo /none; }", "check_user");
        expect(level(found)).toBe(
          `fail: wang cannot write into ${host.home}, where the installation is kept.`,
        );
      }),
    );

    it.concurrent(
      "tell of SELinux and firewalld where they stand in the way",
      on(async (host) => {
        expect(host.check("check_selinux", "check_firewalld").result).toBe("pass");
        await host.write("root/sys/fs/selinux/enforce", "1");
        expect(host.finding("ENGINE=podman", "check_selinux")).toMatchObject({
          level: "warn",
          mend: expect.stringContaining(`chcon -R -t container_file_t ${host.data}`) as string,
        });
        await host.process(812, "firewalld");
        expect(host.finding("ENGINE=docker", "check_firewalld").mend).toContain(
          "systemctl restart docker",
        );
      }),
    );

    it.concurrent(
      "refuse a data folder on a disk that cannot be written, and warn of unfit ones",
      on(async (host) => {
        const on_ = async (mount: string): Promise<string> => {
          const point = host.data.replaceAll(" ", "\\040");
          await host.write(
            "root/proc/mounts",
            `/dev/vda1 / ext4 rw 0 0\n/dev/sdb1 ${point} ${mount} 0 0\n`,
          );
          return host.finding("check_data_folder").level;
        };
        expect(await on_("xfs rw,noatime")).toBe("pass");
        expect(await on_("iso9660 ro,relatime")).toBe("fail");
        expect(await on_("vfat rw")).toBe("warn");
        expect(await on_("nfs4 rw")).toBe("warn");
        expect(await on_("tmpfs rw")).toBe("warn");
      }),
    );

    it.concurrent(
      "tell what is installed and what did not finish",
      on(async (host) => {
        expect(host.finding("check_installation").message).toContain("nothing yet");
        await host.write(
          "home/state",
          "release=2.3.8-0123456789ab\noperation=upgrade\ntarget=2.3.9-ba9876543210\nstep=load\nproject=openim\n",
        );
        expect(host.check("check_installation").findings.map(level)).toEqual([
          "warn: An earlier run did not finish (upgrade, 2.3.9-ba9876543210).",
          `pass: Installed here: 2.3.8-0123456789ab (${host.home}).`,
        ]);
      }),
    );

    it.concurrent(
      "know a processor that is too old for Armv8.2 from one that is not",
      on(async (host) => {
        const rows = (set: string) =>
          host.table("requires", [
            ["mongodb", "cpu", set, "fail", "MongoDB 5 needs it.", "MongoDB 5 需要。"],
          ]);
        await rows("armv8.2-a");
        await host.write("root/proc/cpuinfo", KUNPENG);
        expect(host.finding("check_requirements").level).toBe("pass");
        await host.write("root/proc/cpuinfo", PHYTIUM);
        expect(host.finding("check_requirements")).toMatchObject({
          level: "fail",
          component: "mongodb",
          message: "The processor lacks armv8.2-a, which mongodb needs: MongoDB 5 needs it.",
        });
        expect(host.finding("SPOKEN=zh", "check_requirements").message).toContain(
          "MongoDB 5 需要。",
        );
        await rows("x86-64-v2");
        const flags = "fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3";
        await host.write("root/proc/cpuinfo", `flags\t\t: ${flags} avx\n`);
        expect(host.finding("check_requirements").level).toBe("pass");
        await host.write("root/proc/cpuinfo", `flags\t\t: ${flags.replace("popcnt ", "")}\n`);
        expect(host.finding("check_requirements").level).toBe("fail");
      }),
    );

    it.concurrent(
      "refuse pages of 64 KiB for what cannot live with them",
      on(async (host) => {
        await host.table("requires", [
          ["redis", "page-size", "4096", "fail", "jemalloc", "内存分配器"],
        ]);
        expect(host.finding("check_requirements").level).toBe("pass");
        host.says("getconf", "echo 65536");
        expect(level(host.finding("check_requirements"))).toBe(
          "fail: This kernel has memory pages of 64.0 KiB; redis lives with 4.0 KiB at most: jemalloc",
        );
        host.says("getconf", "return 1");
        await host.write("root/proc/self/smaps", "Size: 4 kB\nKernelPageSize:       64 kB\n");
        expect(host.finding("check_requirements").level).toBe("fail");
      }),
    );

    it.concurrent(
      "judge memory with what the kernel keeps for itself, and what is taken already",
      on(async (host) => {
        await host.table("requires", [
          ["-", "memory", "8589934592", "fail", "All of it.", "全部。"],
        ]);
        const with_ = async (total: number, free: number): Promise<string> => {
          await host.write(
            "root/proc/meminfo",
            `MemTotal: ${String(total)} kB\nMemAvailable: ${String(free)} kB\n`,
          );
          return host.finding("check_requirements").level;
        };
        expect(await with_(7_900_000, 7_000_000)).toBe("pass");
        expect(await with_(7_900_000, 2_000_000)).toBe("warn");
        expect(await with_(3_900_000, 3_000_000)).toBe("fail");
      }),
    );

    it.concurrent(
      "compare kernel settings and descriptors with what is needed",
      on(async (host) => {
        await host.table("requires", [
          ["es", "sysctl", "vm.max_map_count=262144", "fail", "mmap", "mmap"],
          ["kafka", "nofile", "65536", "warn", "files", "文件"],
        ]);
        await host.write("root/proc/sys/vm/max_map_count", "65530\n");
        await host.write("root/proc/sys/fs/nr_open", "1048576\n");
        await host.process(700, "dockerd");
        const limits =
          "Limit Soft Hard Units\nMax open files            1024                 4096                 files\n";
        await host.write("root/proc/700/limits", limits);
        const found = host.check("ENGINE=docker ENGINE_USABLE=yes", "check_requirements").findings;
        expect(found.map(level)).toEqual([
          "fail: vm.max_map_count is 65530, es needs 262144: mmap",
          "warn: A container may open 4096 files, kafka needs 65536: files",
        ]);
        expect(found[0]?.mend).toContain("sysctl -w vm.max_map_count=262144");
        // A compose file that sets a limit gets it from root's engine.
        await host.write(
          "bundle/compose.yaml",
          "services:\n  kafka:\n    ulimits:\n      nofile: 65536\n",
        );
        await host.write("root/proc/sys/vm/max_map_count", "1048575\n");
        expect(host.check("ENGINE=docker ENGINE_USABLE=yes", "check_requirements").result).toBe(
          "pass",
        );
        // An engine that runs in a container itself cannot give more than it has.
        await host.write("root/proc/700/status", "Name:\tdockerd\nCapEff:\t000001fffeffffff\n");
        expect(host.check("ENGINE=docker ENGINE_USABLE=yes", "check_requirements").result).toBe(
          "warn",
        );
        await host.write("root/proc/700/status", "Name:\tdockerd\nCapEff:\t000001ffffffffff\n");
        expect(host.check("ENGINE=docker ENGINE_USABLE=yes", "check_requirements").result).toBe(
          "pass",
        );
      }),
    );

    it.concurrent(
      "name who holds a port",
      on(async (host) => {
        await host.table("ports", [
          ["redis", "16379", "tcp", "Redis", "缓存"],
          ["etcd", "2379", "tcp", "etcd", "etcd"],
          ["dns", "53", "udp", "DNS", "DNS"],
          ["minio", "10005", "tcp", "MinIO", "MinIO"],
          ["kafka", "9092", "tcp", "Kafka", "Kafka"],
        ]);
        const head =
          "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        const row = (address: string, state: string, inode: number): string =>
          `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${String(inode)} 1 0000000000000000 100 0 0 10 0\n`;
        // 16379 is 3FFB; a connection that merely comes from 2379 (094B) holds nothing.
        await host.write(
          "root/proc/net/tcp",
          head +
            row("0100007F:3FFB", "0A", 4711) +
            row("0100007F:094B", "01", 4712) +
            row("0100007F:2384", "0A", 4715),
        );
        await host.write(
          "root/proc/net/tcp6",
          head + row("00000000000000000000000000000000:2715", "0A", 4714),
        );
        await host.write("root/proc/net/udp", head + row("3500007F:0035", "07", 4713));
        await host.process(321, "redis-server", 99, 4711);
        await host.process(322, "docker-proxy", 4715);
        expect(host.check("check_ports").findings.map(level)).toEqual([
          "fail: Port 16379/tcp of redis is taken by redis-server (process 321).",
          "fail: Port 53/udp of dns is taken by a program that only root can see (run with sudo).",
          "fail: Port 10005/tcp of minio is taken by a program that only root can see (run with sudo).",
          "fail: Port 9092/tcp of kafka is kept by Docker, for no container that runs: docker-proxy (process 322).",
          "pass: Ports: 1 free.",
        ]);
      }),
    );

    it.concurrent(
      "let the services of this installation keep their ports, and no other container",
      on(async (host) => {
        const ours = "a".repeat(64);
        const own = "c".repeat(64);
        await host.table("ports", [
          ["redis", "16379", "tcp", "Redis", "缓存"],
          ["server", "10002", "tcp", "API", "接口"],
          ["web", "8080", "tcp", "Web", "网页"],
        ]);
        const row = (address: string, inode: number): string =>
          `   0: ${address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${String(inode)} 1\n`;
        await host.write(
          "root/proc/net/tcp",
          row("00000000:3FFB", 1) + row("00000000:2712", 2) + row("00000000:1F90", 3),
        );
        await host.process(40, "docker-proxy", 1);
        await host.process(41, "open_im_api", 2);
        await host.write("root/proc/41/cgroup", `0::/system.slice/docker-${own}.scope\n`);
        const inspect = (id: string, answer: string): string =>
          `*'inspect --format'*${id}) echo '${answer}' ;;`;
        await host.program(
          "docker",
          `'ps -q --no-trunc') echo ${ours}; echo ${own}; echo ${"b".repeat(64)} ;;`,
          inspect(
            ours,
            '30|openim|/openim-redis-1|{"6379/tcp":[{"HostIp":"0.0.0.0","HostPort":"16379"},{"HostIp":"::","HostPort":"16379"}],"9/udp":null}',
          ),
          inspect(own, "40|openim|/openim-server-1|{}"),
          inspect(
            "b".repeat(64),
            '50|blog|/blog-web-1|{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}',
          ),
        );
        expect(host.check("ENGINE=docker", "check_ports").findings.map(level)).toEqual([
          "fail: Port 8080/tcp of web is taken by the container blog-web-1.",
          "pass: Ports: 2 held by the services of this installation.",
        ]);
      }),
    );

    it.concurrent(
      "look at the port that a setting gives instead of the usual one",
      on(async (host) => {
        await host.table("settings", [["API_PORT", "port", "=10002", "-", "Port", "端口"]]);
        await host.table("ports", [["server", "10002", "tcp", "API", "接口"]]);
        expect(
          host.run(
            "port_settings=$(port_settings)",
            "site_port 10002",
            "CHOSEN=API_PORT=20002",
            "site_port 10002",
            "site_port 22",
          ).stdout,
        ).toBe("10002\n20002\n22\n");
      }),
    );

    it.concurrent(
      "follow the data folder to the disk that it is on",
      on(async (host) => {
        await symlink(host.data, join(host.dir, "link"));
        await host.write(
          "root/proc/mounts",
          `/dev/vda1 / ext4 rw 0 0\nnas:/x ${host.data.replaceAll(" ", "\\040")} nfs4 rw 0 0\n`,
        );
        expect(host.run(`filesystem_of '${join(host.dir, "link")}'`).stdout).toBe("nfs4 rw\n");
        expect(
          host.run("existing_folder /etc/nothing/here", "existing_folder none/here").stdout,
        ).toBe("/etc\n.\n");
      }),
    );
  });
}
