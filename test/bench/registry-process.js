import { startSampleRegistry } from "../../src/sample/registry.js";
import { makeRepositories } from "./images.js";

// A process of its own, as a registry is: what it costs is not counted to the client.
const [dir, options] = process.argv.slice(2);
const { tls, ...content } = JSON.parse(options);
const { repositories, layers } = await makeRepositories(dir, content);
const registry = await startSampleRegistry({ repositories, ...(tls === undefined ? {} : { tls }) });
const blobs = [...repositories.values()].flatMap(({ blobs }) => [...blobs]);
process.send({
  ...{ url: registry.url, host: registry.host, repositories: [...repositories.keys()] },
  /** Of each distinct blob. */
  sizes: [...new Map(blobs).values()].map(({ size }) => size),
  layers: layers.map(({ file, size, unpacked }) => ({ file, size, unpacked })),
});
process.on("disconnect", () => void registry.close());
