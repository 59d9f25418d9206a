import type { EngineInfo } from "../engine/engine-info.js";
import type { Buildx, Client, Engine } from "./docker-facts.js";
import { seconds } from "./docker-facts.js";
import type { Finding, Level } from "./types.js";
import { atLeast } from "./versions.js";

/** Plugins of the docker command, and with them buildx, came with this version. */
export const DOCKER_MINIMUM = "19.03.0";
/** Since then nothing that is used here counts as experimental. */
const NO_EXPERIMENTAL = "20.10.0";
/** Older ones have no `--build-context`, which every build uses. */
export const BUILDX_MINIMUM = "0.8.0";
/** The first buildx that attests where an image comes from, and that can be told not to. */
const BUILDX_PROVENANCE = "0.10.0";
/** The first buildx with `--progress=rawjson`. */
const BUILDX_RAWJSON = "0.13.0";

const INSTALL_DOCKER =
  "Install Docker Engine 20.10 or newer with its buildx plugin: https://docs.docker.com/engine/install/";
const INSTALL_BUILDX =
  "Install the plugin: sudo apt-get install docker-buildx (Debian 13, Ubuntu), sudo apt-get install docker-buildx-plugin or sudo dnf install docker-buildx-plugin (Docker's own packages), or put a binary of github.com/docker/buildx/releases at ~/.docker/cli-plugins/docker-buildx.";

export function checkClient(client: Client, level: Level): readonly Finding[] {
  const id = "docker.client";
  const title = "docker command";
  const expected = `Docker ${short(DOCKER_MINIMUM)} or newer`;
  switch (client.kind) {
    case "absent":
      return [{ id, level, title, found: "not in PATH", expected, mend: INSTALL_DOCKER }];
    case "broken":
      return [
        {
          id,
          level,
          title,
          found: client.why,
          expected,
          mend: "Find out which program it is and why it does not answer: command -v docker; docker --version",
        },
      ];
    case "podman":
      return [
        {
          id,
          level,
          title,
          found: `Podman ${client.version} under the name docker, which has no buildx`,
          expected,
          mend: INSTALL_DOCKER,
        },
      ];
    case "docker": {
      const enough = atLeast(client.version, DOCKER_MINIMUM);
      const found = client.version;
      if (enough === true) return [{ id, level: "pass", title, found }];
      if (enough === undefined) return [{ id, level: "note", title, found, expected }];
      return [
        {
          id,
          level,
          title,
          found: `${found}, which knows no plugins`,
          expected,
          mend: INSTALL_DOCKER,
        },
      ];
    }
  }
}

/**
 * What had to be switched on before Docker 20.10: in the client, plugins marked as experimental (buildx
 * was) and `docker manifest`; in the engine, `--platform` of pull, run and build.
 */
export function checkExperimental(client: Client, engine: Engine): readonly Finding[] {
  if (client.kind !== "docker") return [];
  const base = { id: "docker.experimental", title: "experimental features" };
  const old = {
    client: atLeast(client.version, NO_EXPERIMENTAL) === false,
    engine:
      engine.kind === "up" &&
      engine.product === "docker" &&
      atLeast(engine.version, NO_EXPERIMENTAL) === false,
  };
  const findings: Finding[] = [];
  if (old.client) {
    findings.push({
      ...base,
      level: "note",
      found: `docker ${client.version} shows buildx and \`docker manifest\` only with them; openim-bundler switches them on for itself`,
      expected: "on in the client, before Docker 20.10, to use buildx by hand",
      mend: "export DOCKER_CLI_EXPERIMENTAL=enabled",
    });
  }
  if (old.engine && engine.kind === "up" && !engine.experimental) {
    findings.push({
      ...base,
      id: "docker.engine-experimental",
      level: "note",
      found: `off in the engine ${engine.version}, which then refuses --platform of docker pull, run and build; openim-bundler does without`,
      expected: "on in the engine, before Docker 20.10, to run foreign images by hand",
      mend: 'Put "experimental": true into /etc/docker/daemon.json, then: sudo systemctl restart docker',
    });
  }
  if (findings.length === 0) {
    findings.push({ ...base, level: "pass", found: "not needed since Docker 20.10" });
  }
  return findings;
}

