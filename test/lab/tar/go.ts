import { spawnSync } from "node:child_process";
import { unpackedPath } from "../../../src/tar/unpacked-path.js";
import { type Reading, line } from "../../support/tar-readings.js";

interface GoEntry {
  readonly name: string;
  readonly link: string;
  readonly flag: number;
  readonly size: number;
  readonly mode: number;
  readonly null?: boolean;
  readonly sum: number;
}

const TYPES: Readonly<Record<string, string>> = {
  0: "file",
  S: "file",
  1: "link",
  2: "symlink",
  5: "directory",
};

/** How Go's archive/tar reads tars: `program` is what read.go compiles to. */
export function readByGo(program: string, tars: readonly Buffer[]): readonly Reading[] {
  const input = Buffer.concat(
    tars.flatMap((tar) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(tar.length);
      return [length, tar];
    }),
  );
  const { stdout, status } = spawnSync(program, { input, maxBuffer: 2 ** 30, encoding: "utf8" });
  if (status !== 0) throw new Error("Go's reader failed.");
  return stdout
    .trimEnd()
    .split("\n")
    .map((text) => {
      const { entries, refused } = JSON.parse(text) as {
        readonly entries: readonly GoEntry[];
        readonly refused: boolean;
      };
      const kept = entries.filter(({ flag }) => flag !== 0x67);
      return { entries: kept.map(lineOf), isRefused: refused };
    });
}

function lineOf({ name, link, flag, size, mode, null: isNull, sum }: GoEntry): string {
  const type = isNull === true ? "whiteout" : (TYPES[String.fromCharCode(flag)] ?? "other");
  const target = Buffer.from(link, "base64").toString("latin1");
  return line({
    path: unpackedPath(Buffer.from(name, "base64").toString("latin1")),
    type,
    size,
    mode: Number(BigInt.asUintN(12, BigInt(mode))),
    link: type === "link" || type === "symlink" ? target : "",
    sum,
  });
}
