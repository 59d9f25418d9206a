import { parse } from "yaml";
import { BundlerError } from "../core/errors.js";
import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
} from "../core/platform.js";
import type { Component, Definition, SmokeTest } from "../definition/types.js";
import { parseReference } from "../image/reference.js";
import type { SampleImage, SampleService } from "./images.js";
import { SAMPLE_PLATFORMS } from "./machines.js";
import { OFFERS } from "./offers.js";

export interface CatalogueOptions {
  /**
   * Whether the images stay up as services do, so that their compose file comes up healthy. By
   * default their programs say hello and exit.
   */
  readonly services?: boolean;
}

/**
 * The sample images that stand in for those a definition names, its alternatives included: the same
 * names and tags, for the platforms that the world's registries really have. What {@link OFFERS}
 * does not know is offered as the definition claims; what is not there any more is left out.
 */
export function sampleCatalogue(
  definition: Pick<Definition, "components" | "compose">,
  options: CatalogueOptions = {},
): readonly SampleImage[] {
  const images = new Map<string, SampleImage>();
  const services = options.services === true ? composeServices(definition) : undefined;
  for (const component of definition.components) {
    for (const { image, platforms } of [component, ...component.alternatives]) {
      const name = splitName(image);
      const { registry, repository, tag } = name;
      const offer = OFFERS.find(
        (one) => one.repository === `${registry}/${repository}` && (one.tags?.test(tag) ?? true),
      );
      const offered = (offer?.platforms.map(asWritten) ?? platforms).filter(hasProgram);
      const key = `${registry}/${repository}:${tag}`;
      if (offered.length === 0 || images.has(key)) continue;
      const { format = "oci", index = true } = offer ?? {};
      images.set(key, {
        ...name,
        name: component.name,
        platforms: offered,
        format,
        index,
        ...(services ? { service: serviceOf(services, component) } : {}),
      });
    }
  }
  return [...images.values()];
}

/**
 * A sample of a component's own image for every platform, as somebody might have built it: for the
 * image archives of components that no registry has.
 * @throws BundlerError USAGE when there is no such component.
 */
export function sampleOf(
  definition: Pick<Definition, "components" | "compose">,
  name: string,
  options: CatalogueOptions = {},
): SampleImage {
  const component = definition.components.find((one) => one.name === name);
  if (component === undefined) {
    throw new BundlerError(
      "USAGE",
      `There is no component ${JSON.stringify(name)} to make a sample of.`,
      {
        hint: `Its components are ${definition.components.map((one) => one.name).join(", ")}.`,
      },
    );
  }
  return {
    ...splitName(component.image),
    name,
    platforms: SAMPLE_PLATFORMS.map(parsePlatform),
    format: "oci",
    index: true,
    ...(options.services === true
      ? { service: serviceOf(composeServices(definition), component) }
      : {}),
  };
}

function splitName(image: string): Pick<SampleImage, "registry" | "repository" | "tag"> {
  const { registry, repository, tag = "latest" } = parseReference(image);
  return { registry, repository, tag };
}

/** Without normalising: samples keep the spelling of the image that they stand in for. */
function asWritten(text: string): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function hasProgram(platform: Platform): boolean {
  return SAMPLE_PLATFORMS.includes(formatPlatform(normalizePlatform(platform)));
}

function composeServices({ compose }: Pick<Definition, "compose">): unknown {
  return field(parse(compose.text), "services");
}

/**
 * The programs that a component's service runs, by its compose file and by its alternatives' changes
 * to it, and what they have to say for its smoke tests.
 */
function serviceOf(services: unknown, component: Component): SampleService {
  const variants = [
    field(services, component.name),
    ...component.alternatives.map(({ service }) => service),
  ];
  const tests = [component, ...component.alternatives].flatMap(({ smoke = [] }) => smoke);
  const tools = new Map<string, Set<string>>();
  const add = (path: string, expect?: string): void => {
    const says = tools.get(path) ?? new Set();
    tools.set(path, expect === undefined ? says : says.add(expect));
  };
  for (const one of variants) {
    for (const path of programOf(field(field(one, "healthcheck"), "test"), true)) add(path);
  }
  for (const test of tests) if ("run" in test) add(test.run[0] ?? "", test.expect);
  const web = webOf(tests, component);
  return {
    tools: [...tools].map(([path, says]) => ({ path, says: [...says] })),
    daemons: variants.flatMap((one) => programOf(field(one, "entrypoint"), false)),
    ...(web === undefined ? {} : { web }),
  };
}

/** The one port of the container that smoke tests ask by HTTP, and all that they look for there. */
function webOf(
  tests: readonly SmokeTest[],
  { ports }: Pick<Component, "ports">,
): SampleService["web"] {
  const asked = tests.flatMap((test) =>
    "http" in test ? [{ url: new URL(test.http.replaceAll(/\$\{\w+\}/g, "1")), ...test }] : [],
  );
  const published = ports.find(({ host }) => asked.some(({ url }) => url.port === String(host)));
  if (published === undefined) return undefined;
  const lines = asked.flatMap(({ expect = "works" }) => [expect]);
  return {
    port: published.container,
    answer: [...new Set(lines)].map((line) => `${line}\n`).join(""),
  };
}

/** The program of a compose command, where it is a list or a line; a health check's list begins with its kind. */
function programOf(command: unknown, check: boolean): string[] {
  const words: unknown[] = Array.isArray(command) ? command : [];
  if (typeof command === "string")
    return check ? [] : command.split(/\s+/).slice(0, 1).filter(Boolean);
  const program = check ? (words[0] === "CMD" ? words[1] : undefined) : words[0];
  return typeof program === "string" ? [program] : [];
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
