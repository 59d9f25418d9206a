import { gzipSync } from "node:zlib";
import { parsePlatform } from "../../src/core/platform.js";
import { sampleProgram } from "../../src/sample/elf.js";
import { layoutTar, tarPieces } from "../../src/tar/layout.js";

/** Docker's programs, as far as an installer looks at them. */
const ENGINE_PROGRAMS = ["containerd", "docker", "docker-init", "dockerd", "runc"] as const;

export function engineProgram(platform: string, name = "program"): Buffer {
  const message = `This stands in for ${name}.\n`;
  return sampleProgram({ platform: parsePlatform(platform), message, then: "exit" });
}

/** A .tgz with the layout of Docker's static programs. */
export function engineArchive(
  platform: string,
  files: Readonly<Record<string, Buffer | undefined>> = {},
): Buffer {
  const programs: Record<string, Buffer | undefined> = Object.fromEntries(
    ENGINE_PROGRAMS.map((name) => [`docker/${name}`, engineProgram(platform, name)]),
  );
  const entries = Object.entries({ ...programs, ...files }).flatMap(([path, content]) =>
    content === undefined ? [] : [{ path, content, size: content.length, executable: true }],
  );
  const pieces = [...tarPieces(layoutTar(entries, 0))];
  return gzipSync(
    Buffer.concat(pieces.map((piece) => ("bytes" in piece ? piece.bytes : piece.entry.content))),
  );
}
