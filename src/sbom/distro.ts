import { linesOf } from "./control-file.js";
import { plainText } from "./found.js";
import type { Distro } from "./types.js";

/** Where an image says what it is made of, the first that is there counting (os-release(5)). */
export const OS_RELEASE = ["etc/os-release", "usr/lib/os-release"] as const;

/** Reads an os-release file (os-release(5)); undefined when it has no ID. */
export function readDistro(bytes: Buffer): Distro | undefined {
  const values = new Map<string, string>();
  for (const line of linesOf(bytes)) {
    const equals = line.indexOf("=");
    if (equals > 0 && !line.startsWith("#")) {
      values.set(line.slice(0, equals).trim(), unquoted(line.slice(equals + 1).trim()));
    }
  }
  const id = plainText(values.get("ID"))?.toLowerCase();
  if (id === undefined) return undefined;
  const version = plainText(values.get("VERSION_ID"));
  const name = plainText(values.get("PRETTY_NAME"));
  return {
    id,
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { name }),
  };
}

/** The value of a shell's assignment without its expansions, which os-release files may not have. */
function unquoted(value: string): string {
  const [first = ""] = value;
  const quoted = (first === '"' || first === "'") && value.length > 1 && value.endsWith(first);
  const inner = quoted ? value.slice(1, -1) : value;
  return first === "'" ? inner : inner.replaceAll(/\\(.)/g, "$1");
}

/** `debian-12`, the qualifier by which scanners choose the advisories. */
export function distroQualifier({ id, version }: Distro): string {
  return version === undefined ? id : `${id}-${version}`;
}
