import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { inspectDockerfile } from "../../../src/dockerfile/inspect.js";
import { parseDockerfile } from "../../../src/dockerfile/parse.js";
import type {
  DockerfileHazard,
  DockerfileReport,
  InspectOptions,
} from "../../../src/dockerfile/types.js";
import { processorTime } from "../../support/processor-time.js";

interface Asked {
  readonly for?: string;
  readonly on?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly contextNames?: readonly string[];
}

function inspect(lines: readonly string[], asked: Asked = {}): DockerfileReport {
  const options: InspectOptions = {
    args: asked.args ?? {},
    targetPlatform: parsePlatform(asked.for ?? "linux/arm64"),
    buildPlatform: parsePlatform(asked.on ?? "linux/amd64"),
    ...(asked.target === undefined ? {} : { target: asked.target }),
    ...(asked.contextNames === undefined ? {} : { contextNames: new Set(asked.contextNames) }),
  };
  return inspectDockerfile(parseDockerfile("Dockerfile", lines.join("\n")), options);
}

function bases(lines: readonly string[], asked?: Asked): readonly unknown[] {
  return inspect(lines, asked).bases.map(({ line, image, platform }) => [line, image, platform]);
}

function runs(lines: readonly string[], asked?: Asked): readonly number[] {
  return inspect(lines, asked).targetRuns.map(({ line }) => line);
}

/** Hazards of a kind, as `line instead`. */
function hazards(
  kind: DockerfileHazard["kind"],
  lines: readonly string[],
  asked?: Asked,
): readonly string[] {
  return inspect(lines, asked)
    .hazards.filter((hazard) => hazard.kind === kind)
    .map(({ line, instead }) => (instead === undefined ? `${line}` : `${line} ${instead}`));
}

describe("the base images", () => {
  it("are those of the stages that the target needs, each with its platform", () => {
    const file = [
      "ARG GO=1.20",
      "FROM --platform=$BUILDPLATFORM golang:${GO} AS build",
      "FROM unused:1 AS other",
      "FROM --platform=linux/s390x tools:2 AS fixed",
      "FROM --platform=${TARGETOS}/${TARGETARCH} debian:12",
      "COPY --from=build /a /a",
      "COPY --from=2 /b /b",
      "COPY --from=alpine:3.19 /c /c",
    ];
    const fixed = { os: "linux", architecture: "s390x" };
    expect(bases(file)).toEqual([
      [2, "golang:1.20", "build"],
      [4, "tools:2", fixed],
      [5, "debian:12", "target"],
      [8, "alpine:3.19", "target"],
    ]);
    expect(bases(file, { target: "Other" })).toEqual([[3, "unused:1", "target"]]);
    expect(bases(file, { args: { GO: "1.22" }, target: "build" })).toEqual([
      [2, "golang:1.22", "build"],
    ]);
  });

  it("are not stages, scratch, or contexts that are given by name", () => {
    expect(bases(["FROM scratch"])).toEqual([]);
    expect(bases(["FROM a:1 AS x", "FROM x AS y", "FROM y"])).toEqual([[1, "a:1", "target"]]);
    expect(bases(["FROM docker.io/library/b:1"], { contextNames: ["b:1"] })).toEqual([]);
    expect(
      bases(["FROM a:1 AS x", "FROM scratch", "COPY --from=x . /"], { contextNames: ["x"] }),
    ).toEqual([]);
  });

  it("come from mounts and from triggers of a stage in the same file, too", () => {
    expect(
      bases([
        "FROM a:1 AS parent",
        "ONBUILD COPY --from=b:1 /x /x",
        "FROM parent",
        'RUN --mount=type=bind,"from=c:1",target=/c true',
      ]),
    ).toEqual([
      [1, "a:1", "target"],
      [2, "b:1", "target"],
      [4, "c:1", "target"],
    ]);
    expect(bases(["FROM a:1", "ONBUILD COPY --from=b:1 /x /x"])).toHaveLength(1);
  });

  it("follow the builder's platform only where they are written to", () => {
    const platformOf = (flag: string, asked?: Asked): unknown =>
      inspect(["ARG P=$BUILDPLATFORM", `FROM --platform=${flag} a:1`], asked).bases[0]?.platform;
    const amd64 = { os: "linux", architecture: "amd64" };
    expect(platformOf("$P")).toBe("build");
    expect(platformOf("linux/amd64")).toEqual(amd64);
    expect(platformOf("$P", { args: { P: "linux/amd64" } })).toEqual(amd64);
    expect(platformOf("$P", { args: { BUILDPLATFORM: "linux/amd64" } })).toEqual(amd64);
    expect(platformOf("linux/$BUILDARCH")).toBe("build");
    expect(platformOf("$TARGETPLATFORM")).toBe("target");
    expect(platformOf("linux/arm/$TARGETVARIANT", { for: "linux/arm/v7" })).toBe("target");
    expect(platformOf("${NONE:-$TARGETPLATFORM}", { for: "linux/amd64" })).toBe("target");
    expect(platformOf("$BUILDPLATFORM", { for: "linux/amd64" })).toBe("build");
    expect(platformOf("arm32v7")).toEqual({ os: "linux", architecture: "arm", variant: "v7" });
  });

  it.each([
    [["FROM $NONE"], /Dockerfile:1:6: the image "\$NONE" comes out empty/],
    [["ARG A=${B#x}", "FROM $A"], /Dockerfile:1:7: .* not a substitution/],
    [["FROM a:1:2"], /Dockerfile:1:1: "a:1:2" is not an image name/],
    [["FROM Builder"], /upper-case/],
    [["FROM --platform=mars a"], /Dockerfile:1:6: expected a platform .* found "mars"/],
    [["FROM a", "COPY --from=1 x /"], /Dockerfile:2:6: there is no stage 1/],
    [
      ["FROM a AS x", "COPY --from=y . /", "FROM b AS y", "COPY --from=x . /"],
      /:1:1: .*needs itself/,
    ],
    [["FROM a AS x", "COPY --from=x . /"], /needs itself/],
  ])("of %j are refused with their place", (lines, message) => {
    expect(() => inspect(lines)).toThrow(message);
  });

  it("do not matter where an ARG that nobody needs cannot be worked out", () => {
    expect(bases(["ARG A=${B#x}", "FROM a:1"])).toEqual([[2, "a:1", "target"]]);
  });

  it("do not grow without end by arguments that double each other", () => {
    const doubled = Array.from({ length: 60 }, (_, at) => `ARG A${at + 1}=$A${at}$A${at}`);
    expect(() => inspect(["ARG A0=xxxxxxxx", ...doubled, "FROM $A60"])).toThrow(/8192 characters/);
  });

  it("need a target that exists", () => {
    expect(() => inspect(["FROM a AS one"], { target: "two" })).toThrow(/has no stage "two"/);
  });
});

