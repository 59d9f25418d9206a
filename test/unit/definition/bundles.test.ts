import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareVersions, listBundles, resolveBundle } from "../../../src/definition/bundles.js";
import { GOOD, temporaryFolder, writeFolder } from "./folder.js";

const SHIPPED = [
  "openim-2.3.9",
  "openim-3.8.3",
  "openim-3.8.3-patch.1",
  "openim-3.8.3-patch.10",
  "openim-3.8.3-rc.1",
  "chat-room-1.0",
  "schema",
];

async function shipped(): Promise<string> {
  return writeFolder(Object.fromEntries(SHIPPED.map((name) => [`${name}/components.yaml`, ""])));
}

describe("a BUNDLE argument", () => {
  it.each([
    [undefined, "openim-3.8.3-patch.10"],
    ["openim", "openim-3.8.3-patch.10"],
    ["openim-2.3.9", "openim-2.3.9"],
    ["openim@2.3.9", "openim-2.3.9"],
    ["openim-3.8.3-patch.1", "openim-3.8.3-patch.1"],
    ["openim@3.8.3-patch.1", "openim-3.8.3-patch.1"],
    ["chat-room", "chat-room-1.0"],
  ])("%s means the shipped %s", async (argument, folder) => {
    const dir = await shipped();
    expect(await resolveBundle(argument, dir)).toBe(join(dir, folder));
  });

  it("is a folder when it looks like a path", async () => {
    const own = await writeFolder(GOOD);
    expect(await resolveBundle(own, await shipped())).toBe(own);
  });

  it("names the shipped ones and the nearest when there is none of that name", async () => {
    await expect(resolveBundle("openin@2.3.9", await shipped())).rejects.toMatchObject({
      code: "USAGE",
      message: 'There is no bundle "openin@2.3.9".',
      hint: expect.stringMatching(
        /^Did you mean openim-2\.3\.9\? Give one of chat-room-1\.0, openim-3\.8\.3-patch\.10, /,
      ) as string,
    });
  });

  it("tells a missing folder from one that holds no definition", async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, "empty"));
    await expect(resolveBundle(join(dir, "gone"), dir)).rejects.toMatchObject({ code: "USAGE" });
    await expect(resolveBundle(join(dir, "empty"), dir)).rejects.toMatchObject({
      code: "DEFINITION",
      message: `${join(dir, "empty")} is no bundle definition: it has no components.yaml.`,
    });
  });
});

describe("the shipped bundles", () => {
  it("are listed by name, the newest version first", async () => {
    const list = await listBundles(await shipped());
    expect(list.map(({ name, version }) => `${name} ${version}`)).toEqual([
      "chat-room 1.0",
      "openim 3.8.3-patch.10",
      "openim 3.8.3-patch.1",
      "openim 3.8.3",
      "openim 3.8.3-rc.1",
      "openim 2.3.9",
    ]);
  });

  it("cannot be listed without their folder", async () => {
    await expect(listBundles("/nowhere/at/all")).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("versions", () => {
  const ordered = [
    "0.9",
    "1",
    "1.0.1",
    "1.2.0-alpha.1",
    "1.2.0-rc.1",
    "1.2.0",
    "1.2.0-patch.1",
    "1.2.0-patch.2",
    "1.2.0-patch.10",
    "1.2.1-rc.1",
    "1.10.0",
    "10.0.0",
  ];

  it("are ordered as OpenIM counts them: a patch tag after its release, a candidate before", () => {
    expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
  });

  it("have one order for any text", () => {
    const version = fc.stringMatching(/^\d{1,3}(\.\d{1,3}){0,3}(-(patch|rc|beta)?\.?\d{0,2})?$/);
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        expect(compareVersions(a, a)).toBe(0);
      }),
    );
  });
});
