import { Damage, type Findings, type FoundPackage, collect, plainText } from "./found.js";
import { packageUrl } from "./purl.js";

/** The block of a program's build info begins with it (Go, debug/buildinfo). */
const MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const HEADER_BYTES = 32;
const INLINE_STRINGS = 2;
/** The module text stands between two marks of so many bytes (Go, runtime/debug.SetBuildInfo). */
const MARK_BYTES = 16;

/**
 * The modules that a Go program was made of, its standard library among them, from the block that
 * the linker writes. Blocks of Go before 1.18 point into the program and are not followed.
 */
export function findGoModules(block: Buffer): Findings {
  return collect(modulesIn(block));
}

function* modulesIn(block: Buffer): Generator<FoundPackage, void, void> {
  if (block.length < HEADER_BYTES || !block.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Damage("has no build info of Go");
  }
  if ((block.readUInt8(15) & INLINE_STRINGS) === 0) {
    throw new Damage("was built by Go before 1.18, whose build info is not read");
  }
  const version = inlineString(block, HEADER_BYTES);
  const text = inlineString(block, version.end);
  // `go1.22.1 X:boringcrypto` names experiments behind the version.
  const go = plainText(version.bytes.toString("utf8").split(" ", 1)[0]);
  if (go?.startsWith("go") === true) yield goModule("stdlib", go.slice(2));
  yield* modules(text.bytes.subarray(MARK_BYTES, -MARK_BYTES).toString("utf8"));
}

function* modules(text: string): Generator<FoundPackage, void, void> {
  let pending: readonly [path: string, version: string] | undefined;
  for (const line of text.split("\n")) {
    const [kind, path = "", version = ""] = line.split("\t");
    if (kind === "=>") {
      // What was linked is the replacement. One that is a folder keeps the name it replaces.
      if (pending !== undefined) {
        pending = /^[./]/.test(path) || version === "" ? pending : [path, version];
      }
      continue;
    }
    if (pending !== undefined) yield* known(pending);
    pending = kind === "mod" || kind === "dep" ? [path, version] : undefined;
  }
  if (pending !== undefined) yield* known(pending);
}

function* known([path, version]: readonly [string, string]): Generator<FoundPackage, void, void> {
  const name = plainText(path);
  if (name !== undefined) yield goModule(name, plainText(version) ?? "(devel)");
}

function goModule(path: string, version: string): FoundPackage {
  const slash = path.lastIndexOf("/");
  return {
    type: "golang",
    name: path,
    version,
    purl: packageUrl({
      type: "golang",
      ...(slash < 0 ? {} : { namespace: path.slice(0, slash) }),
      name: path.slice(slash + 1),
      // What was built from a working copy has no version that anybody could look up.
      ...(version === "(devel)" ? {} : { version }),
    }),
  };
}

/** A string's bytes behind their number, which is a varint. */
function inlineString(block: Buffer, at: number): { readonly bytes: Buffer; readonly end: number } {
  let length = 0;
  let next = at;
  for (let shift = 0; ; shift += 7) {
    const byte = block[next++];
    if (byte === undefined || shift > 28) throw new Damage("has damaged build info of Go");
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const end = next + length;
  if (end > block.length) throw new Damage("has build info of Go that was cut");
  return { bytes: block.subarray(next, end), end };
}
