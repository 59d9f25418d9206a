import path from "node:path";
import { Args, Flags } from "@oclif/core";
import type { BundleInspection } from "../inspect/inspect-bundle.js";
import { BaseCommand } from "../cli/base-command.js";
import { BundlerError } from "../core/errors.js";
import type { FileListing } from "../inspect/list-files.js";
import type { FileResult } from "../inspect/file-content.js";
import type { OpenedFile } from "../inspect/image-file.js";

export default class Inspect extends BaseCommand {
  static override summary =
    "Show what is in an archive: components, where they came from, sizes, layers, files.";
  static override description = `Seeks to what it needs, so it is instant on an archive of any size. It shows what the archive says of itself; \`verify\` proves it.

COMPONENT:/PATH prints a file of the component's final file system, as the engine would have it after all layers, and for a folder what is in it. Only the layers that decide are read. On a terminal control characters are shown as escapes, and binary files are refused unless --force is given.

--files reads all layers of the component. With --json each file comes with its SHA-256, and each program with its machine and loader, by its own bytes.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar redis",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar redis --files",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar redis:/etc/os-release",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
    component: Args.string({
      description:
        "Show this component alone, layer by layer; with :/PATH a file or folder of its image.",
    }),
  };
  static override flags = {
    files: Flags.boolean({ summary: "List the component's final file system." }),
    force: Flags.boolean({ summary: "Write a file to the terminal as it is, binary or not." }),
  };

  async run(): Promise<BundleInspection | FileListing | FileResult> {
    const { args, flags } = await this.parse(Inspect);
    const [component, file] = splitAtColon(args.component);
    if (flags.files && (component === undefined || file !== undefined)) {
      throw new BundlerError("USAGE", "--files lists the files of one component: name it.", {
        hint: "openim-bundler inspect ARCHIVE COMPONENT --files",
      });
    }
    if (component !== undefined && file !== undefined) {
      return this.#file(args.archive, { component, path: file }, flags.force);
    }
    return flags.files && component !== undefined
      ? this.#files(args.archive, component)
      : this.#bundle(args.archive, component);
  }

  async #bundle(archive: string, only: string | undefined): Promise<BundleInspection> {
    const { inspectBundle } = await import("../inspect/inspect-bundle.js");
    const inspection = await inspectBundle(archive, only);
    if (this.jsonEnabled()) return inspection;
    const { describeComponent, describeInspection } = await import("../ui/describe-inspection.js");
    const [component] = inspection.components;
    const lines =
      only !== undefined && component !== undefined
        ? describeComponent(component, this.width)
        : describeInspection(inspection, this.width);
    for (const line of lines) this.say(line);
    return inspection;
  }

  async #files(archive: string, component: string): Promise<FileListing> {
    const [{ listFiles }, { fileLines }] = await Promise.all([
      import("../inspect/list-files.js"),
      import("../ui/describe-files.js"),
    ]);
    const listing = await this.withProgress(
      [{ phase: "walk", subject: path.basename(archive) }],
      (onEvent) =>
        listFiles(archive, component, {
          signal: this.signal,
          onEvent,
          hashFiles: this.jsonEnabled(),
        }),
    );
    if (!this.jsonEnabled()) for (const line of fileLines(listing.files)) this.say(line);
    return listing;
  }

  async #file(
    archive: string,
    at: { readonly component: string; readonly path: string },
    force: boolean,
  ): Promise<FileResult> {
    const [{ withImageFile }, { fileResult }] = await Promise.all([
      import("../inspect/image-file.js"),
      import("../inspect/file-content.js"),
    ]);
    return withImageFile(archive, at, this.signal, async (opened) => {
      if (this.jsonEnabled()) return fileResult(opened);
      await this.#show(opened, force);
      return opened.file;
    });
  }

  async #show(opened: OpenedFile, force: boolean): Promise<void> {
    const { fileLines, folderLines } = await import("../ui/describe-files.js");
    if (opened.kind === "folder") {
      for (const line of folderLines(opened.file)) this.say(line);
      for (const line of fileLines(opened.children)) this.say(line);
    } else if (opened.kind === "special") {
      for (const line of fileLines([opened.file])) this.say(line);
    } else {
      const { writeFile } = await import("../cli/raw-output.js");
      await writeFile(process.stdout, opened.content(), {
        name: `/${opened.file.path}`,
        asItIs: force || !process.stdout.isTTY,
      });
    }
  }
}

/** `redis:/etc/passwd` is a file of `redis`. */
function splitAtColon(argument: string | undefined): readonly [component?: string, path?: string] {
  if (argument === undefined) return [];
  const colon = argument.indexOf(":");
  return colon < 0 ? [argument] : [argument.slice(0, colon), argument.slice(colon + 1)];
}
