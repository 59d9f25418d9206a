import type { Answer } from "../../../src/doctor/ask.js";

/** What programs of several versions really printed, shortened to the fields around those that are read. */
const ended = (stdout: string, { stderr = "", code = 0 } = {}): Answer => ({
  kind: "ended",
  code,
  stdout,
  stderr,
});

const NO_ENGINE =
  "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n";
const DENIED =
  'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/version": dial unix /var/run/docker.sock: connect: permission denied\n';

const server = (version: string, api: string, experimental = "false"): object => ({
  Platform: { Name: "" },
  Components: [
    {
      Name: "Engine",
      Version: version,
      Details: { ApiVersion: api, Arch: "amd64", Experimental: experimental, Os: "linux" },
    },
    { Name: "containerd", Version: "1.6.20~ds1", Details: { GitCommit: "1.6.20~ds1-1+deb12u3" } },
    { Name: "runc", Version: "1.1.5+ds1", Details: { GitCommit: "1.1.5+ds1-1+deb12u1" } },
  ],
  Version: version,
  ApiVersion: api,
  Os: "linux",
  Arch: "amd64",
});

const engineInfo = (fields: object): object => ({
  ID: "18e738c4-4672-4dd0-a76f-7abafb8f2a22",
  Driver: "overlay2",
  DriverStatus: [
    ["Backing Filesystem", "extfs"],
    ["Supports d_type", "true"],
    ["Native Overlay Diff", "true"],
  ],
  KernelVersion: "6.1.0-44-amd64",
  OperatingSystem: "Debian GNU/Linux 12 (bookworm)",
  OSType: "linux",
  Architecture: "x86_64",
  MemTotal: 25_276_510_208,
  DockerRootDir: "/var/lib/docker",
  ExperimentalBuild: false,
  SecurityOptions: ["name=seccomp,profile=default"],
  Warnings: null,
  ...fields,
});

export interface Recorded {
  readonly cli: Answer;
  readonly version: Answer;
  readonly info: Answer;
  readonly buildx: Answer;
}

/** CentOS 7, openEuler: no plugins yet. */
export const docker1809: Recorded = {
  cli: ended("Docker version 18.09.1, build 4c52b90\n"),
  version: ended(
    JSON.stringify({
      Client: {
        Platform: { Name: "" },
        Version: "18.09.1",
        ApiVersion: "1.39",
        DefaultAPIVersion: "1.39",
        Experimental: false,
      },
      Server: server("18.09.1", "1.39"),
    }),
  ),
  info: ended(
    JSON.stringify(
      engineInfo({ ServerVersion: "18.09.1", KernelVersion: "3.10.0-693.el7.x86_64" }),
    ),
  ),
  buildx: ended("", {
    stderr: "docker: 'buildx' is not a docker command.\nSee 'docker --help'\n",
    code: 1,
  }),
};

export const docker1903: Recorded = {
  cli: ended("Docker version 19.03.8, build afacb8b7f0\n"),
  version: ended(
    JSON.stringify({
      Client: {
        Platform: { Name: "Docker Engine - Community" },
        Version: "19.03.8",
        ApiVersion: "1.40",
        DefaultAPIVersion: "1.40",
        Experimental: false,
      },
      Server: server("19.03.8", "1.40"),
    }),
  ),
  info: ended(
    JSON.stringify(
      engineInfo({ ServerVersion: "19.03.8", KernelVersion: "3.10.0-327.el7.x86_64" }),
    ),
  ),
  buildx: ended(
    "github.com/docker/buildx v0.3.1-tp-docker 6db68d029599c6710a32aa7adcba8e5a344795a7\n",
  ),
};

export const docker2010: Recorded = {
  cli: ended("Docker version 20.10.24+dfsg1, build 297e128\n"),
  version: ended(
    JSON.stringify({
      Client: {
        Platform: { Name: "" },
        Version: "20.10.24+dfsg1",
        ApiVersion: "1.41",
        DefaultAPIVersion: "1.41",
        Context: "default",
        Experimental: true,
      },
      Server: server("20.10.24+dfsg1", "1.41"),
    }),
  ),
  info: ended(JSON.stringify(engineInfo({ ServerVersion: "20.10.24+dfsg1" }))),
  buildx: ended("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n"),
};

