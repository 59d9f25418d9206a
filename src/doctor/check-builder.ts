import { OWN_BUILDER } from "../builder/builder-names.js";
import type { Builder, BuilderNode } from "../builder/types.js";
import { formatPlatform } from "../core/platform.js";
import type { BuilderFact } from "./builder-facts.js";
import { seconds } from "./docker-facts.js";
import type { Finding, Level } from "./types.js";

const SETUP = "openim-bundler builder setup";

/**
 * @param level of what keeps builds from running at all.
 * @param options `named`: the user has said which builder; no other would be used.
 */
export function checkBuilder(
  fact: BuilderFact,
  level: Level,
  { named }: { readonly named: boolean },
): readonly Finding[] {
  const base = { id: "builder.default", title: "builder" };
  const expected = "a builder that writes images to files";
  switch (fact.kind) {
    case "unasked":
      return [];
    case "late":
      return [
        {
          ...base,
          level,
          found: `no answer within ${seconds(fact.ms)}`,
          expected,
          mend: "Find out which of its nodes hangs: docker buildx ls",
        },
      ];
    case "none":
      return [
        {
          ...base,
          level,
          found: fact.error.message,
          expected,
          mend: fact.error.hint ?? SETUP,
          fixable: true,
        },
      ];
    case "found":
      return [
        describeBuilder(fact.builder, level, named),
        ...fact.builder.nodes.flatMap((node) => checkNode(node, fact.builder.name)),
      ];
  }
}

function describeBuilder(builder: Builder, level: Level, named: boolean): Finding {
  const { cannotExport, driver, name, nodes, takesLayouts } = builder;
  const base = { id: "builder.default", title: "builder" };
  const listed = nodes.flatMap((node) => node.platforms.map(formatPlatform));
  // The levels of amd64 say nothing that matters here.
  const platforms = new Set(listed.filter((one) => !/^linux\/amd64\/v\d$/.test(one)));
  const found = [
    `${name} (${driver}${nodes.length === 1 ? "" : `, ${nodes.length} nodes`})`,
    ...(platforms.size === 0 ? [] : [`for ${[...platforms].join(", ")}`]),
  ].join(" ");
  if (cannotExport !== undefined) {
    return {
      ...base,
      level,
      found: cannotExport,
      expected: "a builder that writes images to files",
      // One that is named goes before any that `--fix` could make.
      mend: named ? `${SETUP}, and leave out --builder and BUILDX_BUILDER` : SETUP,
      fixable: !named,
    };
  }
  if (nodes.length > 0 && nodes.every(isBroken)) {
    return {
      ...base,
      level,
      found: `${found}: no node of it works`,
      expected: "a node that works",
      mend: `docker buildx inspect --bootstrap ${name}, or make it anew: ${SETUP}${name === OWN_BUILDER ? "" : ` --name ${name}`}`,
      fixable: name === OWN_BUILDER,
    };
  }
  if (!nodes.some(isRunning)) {
    return {
      ...base,
      level: "note",
      found: `${found}: not started yet, the first build starts it`,
      mend: `docker buildx inspect --bootstrap ${name}`,
    };
  }
  if (!takesLayouts) {
    return {
      ...base,
      level: "note",
      found: `${found}; it is too old to be handed base images, so it pulls them itself and needs registries, mirrors and certificates of its own`,
      mend: `${SETUP} --mirror REGISTRY=URL`,
    };
  }
  return { ...base, level: "pass", found };
}

function checkNode(node: BuilderNode, builder: string): readonly Finding[] {
  if (!isBroken(node)) return [];
  return [
    {
      id: `builder.node.${node.name}`,
      level: "warn",
      title: `node ${node.name}`,
      found: `${node.status} at ${node.endpoint}${node.error === undefined ? "" : `: ${node.error}`}`,
      expected: "running",
      mend: `Check that the address can be reached from here, then: docker buildx inspect --bootstrap ${builder}`,
    },
  ];
}

export function isRunning({ status }: BuilderNode): boolean {
  return status === "running";
}

function isBroken({ error, status }: BuilderNode): boolean {
  return error !== undefined || status === "error";
}

/** Why nothing can be built with it, in a few words; undefined when it works. */
export function builderObstacle(fact: BuilderFact): string | undefined {
  switch (fact.kind) {
    case "unasked":
      return "there is no buildx";
    case "late":
      return "the builder does not answer";
    case "none":
      return "there is no usable builder";
    case "found": {
      const { cannotExport, name, nodes } = fact.builder;
      if (cannotExport !== undefined) return `the builder ${name} cannot write images to files`;
      return nodes.length > 0 && nodes.every(isBroken)
        ? `no node of the builder ${name} works`
        : undefined;
    }
  }
}
