import { describe, expect, it } from "vitest";
import { packageTable } from "../../../src/report/package-table.js";
import { samplePackages } from "./sample-data.js";

describe("the table of packages", () => {
  it("has every package, by name, with its words looked up", () => {
    const table = packageTable(samplePackages(500));
    expect(table.names).toHaveLength(500);
    expect(table.names).toEqual(table.names.toSorted());
    const at = table.names.indexOf("@scope/package-1");
    expect(table.type.words[table.type.rows[at]!]).toBe("npm");
    expect(table.component.words[table.component.rows[at]!]).toBe("redis");
    expect(table.license.words[table.license.rows[at]!]).toBe("MIT");
  });

  it("stays small", () => {
    const size = JSON.stringify(packageTable(samplePackages(20_000))).length;
    expect(size).toBeLessThan(1.4e6);
  });
});
