import { openBundle } from "../bundle/reader.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { formatMode } from "../core/mode.js";
import { describeMachine } from "../image/elf.js";
import type { Program } from "../walk/types.js";
import { walkBundle } from "../walk/walk.js";
import type { ListedFile } from "./image-file.js";

/** What a file that may be run says of itself, by its own bytes. */
interface ListedProgram {
  readonly format: Program["format"];
  /** For people: `aarch64`, `ARM 32-bit (hard float)`, `macOS arm64`; absent for scripts. */
  readonly machine?: string;
  /** Of an ELF file. */
  readonly bits?: 32 | 64;
  readonly endianness?: "little" | "big";
  /** The loader that starts it, or a script's interpreter. */
  readonly interpreter?: string;
  /** The newest version of glibc's symbols that it needs. */
  readonly glibc?: string;
}

/** A {@link ListedFile} with what the walk over all layers tells of it. */
interface FileListingEntry extends ListedFile {
  readonly program?: ListedProgram;
  /** 64 hexadecimal digits, of regular files, when asked for. */
  readonly sha256?: string;
}

/** The final file system of a component's image. */
export interface FileListing {
  readonly component: string;
  readonly reference: string;
  /** Sorted by path. */
  readonly files: readonly FileListingEntry[];
}

/**
 * Lists the final file system of a component's image, as an engine would have it after all layers.
 * @throws BundlerError NOT_FOUND for a component that is not inside; INTEGRITY for layers that cannot
 *   be read to their end, FILE for those that this Node cannot unpack; INTERRUPTED.
 */
export async function listFiles(
  archive: string,
  component: string,
  options: {
    readonly signal: AbortSignal;
    readonly onEvent?: EventSink;
    /** Tell each file's SHA-256, too. */
    readonly hashFiles?: boolean;
  },
): Promise<FileListing> {
  const bundle = await openBundle(archive);
  try {
    const { images } = await walkBundle(bundle, { ...options, only: [component] });
    const [walked] = images;
    if (walked === undefined) throw new Error(`${component} was not walked.`);
    const { image, layers, files } = walked;
    for (const { digest, trouble } of layers) {
      if (trouble === undefined) continue;
      const code = trouble.kind === "compression" ? "FILE" : "INTEGRITY";
      throw new BundlerError(code, `${component}: ${trouble.message}`, {
        details: { component, digest },
      });
    }
    const listed = [...files.values()].flatMap((file): FileListingEntry[] => {
      const { path, type, size, mode, linkpath, layer, program, sha256 } = file;
      const digest = image.layers[layer]?.digest;
      if (path === "" || digest === undefined) return [];
      return [
        {
          path,
          type,
          size: type === "file" ? size : 0,
          mode: formatMode(mode),
          ...(type === "symlink" ? { linkpath } : {}),
          layer: digest,
          layerIndex: layer,
          ...(program === undefined ? {} : { program: listedProgram(program) }),
          ...(sha256 === undefined ? {} : { sha256 }),
        },
      ];
    });
    return {
      component,
      reference: image.reference,
      files: listed.sort((a, b) => (a.path < b.path ? -1 : 1)),
    };
  } finally {
    await bundle.close();
  }
}

function listedProgram(program: Program): ListedProgram {
  const { format } = program;
  if (format === "script") return { format, interpreter: program.interpreter };
  if (format !== "elf") return { format, machine: program.machine };
  const { header, interpreter, glibc } = program;
  return {
    format,
    machine: describeMachine(header),
    bits: header.bits,
    endianness: header.bigEndian ? "big" : "little",
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(glibc === undefined ? {} : { glibc }),
  };
}