describe("the target's steps", () => {
  const file = [
    "FROM --platform=$BUILDPLATFORM golang:1 AS build",
    "RUN go build",
    "FROM debian:12 AS base",
    "RUN apt-get update",
    "FROM base",
    "COPY --from=build /x /x",
    "RUN /x",
  ];

  it("are the RUNs of needed stages on another machine than the builder's", () => {
    expect(runs(file)).toEqual([4, 7]);
    expect(runs(file, { target: "build" })).toEqual([]);
    expect(runs(file, { for: "linux/amd64" })).toEqual([]);
    expect(runs(file, { for: "linux/386" })).toEqual([]);
    expect(runs(file, { for: "linux/amd64", on: "linux/arm64" })).toEqual([4, 7]);
    expect(runs(file, { for: "linux/arm/v6", on: "linux/arm/v7" })).toEqual([]);
    expect(runs(file, { for: "linux/arm/v7", on: "linux/arm/v6" })).toEqual([4, 7]);
  });

  it("include those of a stage with a platform of its own, and triggers", () => {
    const fixed = [
      "FROM --platform=linux/ppc64le a:1 AS x",
      "RUN one",
      "FROM scratch",
      "COPY --from=x . /",
    ];
    expect(runs(fixed, { for: "linux/amd64" })).toEqual([2]);
    expect(runs(["FROM a:1 AS x", "ONBUILD RUN one", "FROM x", "FROM a:1"])).toEqual([]);
    expect(runs(["FROM a:1 AS x", "ONBUILD RUN one", "FROM x"])).toEqual([2]);
  });
});

