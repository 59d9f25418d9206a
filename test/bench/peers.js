import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

const MODULES = {
  crane: "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
  regctl: "github.com/regclient/regclient/cmd/regctl@v0.11.7",
  hauler: "hauler.dev/go/hauler/v2/cmd/hauler@v2.0.0",
};

/** Programs that do a part of this job: paths by name, built once into the cache folder where Go is there. */
export function findPeers() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache");
  const found = new Map();
  for (const [name, module] of Object.entries(MODULES)) {
    const folder = path.join(cache, "openim-bundler-bench", module.replaceAll("/", "+"));
    const program = path.join(folder, name);
    try {
      if (!existsSync(program)) {
        console.log(`building ${module}`);
        const env = { ...process.env, GOBIN: folder };
        execFileSync("go", ["install", module], { env, stdio: ["ignore", "ignore", "pipe"] });
      }
      found.set(name, program);
    } catch (error) {
      const why = String(error.stderr ?? error.message)
        .trim()
        .split("\n")
        .at(-1);
      console.log(`${name} is left out: ${why}`);
    }
  }
  try {
    const where = execFileSync("sh", ["-c", "command -v skopeo"], { encoding: "utf8" });
    found.set("skopeo", where.trim());
  } catch {
    console.log("skopeo is left out: it is not installed");
  }
  return found;
}

/** What peers run to bring all images onto the disk, flushed; `ca` is the file of a registry with TLS. */
export async function peerLines(peers, { host, ca, repositories, target, platform }) {
  const names = repositories.map((repository) => `${host}/${repository}:1.0`);
  const [, architecture] = platform.split("/");
  const flush = `find ${target} -type f -exec sync {} +`;
  const each = (line) => `mkdir -p ${target} && ${names.map(line).join(" && ")} && ${flush}`;
  const lines = {
    crane: {
      "crane pull to OCI (the floor)": (crane) =>
        `${crane} pull --format oci --platform ${platform} ${names.join(" ")} ${target} && ${flush}`,
      "crane pull to one docker-archive": (crane) =>
        `mkdir -p ${target} && ${crane} pull --platform ${platform} ${names.join(" ")} ${target}/all.tar && ${flush}`,
    },
    regctl: {
      "regctl image export, image by image": (regctl) => {
        const tls = ca === undefined ? `--host reg=${host},tls=disabled` : "";
        return each(
          (name, at) =>
            `${regctl} ${tls} image export --platform ${platform} ${name} ${target}/${at}.tar`,
        );
      },
    },
    hauler: {
      "hauler store sync and save": (hauler) =>
        `mkdir -p ${target} && cd ${target} && ${hauler} store sync --store store --platform ${platform} --filename ${target}.yaml && ${hauler} store save --store store --filename all.tar.zst && ${flush}`,
    },
    skopeo: {
      "skopeo copy to oci-archive, image by image": (skopeo) =>
        each(
          (name, at) =>
            `${skopeo} copy -q ${ca === undefined ? "--src-tls-verify=false" : ""} --override-arch ${architecture} docker://${name} oci-archive:${target}/${at}.tar`,
        ),
    },
  };
  await writeFile(
    `${target}.yaml`,
    JSON.stringify({
      ...{ apiVersion: "content.hauler.cattle.io/v1", kind: "Images", metadata: { name: "bench" } },
      spec: { images: names.map((name) => ({ name })) },
    }),
  );
  const env = ca === undefined ? {} : { SSL_CERT_FILE: ca };
  return Object.fromEntries(
    Object.entries(lines)
      .filter(([peer]) => peers.has(peer))
      .flatMap(([peer, own]) =>
        Object.entries(own).map(([name, line]) => [
          name,
          { line: line(peers.get(peer)), env, optional: true },
        ]),
      ),
  );
}
