import type { BundleComponent, BundleManifest } from "../bundle/types.js";
import type { DiffId, Digest } from "../core/digest.js";
import type { Platform } from "../core/platform.js";
import type { ElfHeader } from "../image/elf.js";
import type { StreamedEntry } from "../tar/stream.js";

/** An ELF program or shared library: its header, and what else its bytes tell. */
export interface ElfProgram {
  readonly format: "elf";
  readonly header: ElfHeader;
  /** The loader that starts it (PT_INTERP), `/lib/ld-linux-aarch64.so.1`; absent in static programs. */
  readonly interpreter?: string;
  /** The newest version of glibc's symbols that it needs, `2.34`. */
  readonly glibc?: string;
  /** The ARM architecture it was compiled for, where it says so: 4 to 8. */
  readonly armVersion?: number;
  /** How it passes floats, on 32-bit ARM, where it says so. */
  readonly armFloat?: "hard" | "soft";
  /** Shared libraries (DT_NEEDED), by their names. */
  readonly needed?: readonly string[];
  /** The raw block of Go's build info, from its magic on (Go, debug/buildinfo); with inline strings only. */
  readonly go?: Buffer;
}

/** A script by its first line. */
export interface ScriptProgram {
  readonly format: "script";
  /** As written, `/usr/bin/env`. */
  readonly interpreter: string;
  /** All that follows it, as Linux hands it over: one argument, `python3`. */
  readonly argument?: string;
}

/** A program of another system; `machine` for people: `macOS arm64`, `Windows x86-64`. */
interface StrangeProgram {
  readonly format: "mach-o" | "pe";
  readonly machine: string;
}

/** What is known of a file that may be run, by its own bytes. */
export type Program = ElfProgram | ScriptProgram | StrangeProgram;

export interface WalkedFile {
  /** Where an engine puts it, without a slash before it; empty for the root itself. */
  readonly path: string;
  readonly type: StreamedEntry["type"];
  /** In bytes. */
  readonly size: number;
  /** Permissions, as in `0o755`. */
  readonly mode: number;
  /** Where a link points, as written; empty for everything else. */
  readonly linkpath: string;
  readonly program?: Program;
  /** 64 hexadecimal digits, of regular files, when the walk was asked for them. */
  readonly sha256?: string;
}

/** One layer, walked once however many images have it. Sizes in bytes. */
export interface WalkedLayer {
  readonly digest: Digest;
  /** Computed; absent for a layer with `trouble`. */
  readonly diffId?: DiffId;
  /** As it lies in the archive. */
  readonly size: number;
  /** Of its tar, as far as it was read. */
  readonly unpacked: number;
  /** Every entry in order, whiteouts as they are (files named `.wh.…`). */
  readonly files: readonly WalkedFile[];
  /** Contents that the capture plan asked for, by the path in `files`; of two with one path the last. */
  readonly captured: ReadonlyMap<string, Buffer>;
  /** Paths of files that were asked for, but over a cap: nothing of them is kept. */
  readonly truncated: readonly string[];
  /** What engines may read in another way than it was read here, or refuse; the first few, each as a sentence. */
  readonly doubts: readonly string[];
  /** Why it was not read, or not to its end: `files` ends there. */
  readonly trouble?: {
    /** `compression`: nothing here unpacks it (zstd before Node 22.15). */
    readonly kind: "missing" | "damaged" | "compression";
    /** A sentence that names the layer. */
    readonly message: string;
  };
}

/**
 * Whose content is kept: package databases and the like. Data, not a function, as it is sent to
 * worker threads.
 */
export interface Capture {
  /** A regular file whose path (without a slash before it) fits one of these is kept. No flags `g`, `y`. */
  readonly paths: readonly RegExp[];
  /** A file with more bytes is left out and told as `truncated`. */
  readonly maxFileBytes: number;
  /** For all files of all layers together; in the order of layers, what comes after is `truncated`. */
  readonly maxTotalBytes: number;
}

/** A file of an image's final file system: the entry, and the layer it comes from. */
export interface FinalFile extends WalkedFile {
  /** Index into the image's layers. */
  readonly layer: number;
}

/** What an image's config says (OCI image-spec, config.md), cleaned of what is not of the right type. */
export interface ImageConfigFacts {
  readonly platform: Platform;
  /** RFC 3339, as written. */
  readonly created?: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value`, as written. */
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  /** Own properties only; read with Object.entries or Object.hasOwn. */
  readonly labels: Readonly<Record<string, string>>;
  /** `6379/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  /** As written, `["CMD", "redis-cli", "ping"]` (Docker's own, not in the spec). */
  readonly healthcheck: readonly string[];
  /** Oldest first. */
  readonly history: readonly {
    readonly createdBy: string;
    readonly created?: string;
    readonly comment?: string;
    /** It made no layer. */
    readonly emptyLayer: boolean;
  }[];
}

/** A program in a lower layer that a later layer deletes or replaces. */
export interface HiddenProgram {
  readonly path: string;
  /** The layer that has it, and the layer that hides it: indexes into the image's layers. */
  readonly layer: number;
  readonly by: number;
  readonly program: Program;
}

export interface WalkedImage {
  readonly component: string;
  readonly image: BundleComponent["image"];
  readonly config: ImageConfigFacts;
  /** Base first; a layer that images share is the same object. */
  readonly layers: readonly WalkedLayer[];
  /**
   * The overlay of all layers, as an engine would have it, by path: whiteouts applied, hard links
   * with their target's facts (type `file`), symlinks kept, folders that no entry names added.
   */
  readonly files: ReadonlyMap<string, FinalFile>;
  readonly hidden: readonly HiddenProgram[];
  /** What engines would make of a layer in different ways, or refuse to unpack; the first few. */
  readonly doubts: readonly LayerDoubt[];
}

export interface LayerDoubt {
  /** Index into the image's layers. */
  readonly layer: number;
  /** A sentence. */
  readonly message: string;
}

export interface WalkedBundle {
  readonly manifest: BundleManifest;
  /** In the order of the component table. */
  readonly images: readonly WalkedImage[];
}

/** How a command is followed to the program that starts. */
export interface StartResolution {
  /** Entrypoint and command together, or the command that was asked about. */
  readonly command: readonly string[];
  readonly steps: readonly StartStep[];
  /** The program that the kernel loads at last; absent with `trouble`. */
  readonly end?: FinalFile;
  /** Why it does not get that far, as a sentence. */
  readonly trouble?: string;
}

export interface StartStep {
  /** How it was come to: as written, found in PATH, at the end of a symlink, an interpreter, handed on by a wrapper. */
  readonly what: "command" | "path" | "symlink" | "interpreter" | "handed-on";
  /** Without a slash before it. */
  readonly path: string;
  readonly program?: Program;
}
