import { describe, expect, it } from "vitest";
import {
  type StrategyQuestion,
  buildPlatformOf,
  chooseStrategy,
} from "../../../src/build/strategy.js";
import { BundlerError } from "../../../src/core/errors.js";
import { formatPlatform, parsePlatform } from "../../../src/core/platform.js";
import { ARM64, builderOf, containing, node, X86_ALONE, X86_EMULATING } from "./lab.js";

const RUN = { line: 12, text: "RUN apt-get update &&\n    apt-get install -y tzdata" };
const JAVA = { kind: "java", line: 13, text: "RUN java -version", message: "Java" } as const;
const NOTHING = { runs: [], hazards: [] };
const RUNS = { runs: [RUN], hazards: [] };
const RUNS_JAVA = { runs: [RUN, JAVA], hazards: [JAVA] };

const WITH_ARM_NODE = builderOf(
  node("lab0", { native: "linux/amd64", platforms: "linux/amd64 linux/arm64" }),
  node("kunpeng", { native: "linux/arm64" }),
);
const WITH_CLAIM = builderOf(
  node("lab0", { native: "linux/amd64" }),
  node("far", { platforms: "linux/arm64", claimed: "linux/arm64" }),
);

function choose(options: Partial<StrategyQuestion>) {
  try {
    return chooseStrategy({
      component: "hello",
      target: ARM64,
      ...NOTHING,
      file: "hello/Dockerfile",
      builder: X86_ALONE,
      forced: false,
      ...options,
    });
  } catch (error) {
    if (error instanceof BundlerError) return error;
    throw error;
  }
}

describe("the strategy of a build", () => {
  it.each([
    ["nothing runs, on any builder", { ...NOTHING }, "cross", "the target's stage runs nothing"],
    [
      "nothing runs, though a node of the target is there",
      { ...NOTHING, builder: WITH_ARM_NODE },
      "cross",
      "runs nothing",
    ],
    [
      "a step runs and a node is of the target",
      { ...RUNS, builder: WITH_ARM_NODE },
      "native",
      "the builder has a node of linux/arm64",
    ],
    [
      "a step runs and a node is claimed for the target",
      { ...RUNS, builder: WITH_CLAIM },
      "native",
      "the builder has a node of",
    ],
    [
      "a step runs on the builder's own platform",
      { ...RUNS, target: parsePlatform("linux/amd64") },
      "native",
      "the builder has a node of",
    ],
    [
      "a step runs and the builder emulates",
      { ...RUNS, builder: X86_EMULATING },
      "emulate",
      "hello/Dockerfile:12 RUN apt-get update && apt-get install -y tzdata runs on linux/arm64 and the builder has no node of it",
    ],
    [
      "x86's own 32 bits",
      { ...RUNS, builder: X86_EMULATING, target: parsePlatform("linux/386") },
      "native",
      "has a node of linux/386",
    ],
    [
      "Java runs on a node of the target",
      { ...RUNS_JAVA, builder: WITH_ARM_NODE },
      "native",
      "(and 1 more)",
    ],
    [
      "Java would be emulated and may be",
      { ...RUNS_JAVA, builder: X86_EMULATING, forced: true },
      "emulate",
      "emulate",
    ],
    [
      "native is asked for though nothing runs",
      { asked: "native", builder: WITH_ARM_NODE },
      "native",
      "as asked with --strategy",
    ],
    [
      "emulate is asked for though nothing runs",
      { asked: "emulate", builder: X86_EMULATING },
      "emulate",
      "as asked with --strategy",
    ],
  ] as const)("is chosen where %s", (_, options, strategy, reason) => {
    expect(choose(options)).toMatchObject({ strategy, reason: containing(reason) });
  });

  it("does not count on a node that cannot be reached", () => {
    const gone = {
      ...node("kunpeng", { native: "linux/arm64" }),
      status: "error",
      error: "timeout",
    };
    const builder = builderOf(node("lab0", { native: "linux/amd64" }), gone);
    expect(choose({ ...RUNS, builder })).toMatchObject({ code: "BUILDER" });
    expect(formatPlatform(buildPlatformOf(builder, ARM64))).toBe("linux/amd64");
  });

  it("tells when a build may hang", () => {
    expect(choose({ ...RUNS_JAVA, builder: X86_EMULATING, forced: true })).toMatchObject({
      mayHang: true,
    });
    expect(choose({ ...RUNS_JAVA, builder: WITH_ARM_NODE, forced: true })).toMatchObject({
      mayHang: false,
    });
  });

  it.each([
    [
      "a step has nowhere to run",
      { ...RUNS },
      "BUILDER",
      "can neither run nor emulate",
      "doctor --platform linux/arm64 --fix",
    ],
    [
      "Java would be emulated",
      { ...RUNS_JAVA, builder: X86_EMULATING },
      "BUILDER",
      "hello/Dockerfile:13 runs Java",
      "--emulate-java hello",
    ],
    [
      "cross is asked for and a step runs",
      { ...RUNS, asked: "cross" },
      "USAGE",
      "--strategy hello=cross: hello/Dockerfile:12 RUN apt-get",
      "$BUILDPLATFORM",
    ],
    [
      "native is asked for and no node is",
      { ...RUNS, asked: "native", builder: X86_EMULATING },
      "USAGE",
      "no node of linux/arm64",
      "--node ssh://HOST=linux/arm64",
    ],
    [
      "emulate is asked for and a node would take it",
      { ...RUNS, asked: "emulate", builder: WITH_ARM_NODE },
      "USAGE",
      "kunpeng",
      "--builder",
    ],
    [
      "emulate is asked for and nothing emulates",
      { ...RUNS, asked: "emulate" },
      "BUILDER",
      "neither run nor emulate",
      "--fix",
    ],
  ] as const)("is refused where %s", (_, options, code, message, hint) => {
    const error = choose(options);
    expect(error).toBeInstanceOf(BundlerError);
    expect(error).toMatchObject({
      code,
      message: containing(message),
      hint: containing(hint),
    });
  });

  it("takes the platform of the node that builds for the target as the builder's own", () => {
    const of = (builder: typeof X86_ALONE, target = ARM64) =>
      formatPlatform(buildPlatformOf(builder, target));
    expect(of(X86_ALONE)).toBe("linux/amd64");
    expect(of(WITH_ARM_NODE)).toBe("linux/arm64");
    expect(of(WITH_ARM_NODE, parsePlatform("linux/amd64"))).toBe("linux/amd64");
  });
});
