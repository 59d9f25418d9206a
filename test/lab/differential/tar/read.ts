import { unpackedPath } from "../../../../src/tar/unpacked-path.js";
import type { GoProgram } from "../go-program.js";
import { type Reading, line } from "../../../support/tar-readings.js";

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

interface GoAnswer {
  readonly entries: readonly GoEntry[];
  readonly refused: boolean;
}

/** How Go's archive/tar reads tars, where `go` is what main.go compiles to. */
export async function readByGo(
  go: Pick<GoProgram, "ask">,
  tars: readonly Buffer[],
): Promise<readonly Reading[]> {
  const answers = await go.ask(tars.map((tar) => tar.toString("base64")));
  return (answers as readonly GoAnswer[]).map(({ entries, refused }) => {
    // A global header is an entry to Go.
    const kept = entries.filter(({ flag }) => flag !== "g".charCodeAt(0));
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
