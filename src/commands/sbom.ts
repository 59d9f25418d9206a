import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { isDigest } from "../core/digest.js";
import type { SbomDocument } from "../sbom/documents.js";
import type { SbomResult } from "../sbom/types.js";
import { printable } from "../core/invisible.js";
import { describeSbom, unreadLines } from "../ui/describe-sbom.js";

export default class Sbom extends BaseCommand {
  static override summary =
    "List the packages in an archive's images as CycloneDX JSON, for scanners and for the record.";
  static override description = `Finds what dpkg, apk and rpm have installed, the modules of Go programs, Java libraries, and npm packages, in the images' final file systems, from the archive alone.

Without --output and --split the document goes to stdout. With a component it is about that component's image alone. The exit code is 7 when a layer could not be read, so that packages may be missing.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar -o openim.cdx.json",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar redis | grype",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --split sboms/",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
    component: Args.string({ description: "Look into this component's image alone." }),
  };
  static override flags = {
    output: Flags.string({ char: "o", helpValue: "FILE", summary: "Write the document here." }),
    split: Flags.string({
      helpValue: "DIR",
      summary: "Write one document for the bundle and one for each component into this folder.",
    }),
  };

  async run(): Promise<SbomResult> {
    const { args, flags } = await this.parse(Sbom);
    const { archive, component } = args;
    const { output, split } = flags;
    if (output !== undefined && path.resolve(output) === path.resolve(archive)) {
      throw new BundlerError("USAGE", `${output} is the archive.`);
    }
    if (output !== undefined) await (await import("../bundle/text-file.js")).expectWritable(output);
    const [{ readPackages }, { sbomDocuments }] = await Promise.all([
      import("../sbom/read-packages.js"),
      import("../sbom/documents.js"),
    ]);
    const phases = [{ phase: "walk" as const, subject: path.basename(archive) }];
    const { manifest, images } = await this.withProgress(phases, (onEvent) =>
      readPackages(archive, {
        signal: this.signal,
        onEvent,
        ...(component === undefined ? {} : { only: [component] }),
      }),
    );
    const [whole, ...parts] = sbomDocuments({ ...manifest, ...this.packaging }, images);
    // Of one component there is no whole to tell of.
    const documents = [...(component === undefined && whole ? [whole] : []), ...parts];
    const files = await writeDocuments(documents, { output, split });
    const { name, version, platform } = manifest;
    const components = images.map(({ packages }) => packages);
    const result = { archive, name, version, platform, components, files };
    if (files.length > 0) {
      for (const line of describeSbom(result, this.width)) this.say(line);
    } else {
      this.log(documents[0]?.text.trimEnd());
      if (!this.jsonEnabled()) {
        // The document has the other way to itself.
        for (const line of components.flatMap(unreadLines)) this.logToStderr(printable(line));
      }
    }
    // A scanner would take what is missing for what is not there.
    if (components.some(({ skipped }) => skipped.some(({ path: what }) => isDigest(what)))) {
      this.finishWith("INTEGRITY");
    }
    return result;
  }
}

async function writeDocuments(
  documents: readonly SbomDocument[],
  { output, split }: { readonly output: string | undefined; readonly split: string | undefined },
): Promise<readonly string[]> {
  const [first] = documents;
  const files = new Map<string, string>();
  if (output !== undefined && first !== undefined) files.set(output, first.text);
  if (split !== undefined) {
    await mkdir(split, { recursive: true }).catch((cause: unknown) => {
      throw new BundlerError("FILE", `The folder ${split} cannot be made: ${messageOf(cause)}`, {
        cause,
        details: { file: split },
      });
    });
    for (const { path: inside, text } of documents) {
      files.set(path.join(split, path.posix.basename(inside)), text);
    }
  }
  const { writeTextFile } = await import("../bundle/text-file.js");
  for (const [file, text] of files) await writeTextFile(file, text);
  return [...files.keys()];
}
