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

  it("leaves out what is of another type than it should be, and nothing else", () => {
    const facts = parse({ config: { Cmd: "serve", Labels: [1], ExposedPorts: { "80/tcp": {} } } });
    expect(facts).toMatchObject({ cmd: [], labels: {}, exposedPorts: ["80/tcp"] });
  });
});
