import path from "node:path";
import { Flags } from "@oclif/core";
import type { BuilderSetup } from "../../builder/setup-builder.js";
import { DRIVERS, OWN_BUILDER } from "../../builder/builder-names.js";
import { BaseCommand } from "../../cli/base-command.js";
import { readMirrors, networkFlags } from "../../cli/selection-flags.js";
import { parsePlatform } from "../../core/platform.js";
import { describeBuilder } from "../../ui/describe-builder.js";
import { printable } from "../../core/invisible.js";

const HEADLINES: Readonly<Record<BuilderSetup["outcome"], string>> = {
  created: "has been created.",
  recreated: "has been made anew:",
  unchanged: "is as it should be; nothing was changed.",
};

export default class BuilderSetupCommand extends BaseCommand {
  static override summary =
    "Make the builder that image builds run on: BuildKit in a container, elsewhere, or on several machines.";
  static override description = `Creates a builder of docker buildx, configures it (mirrors, certificates, hosts without TLS), adds nodes and starts it. Builds take the builder openim-bundler by themselves; another one with --builder.

Run again with the same flags, it changes nothing; with others it makes the builder anew and keeps its build cache. A builder in a container needs an image once: moby/buildkit:buildx-stable-1, or the one given with --buildkit-image.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --node ssh://build@arm-host=linux/arm64",
    "<%= config.bin %> <%= command.id %> --mirror docker.io=https://mirror.example --ca company.pem --buildkit-image mirror.example/moby/buildkit:buildx-stable-1",
    "<%= config.bin %> <%= command.id %> --driver remote --node tcp://buildkitd.example:1234=linux/arm64",
    "<%= config.bin %> <%= command.id %> --driver kubernetes --driver-opt namespace=builds --driver-opt replicas=2",
  ];
  static override flags = {
    name: Flags.string({
      default: OWN_BUILDER,
      helpValue: "NAME",
      summary: "The builder's name.",
    }),
    driver: Flags.option({
      options: DRIVERS,
      default: "docker-container" as const,
      helpValue: "DRIVER",
      summary:
        "Where BuildKit runs: in a container of this engine, at an address, or in a cluster.",
    })(),
    platform: Flags.string({
      char: "p",
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ",",
      helpValue: "OS/ARCH",
      summary: "What the builder on this machine is for; it finds out itself unless told.",
    }),
    node: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "ENDPOINT=OS/ARCH",
      summary:
        "Add a machine: ssh://user@host=linux/arm64, tcp://host:1234=linux/arm64, unix:///path, or a docker context.",
    }),
    mirror: networkFlags.mirror,
    insecure: networkFlags.insecure,
    ca: Flags.file({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "FILE",
      summary:
        "Trust the certificate authorities of this PEM file for the well-known registries, the mirrors and --registry.",
    }),
    registry: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "HOST[:PORT]",
      summary: "A registry of your own that shows a certificate of --ca.",
    }),
    "buildkit-image": Flags.string({
      helpValue: "IMAGE",
      summary: "The image of BuildKit, where moby/buildkit cannot be pulled.",
    }),
    "driver-opt": Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "KEY=VALUE",
      summary: "An option of the driver, passed on to docker buildx create.",
    }),
    network: Flags.string({
      helpValue: "NETWORK",
      summary: "The network of a builder in a container; host reaches what this machine reaches.",
    }),
  };

  async run(): Promise<BuilderSetup> {
    const { flags } = await this.parse(BuilderSetupCommand);
    const [{ setupBuilder }, { readNode }, { buildersRoot }] = await Promise.all([
      import("../../builder/setup-builder.js"),
      import("../../builder/builder-settings.js"),
      import("../../builder/builder-folder.js"),
    ]);
    const quiet = flags.quiet || this.jsonEnabled();
    const { "buildkit-image": buildkitImage, network } = flags;
    const setup = await setupBuilder(
      {
        name: flags.name,
        driver: flags.driver,
        platforms: (flags.platform ?? []).map(parsePlatform),
        nodes: (flags.node ?? []).map(readNode),
        mirrors: readMirrors(flags.mirror),
        insecure: flags.insecure ?? [],
        caFiles: (flags.ca ?? []).map((file) => path.resolve(file)),
        registries: flags.registry ?? [],
        driverOptions: flags["driver-opt"] ?? [],
        ...(buildkitImage === undefined ? {} : { buildkitImage }),
        ...(network === undefined ? {} : { network }),
      },
      {
        env: process.env,
        root: buildersRoot(this.config.configDir),
        signal: this.signal,
        ...(quiet ? {} : { onLine: (line) => this.logToStderr(printable(line)) }),
      },
    );
    this.say(`The builder ${setup.builder.name} ${HEADLINES[setup.outcome]}`);
    for (const change of setup.changes) this.say(`  ${change}`);
    this.say();
    for (const line of describeBuilder(setup.builder, this.width)) this.say(line);
    return setup;
  }
}
