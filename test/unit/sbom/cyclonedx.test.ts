import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import {
  type SbomBundle,
  type SbomImage,
  bundleSbom,
  imageSbom,
} from "../../../src/sbom/cyclonedx.js";
import { sbomDocuments } from "../../../src/sbom/documents.js";
import { licenseChoices } from "../../../src/sbom/licenses.js";
import { packageUrl } from "../../../src/sbom/purl.js";
import type { Package } from "../../../src/sbom/types.js";
import { lockedImage } from "./image.js";

const bundle: SbomBundle = {
  name: "openim",
  version: "2.3.9",
  title: { en: "OpenIM", zh: "OpenIM" },
  platform: "linux/arm64",
  date: "2024-05-06T07:08:09Z",
  tool: { name: "openim-bundler", version: "0.1.0" },
};

function deb(name: string, more: Partial<Package> = {}): Package {
  const version = "1:2.0-1";
  return {
    type: "deb",
    name,
    version,
    purl: packageUrl({ type: "deb", namespace: "debian", name, version }),
    path: "var/lib/dpkg/status",
    layer: digestOf("layer"),
    ...more,
  };
}

function image(name: string, packages: readonly Package[]): SbomImage {
  return {
    component: { name, image: lockedImage(`docker.io/library/${name}:7.0`) },
    packages: {
      component: name,
      distro: { id: "debian", version: "12", name: "Debian GNU/Linux 12" },
      packages,
      skipped: [{ path: "a.jar", reason: "is no zip file" }],
    },
  };
}

/** The schemas that CycloneDX's own library carries. */
const schemas = new URL(
  "res/schema/",
  import.meta.resolve("@cyclonedx/cyclonedx-library/package.json"),
);
let problemsOf: (text: string) => unknown;

