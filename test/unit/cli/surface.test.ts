import path from "node:path";
import { Config } from "@oclif/core";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../../..");
const config = await Config.load(root);
const own = config.commands.filter(({ pluginName }) => pluginName === "openim-bundler");

describe("the command surface", () => {
  it("is what scripts rely on", () => {
    const surface = own
      .map(({ id, args, flags }) => {
        const positional = Object.values(args).map(({ name, required }) =>
          required ? name : `[${name}]`,
        );
        const named = Object.values(flags).map(({ name, char, ...flag }) => {
          const short = char === undefined ? "" : `-${char} `;
          const value = flag.type === "boolean" ? "" : ` ${String(flag.helpValue ?? "value")}`;
          const marks = `${flag.required ? "!" : ""}${"multiple" in flag && flag.multiple ? "*" : ""}`;
          return `${short}--${name}${value}${marks}`;
        });
        return [`${id.replaceAll(":", " ")} ${positional.join(" ")}`.trim(), ...named.sort()].join(
          "\n  ",
        );
      })
      .sort();
    expect(surface.join("\n")).toMatchInlineSnapshot(`
      "builder inspect [name]
        --json
        -q --quiet
      builder remove [name]
        --json
        -q --quiet
        -y --yes
      builder setup
        --buildkit-image IMAGE
        --ca FILE*
        --driver DRIVER
        --driver-opt KEY=VALUE*
        --insecure HOST[:PORT]*
        --json
        --mirror REGISTRY=URL*
        --name NAME
        --network NETWORK
        --node ENDPOINT=OS/ARCH*
        --registry HOST[:PORT]*
        -p --platform OS/ARCH*
        -q --quiet
      cache info
        --json
        --store DIR
        -q --quiet
      cache prune
        --dry-run
        --json
        --older-than AGE
        --store DIR
        -q --quiet
      create [bundle]
        --archive COMPONENT=FILE*
        --archive-image COMPONENT=NAME*
        --build A,B*
        --builder NAME
        --ca FILE*
        --concurrency N
        --emulate-java COMPONENT*
        --force
        --insecure HOST[:PORT]*
        --json
        --locked FILE
        --mirror REGISTRY=URL*
        --no-store
        --only A,B*
        --sbom
        --source NAME=FILE*
        --store DIR
        --strategy COMPONENT=WAY*
        --with-engine
        --without A,B*
        -o --output PATH
        -p --platform OS/ARCH!*
        -q --quiet
      definition check dir
        --json
        -q --quiet
      definition schema file
        --json
        -q --quiet
      demo
        --json
        -o --output DIR
        -p --platform OS/ARCH
        -q --quiet
      diff old new
        --exit-code
        --files COMPONENT*
        --json
        --packages
        --text
        -p --platform OS/ARCH
        -q --quiet
      doctor [bundle]
        --binfmt-image IMAGE
        --builder NAME
        --ca FILE*
        --fix
        --insecure HOST[:PORT]*
        --json
        --mirror REGISTRY=URL*
        --store DIR
        -p --platform OS/ARCH*
        -q --quiet
        -y --yes
      inspect archive [component]
        --files
        --force
        --json
        -q --quiet
      plan [bundle]
        --archive COMPONENT=FILE*
        --archive-image COMPONENT=NAME*
        --build A,B*
        --builder NAME
        --ca FILE*
        --concurrency N
        --emulate-java COMPONENT*
        --insecure HOST[:PORT]*
        --json
        --lock FILE
        --mirror REGISTRY=URL*
        --only A,B*
        --source NAME=FILE*
        --store DIR
        --strategy COMPONENT=WAY*
        --with-engine
        --without A,B*
        -p --platform OS/ARCH!*
        -q --quiet
      rehearse archive
        --json
        --keep
        --set NAME=VALUE*
        --throw-away
        --timeout SECONDS
        -q --quiet
      report archive
        --against OLD
        --config FILE
        --json
        --rule RULE=LEVEL*
        --waive RULE[:COMPONENT[:PATH]]=REASON*
        -o --output FILE
        -q --quiet
      sbom archive [component]
        --json
        --split DIR
        -o --output FILE
        -q --quiet
      verify [archive]
        --config FILE
        --deep
        --json
        --junit FILE
        --rule RULE=LEVEL*
        --rules
        --sarif FILE
        --waive RULE[:COMPONENT[:PATH]]=REASON*
        -q --quiet"
    `);
  });

  it.each(own.map(({ id }) => id))(
    "%s explains itself: a summary, examples, a sentence for every flag, --json",
    (id) => {
      const command = config.findCommand(id, { must: true });
      expect(command.summary).toMatch(/\.$/);
      expect(command.examples?.length).toBeGreaterThan(0);
      expect(command["enableJsonFlag"]).toBe(true);
      for (const flag of Object.values(command.flags))
        expect(flag.summary ?? flag.description).toMatch(/\w/);
      for (const arg of Object.values(command.args)) expect(arg.description).toMatch(/\w/);
    },
  );
});