describe("names of another architecture", () => {
  const on = (stage: string, ...lines: string[]) => [`FROM ${stage}`, ...lines];
  const target = (...lines: string[]) => on("debian:12", ...lines);
  const foreign = (lines: readonly string[], asked?: Asked) =>
    hazards("foreign-architecture", lines, asked);

  it.each([
    ["RUN curl -LO https://x.io/a-1.2-linux-amd64.tar.gz", "https://x.io/a-1.2-linux-arm64.tar.gz"],
    ["RUN wget https://x.io/a_Linux_x86_64.zip", "https://x.io/a_Linux_aarch64.zip"],
    [
      "RUN wget 'https://x.io/node-v20-linux-x64.tar.xz'",
      "https://x.io/node-v20-linux-arm64.tar.xz",
    ],
    ["RUN dpkg -i /tmp/a_1.0_amd64.deb", "/tmp/a_1.0_arm64.deb"],
    ["RUN rpm -i a-1.0.x86_64.rpm", "a-1.0.aarch64.rpm"],
    ["RUN apt-get install -y libc6:i386", "libc6:arm64"],
    ["RUN wget https://x.io/a-linux-386.tgz", "https://x.io/a-linux-arm64.tgz"],
    ["RUN wget https://x.io/a-linux-arm.tgz", "https://x.io/a-linux-arm64.tgz"],
    ["RUN ln -s /usr/lib/x86_64-linux-gnu/libz.so /l", "/usr/lib/aarch64-linux-gnu/libz.so"],
    ["RUN apt-get install gcc-x86-64-linux-gnu", "gcc-aarch64-linux-gnu"],
    ["RUN rustup target add x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"],
    ["RUN GOARCH=amd64 go build", "GOARCH=arm64"],
    ["ENV GOARCH=386", "GOARCH=arm64"],
    [
      "ENV JAVA_HOME=/usr/lib/jvm/java-11-openjdk-amd64",
      "JAVA_HOME=/usr/lib/jvm/java-11-openjdk-arm64",
    ],
    ["ARG TARGETARCH=amd64", "TARGETARCH=arm64"],
    ["COPY bin/tool-linux-amd64 /tool", "bin/tool-linux-arm64"],
    ["ADD https://x.io/a-armhf.tar.gz /a", "https://x.io/a-arm64.tar.gz"],
    ['RUN ["wget", "https://x.io/a-ppc64le.tgz"]', "https://x.io/a-arm64.tgz"],
  ])("are found in %s", (line, instead) => {
    expect(foreign(target(line))).toEqual([`2 ${instead}`]);
  });

  it.each([
    ["linux/amd64", "aarch64", "x86_64"],
    ["linux/arm/v7", "x86_64", "armv7l"],
    ["linux/arm/v6", "x86_64", "armv6l"],
    ["linux/386", "x86_64", "i686"],
    ["linux/ppc64le", "arm64", "ppc64le"],
    ["linux/s390x", "x64", "s390x"],
    ["linux/riscv64", "amd64", "riscv64"],
    ["linux/loong64", "aarch64", "loongarch64"],
    ["linux/loong64", "arm64", "loong64"],
    ["linux/arm/v7", "a_1_amd64.deb", "a_1_armhf.deb"],
    ["linux/ppc64le", "a_1_amd64.deb", "a_1_ppc64el.deb"],
    ["linux/arm/v7", "GOARCH=amd64", "GOARCH=arm"],
    ["linux/arm/v7", "x86_64-linux-gnu", "arm-linux-gnueabihf"],
  ])("are spelled for %s in the same family: %s, %s", (platform, name, instead) => {
    expect(foreign(target(`RUN get ${name}`), { for: platform, on: platform })).toEqual([
      `2 ${instead}`,
    ]);
  });

  it.each([
    "RUN curl -LO https://x.io/a-linux-arm64.tar.gz",
    "RUN curl -LO https://x.io/a-linux-${TARGETARCH}.tar.gz",
    "RUN curl -LO https://x.io/camd64x-8386.tar.gz",
    "RUN true # not for amd64",
    "ARG BUILDARCH",
    "LABEL built.on=amd64",
    "RUN case $(uname -m) in x86_64) A=amd64;; aarch64) A=arm64;; esac; get $A",
    'RUN if [ "$TARGETARCH" = amd64 ]; then get x86_64; else get other; fi',
    "RUN get a-$(echo $TARGETARCH | sed s/amd64/x86_64/).tgz",
  ])("are not seen in %s", (line) => {
    expect(foreign(target(line))).toEqual([]);
  });

  it("do not hide behind a name that is right", () => {
    expect(foreign(target("RUN get a-arm64.tgz && get b-amd64.tgz"))).toEqual(["2 b-arm64.tgz"]);
    expect(foreign(target("RUN get a-${TARGETARCH}.tgz && get b-amd64.tgz"))).toEqual([
      "2 b-arm64.tgz",
    ]);
  });

  it("are told with their own line, in heredocs too, and never from comments", () => {
    const file = target(
      "RUN get a \\",
      "  # a-amd64.tgz",
      "  b-amd64.tgz",
      "RUN <<EOF",
      "get a # a-amd64.tgz",
      "# a-amd64.tgz",
      "get c-amd64.tgz",
      "EOF",
    );
    expect(foreign(file)).toEqual(["4 b-arm64.tgz", "8 c-arm64.tgz"]);
  });

  it("are right on the builder's stage when they are the builder's or the target's", () => {
    const build = (...lines: string[]) => [
      ...on("--platform=$BUILDPLATFORM golang:1 AS build", ...lines),
      "FROM scratch",
      "COPY --from=build /x /x",
    ];
    expect(foreign(build("RUN get tool-amd64.tgz", "RUN get x-arm64.tgz"))).toEqual([]);
    expect(foreign(build("RUN get tool-s390x.tgz"))).toEqual(["2 tool-arm64.tgz"]);
    // What Go is told to compile is the product, wherever that happens.
    expect(foreign(build("RUN GOARCH=amd64 go build"))).toEqual(["2 GOARCH=arm64"]);
  });

  it("come from build arguments as well", () => {
    const file = ["ARG ARCH=arm64", ...target("ARG ARCH", "ADD a-$ARCH.tgz /")];
    expect(foreign(file)).toEqual([]);
    expect(foreign(file, { args: { ARCH: "amd64" } })).toEqual(["3 ARCH=arm64", "4 a-arm64.tgz"]);
  });

  it("stand in image names", () => {
    expect(foreign(["FROM amd64/debian:12"])).toEqual(["1 arm64/debian:12"]);
    expect(foreign(["FROM arm64v8/debian:12"], { for: "linux/arm/v7" })).toEqual([
      "1 arm32v7/debian:12",
    ]);
    expect(foreign(["FROM --platform=$BUILDPLATFORM amd64/a:1 AS b", "FROM b"])).toEqual([
      "1 FROM amd64/a:1 AS b",
    ]);
  });

  it("stand in the platform of the last stage", () => {
    expect(foreign(["FROM --platform=linux/amd64 debian:12"])).toEqual(["1 FROM debian:12"]);
    expect(foreign(["FROM --platform=$BUILDPLATFORM a:1 AS x", "RUN y"])).toEqual([
      "1 FROM a:1 AS x",
    ]);
    expect(foreign(["FROM --platform=linux/arm64 debian:12"])).toEqual([]);
    expect(foreign(["FROM --platform=$BUILDPLATFORM scratch"])).toEqual([]);
    expect(foreign(["FROM --platform=linux/amd64 a:1 AS x", "FROM scratch"])).toEqual([]);
  });

  it("mention the variable that follows the target", () => {
    const [hazard] = inspect(target("RUN get a-amd64.tgz")).hazards;
    expect(hazard?.message).toBe(
      "amd64 in a-amd64.tgz is not for linux/arm64; after ARG TARGETARCH, ${TARGETARCH} stands for the right name.",
    );
    const [other] = inspect(target("RUN get a-x86_64.tgz")).hazards;
    expect(other?.message).toMatch(/the right name can be chosen by \$\{TARGETARCH\}/);
  });
});

