import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { utf8Text } from "../core/utf8.js";
import type { ImageFile, ListedFile, OpenedFile } from "./image-file.js";

/** A file or folder of an image as `--json` gives it. */
export type FileResult = ImageFile &
  (
    | {
        /** `utf8` when the bytes are text, else `base64`. */
        readonly encoding: "utf8" | "base64";
        readonly content: string;
      }
    | { readonly children: readonly ListedFile[] }
    | object
  );

/**
 * All of a file in one value.
 * @throws BundlerError FILE for a file that is too large for that; whatever its content throws.
 */
export async function fileResult(opened: OpenedFile): Promise<FileResult> {
  const { file } = opened;
  if (opened.kind === "folder") return { ...file, children: opened.children };
  if (opened.kind === "special") return file;
  if (file.size > LIMITS.text) {
    throw new BundlerError(
      "FILE",
      `/${file.path} has ${file.size} bytes; --json gives at most ${LIMITS.text}.`,
      { hint: "Leave out --json: then its bytes go to stdout as they are, however many." },
    );
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of opened.content()) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  const text = utf8Text(bytes);
  return text === undefined
    ? { ...file, encoding: "base64", content: bytes.toString("base64") }
    : { ...file, encoding: "utf8", content: text };
}
