import { readFile } from "node:fs/promises";
import { BundlerError, messageOf } from "../core/errors.js";

/**
 * The certificates of several PEM files as one text.
 * @throws BundlerError FILE for a file that cannot be read or holds no certificate.
 */
export async function readCertificates(files: readonly string[]): Promise<string | undefined> {
  if (files.length === 0) return undefined;
  return (await Promise.all(files.map(readOne))).join("");
}

async function readOne(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new BundlerError(
      "FILE",
      `The certificate file ${file} cannot be read: ${messageOf(cause)}`,
      { details: { file }, cause },
    );
  });
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found !== null) return `${found.join("\n")}\n`;
  throw new BundlerError("FILE", `${file} holds no certificate in PEM form.`, {
    hint: "Give --ca a file that begins with -----BEGIN CERTIFICATE-----.",
    details: { file },
  });
}
