import { execFileSync, fork } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { writeDefinition } from "./images.js";
import { contest } from "./measure.js";

export const mib = (bytes) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
export const sum = (values) => values.reduce((total, one) => total + one, 0);
export const remove = (...paths) =>
  Promise.all(paths.map((one) => rm(one, { recursive: true, force: true })));

/** What all parts of the bench share: where, how often, and the lines that become the README's figures. */
export class Bench {
  /** @param options `{ work, runs, peers, values }` */
  constructor(options) {
    Object.assign(this, options);
    const help = execFileSync(process.execPath, ["bin/run.js", "create", "--help"]);
    this.noStore = help.includes("--no-store");
    /** `{ title, rows: [{ what, cost, mark }] }` */
    this.parts = [];
  }

  path(name) {
    return path.join(this.work, name);
  }

  contest(contestants, runs = this.runs) {
    return contest(runs, contestants);
  }

  program(...args) {
    return [process.execPath, path.resolve("bin/run.js"), ...args, "--quiet"].join(" ");
  }

  /** @param options `{ definition, registry, platform, output, store?, ca? }`; without a store none is kept */
  create({ definition, registry, platform, output, store, ca }) {
    const kept = store === undefined ? ["--no-store"] : ["--store", store];
    return this.program(
      ...["create", definition, "--platform", platform, "--mirror", `docker.io=${registry.url}`],
      ...["-o", output, "--force", ...kept, ...(ca === undefined ? [] : ["--ca", ca])],
    );
  }

  /** Serves images of a kind while `job` runs, with a definition over them. */
  async withImages(options, job) {
    const dir = this.path("registry");
    await remove(dir);
    const server = fork(path.resolve("test/bench/built/registry-process.js"), [
      dir,
      JSON.stringify(options),
    ]);
    try {
      const registry = await new Promise((resolve, reject) =>
        server.once("message", resolve).once("exit", reject),
      );
      const platform = `linux/${options.architecture}`;
      const definition = this.path("definition");
      await remove(definition);
      await writeDefinition(definition, { count: registry.repositories.length, platform });
      await job({ registry, platform, definition });
    } finally {
      server.disconnect();
      await remove(dir);
    }
  }

  /** A certificate for 127.0.0.1: `{ ca, key, cert }`. */
  async certificate() {
    const [keyFile, ca] = [this.path("key.pem"), this.path("ca.pem")];
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench"],
        ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", ca],
      ],
      { stdio: "ignore" },
    );
    const [key, cert] = await Promise.all([keyFile, ca].map((file) => readFile(file, "utf8")));
    return { ca, key, cert };
  }

  part(title, rows) {
    this.parts.push({ title, rows });
  }
}
