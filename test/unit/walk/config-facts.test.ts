import { describe, expect, it } from "vitest";
import { parseConfigFacts } from "../../../src/walk/config-facts.js";

const parse = (config: object) =>
  parseConfigFacts(
    "The config",
    Buffer.from(JSON.stringify({ os: "linux", architecture: "arm64", ...config })),
  );

describe("parseConfigFacts", () => {
  it("reads what is there when labels, ports and volumes are not", () => {
    const facts = parse({ config: { Cmd: ["serve"], Env: ["A=b"] } });
    expect(facts).toMatchObject({ cmd: ["serve"], env: ["A=b"], labels: {}, volumes: [] });
    expect(parse({ config: { Labels: { a: "b" } } }).labels).toEqual({ a: "b" });
  });

  it("refuses what engines refuse: a field of another type than theirs", () => {
    for (const config of [{ Cmd: "serve" }, { Labels: [1] }, { ExposedPorts: ["80/tcp"] }]) {
      expect(() => parse({ config })).toThrow(/expected shape: config\./);
    }
  });

  it("finds fields as engines do, whatever the case of their names, but not names in maps", () => {
    const facts = parse({ CONFIG: { entrypoint: ["/x"], Labels: { Cmd: "1", cmd: "2" } } });
    expect(facts).toMatchObject({ entrypoint: ["/x"], cmd: [], labels: { Cmd: "1", cmd: "2" } });
  });

  it("takes null for nothing", () => {
    const nothing = { Cmd: null, Labels: null, Volumes: null, Healthcheck: null, User: null };
    expect(parse({ config: nothing, history: null, created: null })).toMatchObject({
      cmd: [],
      labels: {},
      user: "",
      history: [],
    });
  });
});
