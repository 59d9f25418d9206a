import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findPublished } from "../../../src/source/published-checksum.js";
import { processorTime } from "../../support/processor-time.js";

const S256 = "a1".repeat(32);
const S512 = "b2".repeat(64);
const NAME = "apache-zookeeper-3.8.4-bin.tar.gz";

const find = (text: string, names: readonly string[] = [NAME]) => findPublished(text, names);

/** As `gpg --print-md SHA512` prints it. */
function gpg(name: string, hex: string): string {
  const groups = hex.toUpperCase().match(/.{8}/g)!;
  const lines = [groups.slice(0, 6), groups.slice(6, 12), groups.slice(12)]
    .filter((line) => line.length > 0)
    .map((line) => line.join(" "));
  return `${name}: ${lines.join(`\n${" ".repeat(name.length + 2)}`)}\n`;
}

describe("a published checksum", () => {
  it.each([
    ["bare", `${S512}\n`, `sha512:${S512}`],
    ["bare, in capitals, without a newline", S256.toUpperCase(), `sha256:${S256}`],
    ["bare, with its algorithm", `sha256:${S256}`, `sha256:${S256}`],
    ["of sha512sum", `${S512}  ${NAME}\n`, `sha512:${S512}`],
    ["of sha256sum -b, with a folder", `${S256} *./dist/${NAME}\r\n`, `sha256:${S256}`],
    ["of BSD", `SHA512 (${NAME}) = ${S512}\n`, `sha512:${S512}`],
    ["of openssl", `SHA2-256(${NAME})= ${S256}\n`, `sha256:${S256}`],
    ["of gpg, over several lines", gpg(NAME, S512), `sha512:${S512}`],
    [
      "of gpg, below the name",
      `${NAME}:\n  ${S512.slice(0, 64)}\n  ${S512.slice(64)}\n`,
      `sha512:${S512}`,
    ],
    ["of gpg, on one line", `${NAME}: ${S256.toUpperCase()}`, `sha256:${S256}`],
  ])("is read %s", (_form, text, checksum) => {
    expect(find(text)).toEqual({ checksum });
  });

  it("is the one of the file, among those of others", () => {
    const others = `${"0".repeat(64)}  other.zip\n${S256}  ${NAME}\n${"1".repeat(64)}  ${NAME}.asc\n`;
    expect(find(others)).toEqual({ checksum: `sha256:${S256}` });
    expect(find(gpg("other.zip", "0".repeat(128)) + gpg(NAME, S512))).toEqual({
      checksum: `sha512:${S512}`,
    });
  });

  it("is the strongest of several", () => {
    const text = `MD5 (${NAME}) = ${"c".repeat(32)}\nSHA256 (${NAME}) = ${S256}\nSHA512 (${NAME}) = ${S512}\n`;
    expect(find(text)).toEqual({ checksum: `sha512:${S512}` });
  });

  it("is read from a signed message", () => {
    const text = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${S256}  ${NAME}\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n`;
    expect(find(text)).toEqual({ checksum: `sha256:${S256}` });
  });

  it.each([
    ["a list without the file", `${S256}  other.zip\n`, /does not name apache-zookeeper/],
    ["a web page", "<!doctype html><p>Not found</p>", /no checksum in a form that is known/],
    ["nothing", "", /no checksum/],
    ["md5 alone", `${"c".repeat(32)}  ${NAME}`, /neither a sha256 nor a sha512/],
    ["two answers", `${S256}  ${NAME}\n${"0".repeat(64)}  ${NAME}\n`, /several sha256/],
    ["two bare answers", `${S256}\n${"0".repeat(64)}\n`, /several sha256/],
  ])("is not guessed from %s", (_what, text, problem) => {
    expect(find(text)).toEqual({ problem: expect.stringMatching(problem) as string });
  });

  it("is found in time, whatever a server sends", async () => {
    for (const text of [
      "a".repeat(1_000_000),
      "A ".repeat(500_000),
      "(".repeat(1_000_000),
      `x: ${" \n".repeat(400_000)}`,
      ":\n ".repeat(300_000),
    ]) {
      expect(await processorTime(() => find(text))).toBeLessThan(4000);
    }
  });

  it("comes back from each form that it is written in", () => {
    const hex = fc
      .tuple(fc.constantFrom(32, 64), fc.infiniteStream(fc.integer({ min: 0, max: 255 })))
      .map(([length, bytes]) => Buffer.from([...bytes.take(length)]).toString("hex"));
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._+-]{3,30}\.zip$/);
    fc.assert(
      fc.property(hex, name, hex, (mine, file, other) => {
        const algorithm = mine.length === 64 ? "sha256" : "sha512";
        const forms = [
          (name: string, digits: string) => `${digits}  ${name}\n`,
          (name: string, digits: string) =>
            `${digits.length === 64 ? "SHA256" : "SHA512"} (${name}) = ${digits}\n`,
          gpg,
        ];
        for (const form of forms) {
          const text = form(`not-${file}`, other) + form(file, mine);
          expect(find(text, [file])).toEqual({ checksum: `${algorithm}:${mine}` });
        }
      }),
      { numRuns: 50 },
    );
  });
});
