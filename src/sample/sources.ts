import { gzipSync } from "node:zlib";
import { makeTar } from "./layer.js";

/**
 * A small stand-in for a source that a recipe is built from, with the paths that the recipe takes:
 * a tar.gz. Undefined for a source that no sample can stand in for.
 */
export function sampleSource(name: string): Buffer | undefined {
  if (name !== "zookeeper") return undefined;
  const root = "apache-zookeeper-sample-bin";
  const file = (path: string, content: string, executable = false) => ({
    path: `${root}/${path}`,
    content,
    executable,
  });
  return gzipSync(
    makeTar([
      file("LICENSE.txt", "A sample: no license is needed.\n"),
      file("NOTICE.txt", "A sample in the shape of Apache ZooKeeper's archive.\n"),
      file("bin/zkServer.sh", "#!/usr/bin/env bash\nexit 0\n", true),
      file("conf/logback.xml", "<configuration/>\n"),
      file("conf/zoo_sample.cfg", "tickTime=2000\ndataDir=/tmp/zookeeper\nclientPort=2181\n"),
      file("lib/zookeeper-0.0.0-sample.jar", "A sample: no Java inside.\n"),
    ]),
  );
}
