import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import { loadDefinition } from "../../src/definition/definition.js";
import type { CreateResult } from "../../src/jobs/create.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import { makeTar } from "../../src/sample/layer.js";
import { type SampleRegistry, startSampleRegistry } from "../../src/sample/registry.js";
import type { SbomResult } from "../../src/sbom/types.js";
import type { VerifyReport } from "../../src/verify/report.js";
import { type CliOutcome, cli, jsonOf } from "../support/cli.js";
import { writeSmallDefinition } from "../support/small-definition.js";

const run = promisify(execFile);
const NAME = "small-1.0-linux-arm64";
let dir: string;
let definition: string;
let registry: SampleRegistry;

const call = (...args: string[]): Promise<CliOutcome> => cli(args, { cwd: dir });
const create = (...more: string[]): Promise<CliOutcome> =>
  call(
    ...["create", definition, "--platform", "linux/arm64", "--archive", "cache=cache.tar"],
    ...["--mirror", `docker.io=${registry.url}`, "--mirror", `quay.io=${registry.url}`],
    ...["--store", path.join(dir, "store"), ...more],
  );

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-sbom-"));
  definition = await writeSmallDefinition(path.join(dir, "definition"));
  registry = await startSampleRegistry({
    images: sampleCatalogue(await loadDefinition(definition)),
  });
  await writeFile(path.join(dir, "cache.tar"), debianArchive());
});
afterAll(async () => {
  await registry.close();
  await rm(dir, { recursive: true, force: true });
});

/** An image archive as docker save writes it, with a package database in it. */
function debianArchive(): Buffer {
  const status = ["libc6 2.36-9+deb12u4", "redis-server 5:7.0.15-1"].map((one) => {
    const [name, version] = one.split(" ");
    return `Package: ${name!}\nStatus: install ok installed\nVersion: ${version!}\nArchitecture: arm64\n`;
  });
  const layer = makeTar([
    { path: "etc/os-release", content: 'ID=debian\nVERSION_ID="12"\n' },
    { path: "var/lib/dpkg/status", content: status.join("\n") },
  ]);
  const config = JSON.stringify({
    os: "linux",
    architecture: "arm64",
    config: { Cmd: ["/usr/bin/redis-server"] },
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
  const saved = [{ Config: "c.json", RepoTags: ["redis:7.0.15"], Layers: ["layer.tar"] }];
  return makeTar([
    { path: "c.json", content: config },
    { path: "layer.tar", content: layer },
    { path: "manifest.json", content: JSON.stringify(saved) },
  ]);
}

describe("create --sbom and sbom", () => {
  it("put the same documents into the archive and beside it, which verify agrees with", async () => {
    const made = await create("--sbom", "--json");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect((jsonOf(made) as CreateResult).archives).toMatchObject([{ packages: 2 }]);
    await run("tar", ["xf", `${NAME}.tar`], { cwd: dir });
    const inside = path.join(dir, NAME, "sbom");
    const names = ["bundle.cdx.json", "cache.cdx.json", "database.cdx.json"];
    expect((await readdir(inside)).sort()).toEqual(names);
    await run("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: path.join(dir, NAME) });

    const split = await call("sbom", `${NAME}.tar`, "--split", "split");
    expect(split).toMatchObject({ code: 0 });
    expect(split.stdout).toMatch(/cache +debian 12 +2 +2/);
    for (const name of names) {
      const [one, other] = await Promise.all(
        [inside, path.join(dir, "split")].map((folder) =>
          readFile(path.join(folder, name), "utf8"),
        ),
      );
      expect(one).toBe(other);
    }

    const verified = await call("verify", `${NAME}.tar`, "--deep", "--json");
    const { findings } = jsonOf(verified) as VerifyReport;
    expect(findings.filter(({ rule }) => /^(sbom|sums|layout|bundle|tar)\//.test(rule))).toEqual(
      [],
    );
  });

  it("make the same archive once more, from the store, and tell what they do", async () => {
    const before = digestOf(await readFile(path.join(dir, `${NAME}.tar`)));
    const again = await create("--sbom", "-o", "again.tar");
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain("SBOM of 2 packages");
    expect(again.stderr).toContain("Look into layers linux/arm64");
    expect(digestOf(await readFile(path.join(dir, "again.tar")))).toBe(before);
  });

  it("print one component's document, or all packages as --json", async () => {
    const printed = await call("sbom", `${NAME}.tar`, "cache", "--quiet");
    expect(printed).toMatchObject({ code: 0, stderr: "" });
    const { metadata, components } = JSON.parse(printed.stdout) as {
      metadata: { component: { name: string } };
      components: { name: string; version: string; purl?: string }[];
    };
    expect(metadata.component.name).toBe("cache");
    expect(components.map(({ name, version }) => `${name} ${version}`)).toEqual([
      "debian 12",
      "libc6 2.36-9+deb12u4",
      "redis-server 5:7.0.15-1",
    ]);
    const told = jsonOf(await call("sbom", `${NAME}.tar`, "--json")) as SbomResult;
    expect(told.components).toMatchObject([
      {
        component: "cache",
        packages: [
          { name: "libc6" },
          { purl: "pkg:deb/debian/redis-server@5:7.0.15-1?arch=arm64&distro=debian-12" },
        ],
      },
      { component: "database", packages: [] },
    ]);
    const missing = await call("sbom", `${NAME}.tar`, "extra", "--json");
    expect(missing.code).toBe(12);
  });

  it("say so where a layer could not be read, and end with 7", async () => {
    const bytes = await readFile(path.join(dir, `${NAME}.tar`));
    // A letter of a name in the header of a layer's tar, which has a checksum.
    bytes[bytes.indexOf("etc/os-release\0")] = 0x45;
    await writeFile(path.join(dir, "damaged.tar"), bytes);

    const printed = await call("sbom", "damaged.tar", "cache", "--quiet");
    expect(printed.code).toBe(7);
    expect(JSON.parse(printed.stdout)).toMatchObject({ bomFormat: "CycloneDX" });
    expect(printed.stderr).toMatch(/^cache: not read: sha256:[0-9a-f]{64} .*\n$/);
    const written = await call("sbom", "damaged.tar", "-o", "damaged.cdx.json", "--quiet");
    expect(written).toMatchObject({ code: 7, stderr: "" });
    expect(written.stdout).toContain("cache: not read: sha256:");
  });

  it("leave archives without --sbom as they were", async () => {
    expect(await create("-o", "plain.tar")).toMatchObject({ code: 0 });
    const { stdout } = await run("tar", ["tf", "plain.tar"], { cwd: dir });
    expect(stdout).not.toContain("sbom/");
  });
});