/** With the containerd image store. */
export const docker26: Recorded = {
  cli: ended("Docker version 26.1.5+dfsg1, build a72d7cd\n"),
  version: ended(
    JSON.stringify({
      Client: {
        Version: "26.1.5+dfsg1",
        ApiVersion: "1.45",
        DefaultAPIVersion: "1.45",
        Context: "default",
      },
      Server: server("26.1.5+dfsg1", "1.45"),
    }),
  ),
  info: ended(
    JSON.stringify(
      engineInfo({
        ServerVersion: "26.1.5+dfsg1",
        Driver: "overlayfs",
        DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]],
        SecurityOptions: ["name=seccomp,profile=builtin"],
      }),
    ),
  ),
  buildx: ended("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3\n"),
};

const client26 = JSON.stringify({
  Client: { Version: "26.1.5+dfsg1", ApiVersion: "1.45", Context: "default" },
  Server: null,
});

export const docker26WithoutEngine: Recorded = {
  ...docker26,
  version: ended(client26, { stderr: NO_ENGINE, code: 1 }),
  // The client fills in every field with nothing, and ends with code 0.
  info: ended(
    JSON.stringify(
      engineInfo({
        ServerVersion: "",
        Driver: "",
        DriverStatus: null,
        SecurityOptions: null,
        ServerErrors: [NO_ENGINE.trim()],
      }),
    ),
    { stderr: NO_ENGINE },
  ),
};

export const docker26Denied: Recorded = {
  ...docker26WithoutEngine,
  version: ended(client26, { stderr: DENIED, code: 1 }),
};

/** The newest client, alone on its machine. */
export const docker28Alone: Recorded = {
  cli: ended("Docker version 28.2.2, build e6534b4\n"),
  version: ended(
    JSON.stringify({
      Client: {
        Version: "28.2.2",
        ApiVersion: "1.50",
        DefaultAPIVersion: "1.50",
        Context: "default",
      },
      Server: null,
    }),
    { stderr: NO_ENGINE, code: 1 },
  ),
  info: ended(JSON.stringify(engineInfo({ ServerVersion: "" })), { stderr: NO_ENGINE, code: 1 }),
  buildx: ended("", {
    stderr: "docker: unknown command: docker buildx\n\nRun 'docker --help' for more information\n",
    code: 1,
  }),
};

const GREETING = "Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.\n";

/** Debian's package podman-docker. */
export const podmanShim: Recorded = {
  cli: ended("podman version 4.3.1\n", { stderr: GREETING }),
  version: ended(
    '{"Client":{"APIVersion":"4.3.1","Version":"4.3.1","GoVersion":"go1.19.8","GitCommit":"","BuiltTime":"Thu Jan  1 00:00:00 1970","Built":0,"OsArch":"linux/amd64","Os":"linux"}}\n',
    { stderr: GREETING },
  ),
  info: ended('{\n  "host": {\n    "arch": "amd64",\n    "buildahVersion": "1.28.2"\n  }\n}\n', {
    stderr: GREETING,
  }),
  buildx: ended("", {
    stderr: `${GREETING}Error: unrecognized command \`podman buildx version\`\nTry 'podman buildx --help' for more information\n`,
    code: 125,
  }),
};

/** /proc/sys/fs/binfmt_misc, as several installers leave it. */
export const HANDLERS = {
  debian:
    "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n",
  withoutF:
    "enabled\ninterpreter /usr/bin/qemu-s390x-static\nflags: \noffset 0\nmagic 7f454c4602020100000000000000000000020016\nmask ffffffffffffff00fffffffffffffffffffeffff\n",
  arm: "enabled\ninterpreter /usr/bin/qemu-arm\nflags: OCF\noffset 0\nmagic 7f454c4601010100000000000000000002002800\nmask ffffffffffffff00fffffffffffffffffeffffff\n",
  off: "disabled\ninterpreter /usr/bin/qemu-ppc64le-static\nflags: F\noffset 0\nmagic 7f454c4602010100000000000000000002001500\nmask ffffffffffffff00fffffffffffffffffeffff00\n",
  python: "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n",
} as const;