describe("Java on the target", () => {
  const java = (line: string, asked?: Asked) =>
    hazards("java", ["FROM eclipse-temurin:11-jre", line, "# java"], asked);

  it.each([
    "RUN java -version",
    "RUN apt-get update && /opt/jdk/bin/keytool -list",
    'RUN ["mvn", "package"]',
    "RUN A=1 B=2 ./gradlew build",
    "RUN cd /x; if javac A.java; then true; fi",
    "RUN bin/zkServer.sh start && bin/kafka-topics.sh --list",
    "RUN sh -ec 'cd /x && exec sbt compile'",
    'RUN echo "$(java -version)"',
    "RUN timeout -k 5 30 ant",
    "RUN $JAVA_HOME/bin/java -version",
    "RUN <<EOF\nset -e\njava -version\nEOF",
    "RUN bash -e <<EOF\nmvn package\nEOF",
  ])("is found in %s", (line) => {
    expect(java(line)).toEqual(["2"]);
    expect(java(line, { for: "linux/amd64" })).toEqual([]);
  });

  it.each([
    "RUN apt-get install -y openjdk-11-jre ant",
    "RUN echo java",
    "RUN tar xf java.tgz # && java -version",
    "RUN ln -s /opt/java/bin/java /usr/bin/java",
    "RUN ['java'",
    "RUN cat <<EOF\njava\nEOF",
    "RUN <<EOF\n#!/usr/bin/env python3\njava\nEOF",
    'CMD ["java", "-jar", "x.jar"]',
  ])("is not found in %s", (line) => {
    expect(java(line)).toEqual([]);
  });

  it("does not matter on the builder's stage", () => {
    const file = ["FROM --platform=$BUILDPLATFORM maven:3 AS b", "RUN mvn package", "FROM scratch"];
    expect(hazards("java", [...file, "COPY --from=b /x /x"])).toEqual([]);
  });
});

