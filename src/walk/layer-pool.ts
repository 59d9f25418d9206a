import { BundlerError } from "../core/errors.js";
import { ThreadPool } from "../core/thread-pool.js";
import { type LayerFacts, type LayerJob, readLayer } from "./read-layer.js";

/** Reads layers. Its jobs throw BundlerError FILE when the archive cannot be read. */
export class LayerPool extends ThreadPool<LayerJob, LayerFacts> {
  constructor(signal: AbortSignal) {
    super(
      {
        program: "layer",
        work: readLayer,
        received: asBuffers,
        failed: ({ name }, why) => new BundlerError("FILE", `${name} cannot be read: ${why}`),
      },
      signal,
    );
  }
}

/** Between threads a Buffer becomes a plain array of bytes. */
function asBuffers(facts: LayerFacts): LayerFacts {
  const buffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return {
    ...facts,
    captured: new Map([...facts.captured].map(([path, bytes]) => [path, buffer(bytes)])),
    files: facts.files.map((file) =>
      file.program?.format === "elf" && file.program.go !== undefined
        ? { ...file, program: { ...file.program, go: buffer(file.program.go) } }
        : file,
    ),
  };
}