beforeAll(() => {
  const schema = (name: string): object =>
    JSON.parse(
      readFileSync(fileURLToPath(new URL(`${name}.SNAPSHOT.schema.json`, schemas)), "utf8"),
    ) as object;
  const ajv = new Ajv({ strict: false });
  addFormats.default(ajv);
  ajv.addFormat("iri-reference", true).addFormat("idn-email", true);
  for (const name of ["spdx", "jsf-0.82", "cryptography-defs"]) {
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  const validate = ajv.compile(schema("bom-1.6"));
  problemsOf = (text) => {
    const ok = validate(JSON.parse(text));
    return ok ? [] : validate.errors;
  };
});

describe("an SBOM", () => {
  const redis = image("redis", [
    deb("libc6", { licenses: ["LGPL-2.1-or-later", "MIT"], source: "glibc" }),
    deb("adduser", { licenses: ["GPL-2.0-or-later OR MIT"] }),
    deb("odd", { licenses: ["Artistic or so"] }),
  ]);
  const etcd = image("etcd", [
    deb("libc6", { licenses: ["MIT"] }),
    {
      type: "npm",
      name: "@babel/core",
      version: "7.24.0",
      purl: "pkg:npm/%40babel/core@7.24.0",
      path: "app/node_modules/@babel/core/package.json",
      layer: digestOf("app"),
    },
    {
      type: "golang",
      name: "example.org/tool",
      version: "(devel)",
      purl: "pkg:golang/example.org/tool",
      path: "usr/bin/tool",
      layer: digestOf("app"),
    },
  ]);

  it("of a component is valid by CycloneDX's schema, and says what is in the image", () => {
    const text = imageSbom(bundle, redis);
    expect(problemsOf(text)).toEqual([]);
    expect(JSON.parse(text)).toMatchObject({
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      serialNumber: expect.stringMatching(
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ) as string,
      metadata: {
        timestamp: "2024-05-06T07:08:09Z",
        component: {
          type: "container",
          "bom-ref": "image:redis",
          name: "redis",
          version: "7.0",
          purl: `pkg:oci/redis@${redis.component.image.manifest.digest}?arch=arm64&repository_url=docker.io%2Flibrary%2Fredis&tag=7.0`,
        },
      },
      components: [
        { type: "operating-system", name: "debian", version: "12" },
        { name: "adduser", licenses: [{ expression: "GPL-2.0-or-later OR MIT" }] },
        {
          type: "library",
          name: "libc6",
          version: "1:2.0-1",
          purl: "pkg:deb/debian/libc6@1:2.0-1",
          licenses: [{ license: { id: "LGPL-2.1-or-later" } }, { license: { id: "MIT" } }],
          properties: [
            { name: "openim-bundler:package-type", value: "deb" },
            { name: "openim-bundler:source", value: "glibc" },
            { name: "openim-bundler:layer", value: digestOf("layer") },
          ],
          evidence: { occurrences: [{ location: "/var/lib/dpkg/status" }] },
        },
        { name: "odd", licenses: [{ license: { name: "Artistic or so" } }] },
      ],
    });
  });

  it("of a bundle has a container for each image, and each package once", () => {
    const text = bundleSbom(bundle, [redis, etcd]);
    expect(problemsOf(text)).toEqual([]);
    const { metadata, components, dependencies } = JSON.parse(text) as {
      metadata: { component: object };
      components: { "bom-ref": string; group?: string; name: string }[];
      dependencies: { ref: string; dependsOn?: string[] }[];
    };
    expect(metadata.component).toMatchObject({ type: "application", name: "openim" });
    const names = components.map(({ group, name }) => (group ? `${group} ${name}` : name));
    expect(names).toEqual([
      "etcd",
      "redis",
      "debian",
      "adduser",
      "libc6",
      "odd",
      "example.org/tool",
      "@babel core",
    ]);
    expect(components.find(({ name }) => name === "libc6")).toMatchObject({
      evidence: {
        occurrences: [
          { location: "etcd:/var/lib/dpkg/status" },
          { location: "redis:/var/lib/dpkg/status" },
        ],
      },
    });
    const graph = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn ?? []]));
    expect(graph.get("bundle:openim")).toEqual(["image:etcd", "image:redis"]);
    expect(graph.get("image:etcd")).toContain("pkg:deb/debian/libc6@1:2.0-1");
    expect(graph.get("image:redis")).toContain("pkg:deb/debian/libc6@1:2.0-1");
    const refs = new Set([...components.map((one) => one["bom-ref"]), "bundle:openim"]);
    for (const [ref, on] of graph) for (const one of [ref, ...on]) expect(refs).toContain(one);
  });

  it("of a component called bundle does not take the bundle's place", () => {
    const images = [image("bundle", []), image("bundle-image", [])];
    expect(sbomDocuments(bundle, images).map((one) => one.path)).toEqual([
      "sbom/bundle.cdx.json",
      "sbom/bundle-image.cdx.json",
      "sbom/bundle-image-image.cdx.json",
    ]);
  });

  it("that is wrong is not valid by that schema", () => {
    const wrong = imageSbom(bundle, redis).replace('"id": "MIT"', '"id": "Mit"');
    expect(problemsOf(wrong)).not.toEqual([]);
    expect(problemsOf(imageSbom(bundle, redis).replace("urn:uuid:", "uuid:"))).not.toEqual([]);
  });

  it("is the same text for the same content, and has another number for another", () => {
    expect(imageSbom(bundle, redis)).toBe(imageSbom({ ...bundle }, redis));
    const number = (text: string): unknown =>
      (JSON.parse(text) as { serialNumber: string }).serialNumber;
    expect(number(imageSbom(bundle, redis))).not.toBe(number(imageSbom(bundle, etcd)));
  });

  it("is valid whatever packages are called", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
    const packages = fc.array(
      fc.record({ name: text, licenses: fc.array(text, { maxLength: 3 }), path: text }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(packages, text, (some, reference) => {
        const { component, ...rest } = image(
          "any",
          some.map(({ name, ...more }) => deb(name, more)),
        );
        const odd = { ...rest, component: { ...component, image: lockedImage(reference) } };
        expect(problemsOf(imageSbom(bundle, odd))).toEqual([]);
        expect(problemsOf(bundleSbom(bundle, [odd]))).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("licences", () => {
  it("are identifiers or an expression of SPDX where they are valid, names where not", () => {
    expect(licenseChoices(["MIT"])).toEqual([{ license: { id: "MIT" } }]);
    expect(licenseChoices(["GPL-2.0+"])).toEqual([{ expression: "GPL-2.0+" }]);
    expect(licenseChoices(["MIT OR ISC"])).toEqual([{ expression: "MIT OR ISC" }]);
    expect(licenseChoices(["MIT OR ISC", "MIT"])).toEqual([
      { license: { id: "MIT" } },
      { license: { name: "MIT OR ISC" } },
    ]);
    expect(licenseChoices(["GPLv2+ and MIT"])).toEqual([{ license: { name: "GPLv2+ and MIT" } }]);
    expect(licenseChoices(["LicenseRef-mine"])).toEqual([{ expression: "LicenseRef-mine" }]);
    expect(licenseChoices(["(".repeat(100_000)])).toHaveLength(1);
  });
});