describe("a hostile Dockerfile", () => {
  const fill = (before: string, unit: string, after = ""): string =>
    before + unit.repeat(Math.floor((250_000 - before.length) / unit.length)) + after;

  it.each([
    ["names of architectures", fill("FROM a:1\nRUN ", "a-amd64 \\\n")],
    ["lines of a heredoc", fill("FROM a:1\nRUN <<E\n", "x-amd64\n", "E")],
    ["command substitutions", fill("FROM a:1\nRUN ", '"$(\\\n')],
    ["backquotes", fill("FROM a:1\nRUN ", "`a\\\n")],
    ["shells in shells", fill("FROM a:1\nRUN ", "sh -c '\\\n")],
    ["slashes", fill("FROM a:1\nRUN ", "/\\\n")],
    ["mounts", fill("FROM a:1\nRUN ", "--mount=from=a:1 \\\n", "x")],
    ["variables", fill("FROM a:1\nENV ", "A$X=amd64 \\\n")],
    ["triggers", `FROM a:1 AS s\n${"ONBUILD RUN x\n".repeat(9000)}FROM s`],
    ["stages", Array.from({ length: 499 }, () => "FROM --platform=$BUILDPLATFORM a:1").join("\n")],
  ])("full of %s is inspected in a moment", async (_name, text) => {
    let found: readonly unknown[] = [];
    // A quadratic reading takes minutes here.
    expect(await processorTime(() => (found = inspect([text]).hazards))).toBeLessThan(15_000);
    expect(found.length).toBeLessThanOrEqual(500);
  });
});

describe("what comes from the network", () => {
  it("is a frontend, by a directive", () => {
    expect(hazards("syntax", ["# syntax=docker/dockerfile:1", "FROM a:1"])).toEqual(["1"]);
    expect(hazards("syntax", ["FROM a:1", "# syntax=docker/dockerfile:1"])).toEqual([]);
  });

  it("is a base whose tag floats", () => {
    const file = ["FROM debian", "COPY --from=a:latest /x /x", "COPY --from=b:1 /y /y"];
    expect(hazards("floating", file)).toEqual(["1", "2"]);
    expect(hazards("floating", [`FROM a@sha256:${"0".repeat(64)}`])).toEqual([]);
    expect(hazards("floating", ["FROM a AS unused", "FROM b:1"])).toEqual([]);
  });

  it("is what ADD fetches", () => {
    const file = [
      "FROM a:1",
      "ARG HOST=https://example.com",
      "ADD $HOST/a.tgz local.tgz /x/",
      "ADD git@example.com:a/b.git /b",
      "ADD --checksum=sha256:aa https://example.com/c /c",
      "COPY https://example.com/d /d",
    ];
    expect(hazards("remote-add", file)).toEqual(["3", "4", "5"]);
    const { hazards: all } = inspect(file);
    expect(all.map(({ message }) => message).join("\n")).not.toMatch(/example.com\/c .*nothing/);
  });

  it("is told without its password", () => {
    const report = inspect([
      "FROM a:1",
      "ADD https://me:secret@example.com/a-amd64?key=k /a",
      "RUN x",
    ]);
    expect(report.hazards).toHaveLength(2);
    expect(JSON.stringify(report)).not.toMatch(/secret|key=k/);
  });
});
