import { startSampleRegistry } from "../../src/sample/registry.js";
import { makeImages } from "./images.js";

// A process of its own, as a registry is: what it costs is not counted to the client.
const [dir, count, megabytes] = process.argv.slice(2);
const repositories = await makeImages(dir, { count: Number(count), megabytes: Number(megabytes) });
const registry = await startSampleRegistry({ repositories });
const blobs = [...repositories].flatMap(([repository, content]) =>
  [...content.blobs].map(([digest, { size }]) => ({ repository, digest, size })),
);
process.send({
  url: registry.url,
  host: registry.host,
  blobs,
  repositories: [...repositories.keys()],
});
process.on("disconnect", () => void registry.close());
