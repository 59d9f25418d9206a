import { type Checksum, isChecksum } from "../core/checksum.js";

/** One checksum of a published list; without a name where there is nothing but the checksum. */
interface Published {
  readonly name?: string;
  readonly hex: string;
}

const HEX = /^[0-9a-f]+$/i;

/**
 * Finds a file's checksum in what projects publish beside their files: the bare hexadecimal digits,
 * `digits  name` lines (sha256sum), `SHA512 (name) = digits` lines (BSD, openssl), and
 * `name: AB CD …` over several lines (gpg --print-md, as Apache does). sha512 is preferred to sha256;
 * others do not count.
 * @param names what the file may be called there, without folders.
 * @returns the checksum, or the end of a sentence that says why there is none.
 */
export function findPublished(
  text: string,
  names: readonly string[],
): { readonly checksum: Checksum } | { readonly problem: string } {
  const all = readPublished(text);
  if (all.length === 0) return { problem: "holds no checksum in a form that is known" };
  const bare = all.every(({ name }) => name === undefined);
  const own = bare
    ? all
    : all.filter(({ name }) => name !== undefined && names.includes(baseName(name)));
  if (own.length === 0) return { problem: `does not name ${names.join(" or ")}` };
  for (const algorithm of ["sha512", "sha256"]) {
    const checksums = new Set(
      own.map(({ hex }) => `${algorithm}:${hex.toLowerCase()}`).filter(isChecksum),
    );
    const [checksum] = checksums;
    if (checksums.size > 1) return { problem: `holds several ${algorithm} checksums for it` };
    if (checksum !== undefined) return { checksum };
  }
  return { problem: "holds neither a sha256 nor a sha512 checksum for it" };
}

function readPublished(text: string): readonly Published[] {
  const found: Published[] = [];
  let block: { readonly name: string; hex: string } | undefined;
  const close = (): void => {
    if (block !== undefined && block.hex !== "") found.push(block);
    block = undefined;
  };
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    const digits = line.replace(/\s+/g, "");
    if (block !== undefined && /^\s/.test(line) && HEX.test(digits)) {
      block.hex += digits;
      continue;
    }
    close();
    const one = readLine(line.trim());
    if (one !== undefined) {
      found.push(one);
      continue;
    }
    const colon = line.lastIndexOf(":");
    const rest = line.slice(colon + 1).replace(/\s+/g, "");
    if (colon > 0 && (rest === "" || HEX.test(rest))) {
      block = { name: line.slice(0, colon).trim(), hex: rest };
    }
  }
  close();
  return found;
}

function readLine(line: string): Published | undefined {
  const bare = /^(?:sha256:|sha512:)?([0-9a-f]{32,128})$/i.exec(line)?.[1];
  if (bare !== undefined) return { hex: bare };
  const [, hex, name] = /^([0-9a-f]{32,128})[ \t]+\*?(\S.*)$/i.exec(line) ?? [];
  if (hex !== undefined && name !== undefined) return { hex, name };
  const [, bsdName, bsdHex] =
    /^[a-z0-9/-]{2,20} ?\(([^()]+)\) ?= ?([0-9a-f]{32,128})$/i.exec(line) ?? [];
  return bsdName === undefined || bsdHex === undefined ? undefined : { name: bsdName, hex: bsdHex };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