export function checkEngine(
  engine: Engine,
  level: Level,
  env: NodeJS.ProcessEnv,
): readonly Finding[] {
  const id = "docker.engine";
  const title = "Docker engine";
  const expected = `version ${short(DOCKER_MINIMUM)} or newer, reachable`;
  const elsewhere = (env["DOCKER_HOST"] ?? "") !== "";
  switch (engine.kind) {
    case "unasked":
      return [];
    case "late":
      return [
        {
          id,
          level,
          title,
          found: `no answer within ${seconds(engine.ms)}`,
          expected,
          mend: elsewhere
            ? "Check the address in DOCKER_HOST, and the network to it."
            : "sudo systemctl restart docker",
        },
      ];
    case "denied":
      return [
        {
          id,
          level,
          title,
          found: engine.why,
          expected: "this user may use its socket",
          mend: 'sudo usermod -aG docker "$USER" (then log in again; the group is as good as root), or run openim-bundler with sudo',
        },
      ];
    case "incompatible":
      return [
        {
          id,
          level,
          title,
          found: engine.why,
          expected,
          mend: "Bring client and engine to versions that understand each other: update the older one.",
        },
      ];
    case "down":
      return [
        {
          id,
          level,
          title,
          found: engine.why,
          expected,
          mend: elsewhere
            ? "Start the engine that DOCKER_HOST names, or: unset DOCKER_HOST"
            : "sudo systemctl start docker",
        },
      ];
    case "up":
      return [checkVersion(engine.product, engine.version, { id, title, expected }, level)];
  }
}

function checkVersion(
  product: "docker" | "podman",
  version: string,
  base: { readonly id: string; readonly title: string; readonly expected: string },
  level: Level,
): Finding {
  const { id, title } = base;
  if (product === "podman") {
    return {
      ...base,
      level: level === "fail" ? "warn" : level,
      found: `Podman ${version} behind Docker's API`,
      mend: "Builds are only known to work with Docker's engine. Unset DOCKER_HOST to use it, or build with a remote builder: openim-bundler builder setup --driver remote --node tcp://HOST:PORT",
    };
  }
  const enough = atLeast(version, DOCKER_MINIMUM);
  if (enough === false) return { ...base, level, found: version, mend: INSTALL_DOCKER };
  return { id, title, level: enough === undefined ? "note" : "pass", found: version };
}

export function checkRootless(info: EngineInfo | undefined): readonly Finding[] {
  if (info?.rootless !== true) return [];
  return [
    {
      id: "docker.rootless",
      level: "note",
      title: "rootless engine",
      found:
        "its containers cannot install binfmt handlers, and limits of memory and processor may not hold",
      mend: "Where emulation is needed, root installs it on the host: sudo apt-get install qemu-user-static",
    },
  ];
}

export function checkImageStore(info: EngineInfo | undefined): readonly Finding[] {
  if (info === undefined) return [];
  const base = { id: "docker.image-store", title: "image store" };
  return info.containerdStore
    ? [
        {
          ...base,
          level: "pass",
          found: `containerd (${info.storage}): the engine's own builder can write images of any platform to a file; docker save fails on foreign ones`,
        },
      ]
    : [
        {
          ...base,
          level: "note",
          found: `${info.storage}: the engine's own builder cannot write images to a file, so a builder in a container is used`,
        },
      ];
}

export function checkBuildx(buildx: Buildx, client: Client, level: Level): readonly Finding[] {
  const id = "docker.buildx";
  const title = "buildx";
  const expected = `${short(BUILDX_RAWJSON)} or newer`;
  // Podman has been told of already.
  if (client.kind !== "docker") return [];
  switch (buildx.kind) {
    case "unasked":
      return [];
    case "late":
      return [
        {
          id,
          level,
          title,
          found: `no answer within ${seconds(buildx.ms)}`,
          expected,
          mend: "Find out why it hangs: docker buildx version",
        },
      ];
    case "absent":
      return [
        {
          id,
          level,
          title,
          found: `not installed (${buildx.why})`,
          expected,
          mend: INSTALL_BUILDX,
        },
      ];
    case "found":
      return [checkBuildxVersion(buildx.version, level)];
  }
}

function checkBuildxVersion(version: string, level: Level): Finding {
  const base = { id: "docker.buildx", title: "buildx" };
  const expected = `${short(BUILDX_RAWJSON)} or newer`;
  const lacks = [
    ...(atLeast(version, BUILDX_PROVENANCE) === false
      ? ["--provenance", "base images handed over (--build-context with OCI layouts)"]
      : []),
    ...(atLeast(version, BUILDX_RAWJSON) === false
      ? ["--progress=rawjson, so builds show less of what they do"]
      : []),
  ];
  if (lacks.length === 0) return { ...base, level: "pass", found: version };
  const tooOld = atLeast(version, BUILDX_MINIMUM) === false;
  return {
    ...base,
    level: tooOld ? level : "note",
    found: tooOld
      ? `${version}, and ${short(BUILDX_MINIMUM)} is the oldest that works`
      : `${version}, which lacks ${lacks.join(" and ")}`,
    expected,
    mend: INSTALL_BUILDX,
  };
}

/** `19.03.0` → `19.03`. */
function short(version: string): string {
  return version.replace(/\.0$/, "");
}
