// Measures the product beside what one would use without it, all in one run on one machine.
import { execFileSync, fork } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { benchDeep } from "./deep.js";
import { writeDefinition } from "./images.js";
import { benchLarge } from "./large.js";
import { measure, median } from "./measure.js";

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "12" },
    megabytes: { type: "string", default: "600" },
    runs: { type: "string", default: "3" },
    dir: { type: "string", default: os.tmpdir() },
    // Of the archive that is only inspected: as much room is needed. 0 leaves it out.
    gigabytes: { type: "string", default: "10" },
    // "deep" or "large": that part alone.
    only: { type: "string" },
  },
});
const runs = Number(values.runs);
const work = await mkdtemp(path.join(values.dir, "openim-bundler-bench-"));
const bundler = (...args) => [process.execPath, [path.resolve("bin/run.js"), ...args, "--quiet"]];
const sh = (script) => ["sh", ["-c", script]];
const ratio = (label, a, b, aim) =>
  console.log(`${label.padEnd(44)} ${(a / b).toFixed(2)} ×${aim ? `   aim ≤ ${aim}` : ""}`);

try {
  console.log(
    `${os.cpus().length} × ${os.cpus()[0]?.model ?? "?"}, Node ${process.versions.node}, ${work}`,
  );
  const { only } = values;
  const megabytes = Number(values.megabytes);
  const gigabytes = Number(values.gigabytes);
  if (only === undefined) await withRegistry(bench);
  if (only !== "large") await benchDeep(work, { megabytes, series, ratio, sh, bundler });
  if (only !== "deep" && gigabytes > 0) await benchLarge(work, { gigabytes, series, bundler });
} finally {
  await rm(work, { recursive: true, force: true });
}

async function withRegistry(job) {
  const server = fork(path.join(import.meta.dirname, "registry-process.js"), [
    path.join(work, "registry"),
    values.images,
    values.megabytes,
  ]);
  try {
    const registry = await new Promise((resolve, reject) =>
      server.once("message", resolve).once("exit", reject),
    );
    await job(registry);
  } finally {
    server.disconnect();
  }
}

async function bench({ url, host, blobs, repositories }) {
  const definition = path.join(work, "definition");
  await writeDefinition(definition, Number(values.images));
  const store = path.join(work, "store");
  const archive = path.join(work, "bench.tar");
  const copy = path.join(work, "copy.tar");
  const create = bundler(
    ...["create", definition, "--platform", "linux/arm64", "--mirror", `docker.io=${url}`],
    ...["--store", store, "-o", archive, "--force"],
  );
  const distinct = new Map(blobs.map((blob) => [blob.digest, blob]));
  const bytes = [...distinct.values()].reduce((sum, { size }) => sum + size, 0);
  const mib = (size) => `${(size / 1024 / 1024).toFixed(0)} MiB`;
  console.log(
    `${repositories.length} images, ${distinct.size} distinct blobs, ${mib(bytes)}; medians of ${runs} runs\n`,
  );

  const fetched = path.join(work, "curl");
  const curlConfig = path.join(work, "curl.conf");
  await writeFile(
    curlConfig,
    [...distinct.values()]
      .map(
        ({ repository, digest }) =>
          `url = "${url}/v2/${repository}/blobs/${digest}"\noutput = "${fetched}/${digest.slice(7)}"`,
      )
      .join("\n"),
  );
  const fresh = (...paths) =>
    Promise.all(paths.map((one) => rm(one, { recursive: true, force: true })));
  const installed = (program) => {
    try {
      execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };

  const floor = await series(
    "floor: curl, 6 at a time, and sha256sum",
    sh(
      `mkdir -p '${fetched}' && curl -sSf --parallel --parallel-max 6 -K '${curlConfig}' && find '${fetched}' -type f -exec sha256sum {} +`,
    ),
    { before: () => fresh(fetched) },
  );
  const cold = await series("create, nothing in the store", create, {
    before: () => fresh(store, archive),
  });
  await fresh(fetched);
  const warm = await series("create, everything in the store", create, {
    before: () => fresh(archive),
  });
  const size = (await stat(archive)).size;
  const cp = await series(`cp of the archive (${mib(size)})`, ["cp", [archive, copy]], {
    before: () => fresh(copy),
  });
  const cpSync = await series(
    "cp of the archive, flushed",
    sh(`cp '${archive}' '${copy}' && sync '${copy}'`),
    { before: () => fresh(copy) },
  );
  await fresh(copy);
  const verify = await series("verify", bundler("verify", archive));
  const sums = await series("sha256sum of the archive", ["sha256sum", [archive]]);
  const inspect = await series("inspect", bundler("inspect", archive));
  const others = [];
  if (installed("skopeo")) {
    for (const kind of ["oci-archive", "docker-archive"]) {
      const each = repositories
        .map(
          (name, at) =>
            `skopeo copy -q --src-tls-verify=false --override-arch arm64 docker://${host}/${name}:1.0 ${kind}:${fetched}/${at}.tar:x/${name}:1.0`,
        )
        .join(" && ");
      others.push(
        await series(`skopeo to ${kind}, image by image`, sh(`mkdir -p '${fetched}' && ${each}`), {
          before: () => fresh(fetched),
        }),
      );
      const sizes = await Promise.all(
        (await readdir(fetched)).map((name) => stat(path.join(fetched, name))),
      );
      console.log(`      (${mib(sizes.reduce((sum, one) => sum + one.size, 0))} written)`);
    }
  }
  if (engineRuns()) {
    const names = repositories.map((name) => `${host}/${name}:1.0`).join(" ");
    const pull = repositories
      .map((name) => `docker pull -q --platform linux/arm64 ${host}/${name}:1.0`)
      .join(" && ");
    const forget = () => {
      execFileSync("sh", ["-c", `docker image rm -f ${names} >/dev/null 2>&1 || true`]);
      return fresh(copy);
    };
    others.push(
      await series("docker pull and save", sh(`${pull} && docker save -o '${copy}' ${names}`), {
        before: forget,
      }),
    );
  }

  console.log("");
  ratio("cold create / floor", cold.seconds, floor.seconds, "1.3");
  ratio("warm create / cp", warm.seconds, cp.seconds, "1.5");
  ratio("warm create / cp flushed", warm.seconds, cpSync.seconds);
  ratio("verify / sha256sum", verify.seconds, sums.seconds, "1.2");
  for (const other of others) ratio(`${other.label} / cold create`, other.seconds, cold.seconds);
  const peak = Math.max(cold.peak, warm.peak, verify.peak, inspect.peak);
  console.log(`${"peak memory".padEnd(44)} ${peak.toFixed(0)} MiB   aim ≤ 200`);
}

/** Whether `docker` finds an engine, DOCKER_HOST respected. */
function engineRuns() {
  try {
    execFileSync("docker", ["info"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function series(label, [command, args], { before = () => undefined, accepted = [0] } = {}) {
  const results = [];
  for (let run = 0; run < runs; run++) {
    await before();
    results.push(await measure(command, args, { accepted }));
  }
  const seconds = median(results.map((one) => one.seconds));
  const peak = Math.max(...results.map((one) => one.peak));
  const spread = results.map((one) => one.seconds.toFixed(2)).join(" ");
  console.log(
    `${label.padEnd(44)} ${seconds.toFixed(2)} s   ${peak.toFixed(0).padStart(4)} MiB   (${spread})`,
  );
  return { label, seconds, peak };
}
