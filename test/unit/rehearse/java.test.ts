import { describe, expect, it } from "vitest";
import { javaSign } from "../../../src/rehearse/java.js";

const start = { entrypoint: [], command: [], env: [] };

describe("a Java service", () => {
  it.each([
    [
      "its entrypoint",
      { ...start, entrypoint: ["/usr/bin/java", "-jar", "a.jar"] },
      "it starts java",
    ],
    ["a shell's text", { ...start, command: ["sh", "-c", "exec java -Xmx1g A"] }, "it starts java"],
    [
      "a start script under an entrypoint of its own",
      {
        ...start,
        entrypoint: ["/docker-entrypoint.sh"],
        command: ["zkServer.sh", "start-foreground"],
      },
      "it starts zkServer.sh",
    ],
    ["JAVA_HOME", { ...start, env: ["A=b", "JAVA_HOME=/opt/java"] }, "its image sets JAVA_HOME"],
    ["a runtime on PATH", { ...start, env: ["PATH=/bin:/opt/jdk-17/bin"] }, "its image sets PATH"],
  ])("is known by %s", (_, image, sign) => {
    expect(javaSign(image, "docker.io/library/thing")).toBe(sign);
  });

  it("is known by the name of a server that is one", () => {
    expect(
      javaSign({ ...start, command: ["start-kafka.sh"] }, "docker.io/wurstmeister/kafka"),
    ).toBe("its image is kafka");
    expect(javaSign(start, "docker.io/confluentinc/cp-zookeeper")).toBe(
      "its image is cp-zookeeper",
    );
  });

  it("is none that only talks of it", () => {
    const image = {
      entrypoint: ["node"],
      command: ["javascript.js"],
      env: ["PATH=/usr/bin:/bin", "KAFKA_ADDRESS=kafka:9092"],
    };
    expect(javaSign(image, "docker.io/library/node")).toBeUndefined();
    expect(javaSign(image, "docker.io/kafkaesque/web")).toBeUndefined();
  });
});
