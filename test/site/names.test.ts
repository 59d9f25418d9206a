import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TEMPLATES } from "./bundle.js";

it("gives no two functions of the site's scripts one name: the later would stand for both", () => {
  const lib = join(TEMPLATES, "lib");
  const names = readdirSync(lib).flatMap((file) => {
    // Scripts that one of them writes are not part of it.
    const text = readFileSync(join(lib, file), "utf8").replace(/<<'?(\w+)'?\n.*?\n\1\n/gs, "");
    return [...text.matchAll(/^([a-z_0-9]+)\(\)/gm)].map(([, name = ""]) => name);
  });
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});
