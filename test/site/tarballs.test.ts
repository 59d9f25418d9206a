import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SiteManifest } from "../../src/bundle/site-index.js";
import { SHELL, SHELLS, type Site, lines, withSite } from "./bundle.js";

/** A bundle whose redis and server share a tarball; mysql has its own. */
function sharing(manifest: SiteManifest): SiteManifest {
  const tarball = { path: "images/redis+1.tar", size: 700_000 };
  return {
    ...manifest,
    components: manifest.components.map((one) =>
      one.name === "mysql" ? one : { ...one, tarball },
    ),
  };
}

const withSharing = (
  body: (site: Site) => Promise<void>,
  shell: readonly string[] = SHELL,
): (() => Promise<void>) =>
  withSite(async (site) => body(await site.newer("3.0", sharing)), { shell });

const loads = async (site: Site): Promise<readonly string[]> =>
  (await site.changes()).filter((call) => call.startsWith("load"));

/** Changes one byte of a file. */
async function damage(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[at]! ^= 1;
  await writeFile(file, bytes);
}

describe("a tarball that images share", () => {
  it.each(Object.entries(SHELLS).filter(([, shell]) => shell !== undefined))(
    "is loaded once, and each image has its line in the receipt (%s)",
    (_, shell) =>
      withSharing(async (site) => {
        const result = await site.call(["load"]);
        expect(result, JSON.stringify(result)).toMatchObject({ code: 0 });
        expect(await loads(site)).toEqual([
          "load -i images/mysql.tar",
          "load -i images/redis+1.tar",
        ]);
        expect(result.stdout).toContain(
          "[2/3] redis: loading image (683.6 KiB, with those of open_im_server) ...\n",
        );
        expect(result.stdout).toContain("[3/3] open_im_server: image came along.\n");
        expect(result.stdout).toContain("  [2/2] images/redis+1.tar (683.6 KiB)\n");
        const receipt = JSON.parse(await site.kept("receipt.json")) as {
          images: { component: string; ok: boolean }[];
        };
        expect(receipt.images.map(({ component, ok }) => `${component} ${ok}`)).toEqual([
          "mysql true",
          "redis true",
          "open_im_server true",
        ]);
      }, shell)(),
  );

  it(
    "is not loaded for an image that came along earlier",
    withSharing(async (site) => {
      expect(await site.call(["load", "--only", "redis"])).toMatchObject({ code: 0 });
      await site.forget();
      const again = await site.call(["load", "--only", "open_im_server"]);
      expect(again).toMatchObject({ code: 0 });
      expect(again.stdout).toContain("open_im_server: image is already there.");
      expect(await loads(site)).toEqual([]);
    }),
  );

  it(
    "is told once by a dry run",
    withSharing(async (site) => {
      const { stdout } = await site.call(["load", "--dry-run"]);
      const told = lines(stdout).filter((line) => line.startsWith("Would"));
      expect(told).toEqual([
        "Would load: mysql (390.6 KiB)",
        "Would load: redis (683.6 KiB)",
        "Would come along: open_im_server",
      ]);
    }),
  );

  it(
    "gives each image its name in a registry of the site",
    withSharing(async (site) => {
      const result = await site.call(["load", "--registry", "registry.example:5000/im"]);
      expect(result, JSON.stringify(result)).toMatchObject({ code: 0 });
      const pushed = (await site.changes()).filter((call) => call.startsWith("push"));
      expect(pushed).toEqual([
        "push registry.example:5000/im/library/mariadb:10.11",
        "push registry.example:5000/im/library/redis:7.0.15",
        "push registry.example:5000/im/openim/open_im_server:v2.3.9",
      ]);
    }),
  );
});

describe("the check of a tarball", () => {
  const spots: readonly (readonly [string, (file: string) => Promise<void>, string])[] = [
    ["a small blob", (file) => damage(file, 4100), ", the blob at byte 4096\n"],
    ["the first byte of a large blob", (file) => damage(file, 5632), ", the blob at byte 5632\n"],
    ["the last byte of a large blob", (file) => damage(file, 698_498), ", the blob at byte 5632\n"],
    ["the headers before all blobs", (file) => damage(file, 4095), ", its headers and documents"],
    ["the padding behind a blob", (file) => damage(file, 5096), ", its headers and documents"],
    ["what is behind all blobs", (file) => damage(file, 698_499), ", its headers and documents"],
    ["the last byte", (file) => damage(file, 699_999), ", its headers and documents"],
    [
      "a byte more",
      (file) => truncate(file, 700_001),
      ", its headers and documents, or its length",
    ],
    [
      "a byte less",
      (file) => truncate(file, 699_999),
      ", its headers and documents, or its length",
    ],
    ["a cut inside a blob", (file) => truncate(file, 5000), ", the blob at byte 4096\n"],
  ];

  it.each(Object.entries(SHELLS).filter(([, shell]) => shell !== undefined))(
    "finds what is changed, wherever that is, and says where (%s)",
    async (_, shell) => {
      await withSharing(async (site) => {
        const file = join(site.root, "images/redis+1.tar");
        const sound = await readFile(file);
        for (const [what, change, where] of spots) {
          await writeFile(file, sound);
          await change(file);
          const result = await site.call(["check"]);
          expect(result, what).toMatchObject({ code: 3 });
          expect(result.stderr, what).toContain(
            `Damaged or changed file: images/redis+1.tar${where}`,
          );
        }
      }, shell)();
    },
  );

  it(
    "says nothing of tarballs where the table of their sums is damaged, and fails",
    withSharing(async (site) => {
      const table = await site.read("site/blobs.tsv");
      await site.write("site/blobs.tsv", table.replace(/\t[0-9a-f]/, "\tx"));
      const result = await site.call(["check"]);
      expect(result).toMatchObject({ code: 3 });
      expect(result.stderr).toContain("Damaged or changed file: site/blobs.tsv");
      expect(result.stderr).not.toContain("images/");
    }),
  );

  it(
    "fails for a table that leaves bytes out, or takes them twice",
    withSharing(async (site) => {
      const table = await site.read("site/blobs.tsv");
      const rows = lines(table).filter((row) => row.startsWith("images/redis+1.tar"));
      for (const changed of [
        table.replace(`${rows[2]!}\n`, ""),
        table.replace(`${rows[0]!}\n`, ""),
        table.replace(rows.join("\n"), [rows[1], rows[0], rows[2]].join("\n")),
        table.replace(rows[0]!, `${rows[0]!}\n${rows[0]!}`),
      ]) {
        await site.write("site/blobs.tsv", changed);
        await site.onlySums();
        const result = await site.call(["check"]);
        expect(result).toMatchObject({ code: 3 });
        expect(result.stderr).toContain("Damaged or changed file: images/redis+1.tar");
      }
    }),
  );
});
