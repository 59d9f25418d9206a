import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ExtendedFields, encodeExtendedHeader } from "../../../src/tar/extended-header.js";
import { encodeHeader } from "../../../src/tar/header.js";
import { readTarIndex } from "../../../src/tar/scan.js";
import { MTIME, withWindow } from "./archive.js";

const name = fc
  .string({
    unit: fc.constantFrom("a", "b", "-", ".", " ", "ö", "名", "😀"),
    minLength: 1,
    maxLength: 90,
  })
  .filter((text) => text !== "." && text !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));

async function readBack(fields: ExtendedFields) {
  const archive = Buffer.concat([
    encodeExtendedHeader(fields),
    Buffer.alloc(Math.ceil(fields.size / 512) * 512),
    Buffer.alloc(1024),
  ]);
  const [entry] = await withWindow(archive, (window) => readTarIndex(window, "foreign"));
  return entry;
}

describe("a header of a build context", () => {
  it("gives back every name, link and size, however long", async () => {
    await fc.assert(
      fc.asyncProperty(
        path,
        path,
        fc.constantFrom("file", "directory", "symlink"),
        fc.boolean(),
        fc.integer({ min: 0, max: 5000 }),
        async (inside, linkpath, type, executable, size) => {
          const fields: ExtendedFields = {
            path: inside,
            type,
            executable,
            size: type === "file" ? size : 0,
            mtime: MTIME,
            ...(type === "symlink" ? { linkpath } : {}),
          };
          expect(await readBack(fields)).toMatchObject({
            path: inside,
            type,
            size: fields.size,
            mtime: MTIME,
            ...(type === "symlink" ? { linkpath } : {}),
            ...(type === "file" ? { executable } : {}),
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is the plain one wherever that can hold the name", () => {
    const fields = {
      path: "a/b.txt",
      type: "file",
      executable: true,
      size: 5,
      mtime: MTIME,
    } as const;
    expect(encodeExtendedHeader(fields).equals(encodeHeader(fields))).toBe(true);
  });

  it.each(["../up", "/root", "a//b", "a\nb", "a\\b", ""])("refuses the path %j", (wrong) => {
    expect(() =>
      encodeExtendedHeader({ path: wrong, type: "file", executable: false, size: 0, mtime: MTIME }),
    ).toThrow(expect.objectContaining({ code: "FILE" }));
  });
});
