import { readFile } from "node:fs/promises";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import {
  buildFlags,
  bundleArg,
  readSelection,
  selectionFlags,
  networkFlags,
} from "../cli/selection-flags.js";
import { BundlerError } from "../core/errors.js";
import { formatPlatform } from "../core/platform.js";
import type { CreateResult } from "../jobs/create.js";
import { describeCreated } from "../ui/describe-created.js";

export default class Create extends BaseCommand {
  static override summary =
    "Make the archive: fetch every image for the platform and pack it for a site without network.";
  static override description = `No container engine is needed. Blobs that the store already has are not fetched again, and a download that broke goes on where it stopped, in the next run too.

The archive appears under its name only when it is whole and flushed to disk.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9 --platform linux/arm64 --archive open_im_server=server.tar",
    "<%= config.bin %> <%= command.id %> ./my-app -p linux/arm64 -p linux/amd64 -o out/",
    "<%= config.bin %> <%= command.id %> openim -p linux/arm64 --locked openim.lock.json --json",
    "<%= config.bin %> <%= command.id %> openim -p linux/arm64 --mirror docker.io=https://mirror.example --ca company.pem",
  ];
  static override args = { bundle: bundleArg };
  static override flags = {
    ...selectionFlags,
    ...networkFlags,
    ...buildFlags,
    output: Flags.string({
      char: "o",
      helpValue: "PATH",
      summary:
        "Where the archive goes: a folder, made when missing, or for one platform a file name ending in .tar. [default: the current folder]",
    }),
    force: Flags.boolean({ summary: "Replace an archive that exists." }),
    "no-store": Flags.boolean({
      env: "OPENIM_BUNDLER_NO_STORE",
      summary:
        "Keep nothing but the archive: blobs are fetched straight into it. A run that breaks off leaves it unfinished and hidden beside its place, and the next one goes on from there.",
    }),
    sbom: Flags.boolean({
      summary: "Put CycloneDX documents of the packages in the images into the archive, in sbom/.",
    }),
    locked: Flags.string({
      helpValue: "FILE",
      summary: "Use exactly what this lock says, or fail saying what moved.",
    }),
  };

  async run(): Promise<CreateResult> {
    const { args, flags } = await this.parse(Create);
    const selection = readSelection(flags, process.env);
    const [definition, { createJob }, { engineSubject }, { parseLock }] = await Promise.all([
      this.loadBundle(args.bundle),
      import("../jobs/create.js"),
      import("../jobs/extras.js"),
      import("../plan/lock.js"),
    ]);
    const lock =
      flags.locked === undefined
        ? undefined
        : parseLock(flags.locked, await readLock(flags.locked));
    const building = definition.components.some(({ build }) => build !== undefined);
    const phases = selection.platforms.flatMap((platform) => {
      const subject = formatPlatform(platform);
      const asked = lock === undefined ? [{ phase: "plan" as const, subject }] : [];
      const locked = lock?.platforms.find((one) => one.platform === subject);
      const carries = lock === undefined ? flags["with-engine"] : locked?.extras !== undefined;
      const engine = carries ? [{ phase: "fetch" as const, subject: engineSubject(subject) }] : [];
      const built = building ? [{ phase: "build" as const, subject }] : [];
      return [
        ...asked,
        ...engine,
        ...built,
        { phase: "fetch" as const, subject },
        ...(flags.sbom ? [{ phase: "walk" as const, subject }] : []),
        { phase: "pack" as const, subject },
      ];
    });
    const result = await this.withProgress(phases, (onEvent) =>
      createJob(definition, selection, {
        ...this.jobOptions(flags, onEvent),
        force: flags.force,
        sbom: flags.sbom,
        keepBlobs: !flags["no-store"],
        ...this.packaging,
        ...(flags.output === undefined ? {} : { output: flags.output }),
        ...(lock === undefined ? {} : { lock }),
      }),
    );
    for (const line of describeCreated(result)) this.say(line);
    return result;
  }
}

async function readLock(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new BundlerError("FILE", `The lock ${file} cannot be read.`, {
      cause,
      details: { file },
    });
  });
}
