import coerce from "semver/functions/coerce.js";
import compare from "semver/functions/compare.js";
import difference from "semver/functions/diff.js";
import { tagOf } from "../bundle/image-layout.js";
import type { Digest } from "../core/digest.js";
import type { LockedBuild } from "../plan/build-types.js";
import { shownText, shownWords } from "./secrets.js";
import type { SideComponent } from "./side.js";
import { type Blobs, layersOf, shareOf, sharesOf } from "./shares.js";
import type { BundleDiff, Change, ComponentChange, ComponentFacts } from "./types.js";
import { type Plain, diffValues, plainOf } from "./values.js";

/** A side's components, and every blob that it has. */
export interface ComponentSide {
  readonly components: readonly SideComponent[];
  readonly blobs: Blobs;
  /** Whether ports, titles and promises are known: a lock has none. */
  readonly isWhole: boolean;
}

/** Components by name: added, removed, changed in anything that both sides know, and the same. */
export function diffComponents(old: ComponentSide, next: ComponentSide): BundleDiff["components"] {
  const before = new Map(old.components.map((component) => [component.name, component]));
  const after = new Map(next.components.map((component) => [component.name, component]));
  const missing = (
    of: ReadonlyMap<string, SideComponent>,
    there: ReadonlyMap<string, SideComponent>,
  ): ComponentFacts[] =>
    [...of.values()]
      .filter(({ name }) => !there.has(name))
      .map(factsOf)
      .sort(byName);
  const changed: ComponentChange[] = [];
  const same: string[] = [];
  for (const [name, component] of before) {
    const now = after.get(name);
    if (now === undefined) continue;
    const changes = diffComponent(component, now, old.isWhole && next.isWhole);
    if (changes.length === 0) same.push(name);
    else changed.push(changeOf(component, now, changes, { old, next }));
  }
  return {
    added: missing(after, before),
    removed: missing(before, after),
    changed: changed.sort(byName),
    same: same.sort(),
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function changeOf(
  old: SideComponent,
  next: SideComponent,
  changes: readonly Change[],
  sides: { readonly old: ComponentSide; readonly next: ComponentSide },
): ComponentChange {
  return {
    name: old.name,
    old: factsOf(old),
    new: factsOf(next),
    ...stepOf(old, next),
    changes,
    layers: sharesOf(
      { old: layersOf(old.image), next: layersOf(next.image) },
      { reachable: sides.old.blobs, kept: sides.next.blobs },
    ),
  };
}

function factsOf(component: SideComponent): ComponentFacts {
  const { name, required, method, image } = component;
  const reference = referenceOf(component);
  const version = reference === undefined ? undefined : splitReference(reference).version;
  return {
    name,
    required,
    method,
    ...(reference === undefined ? {} : { reference }),
    ...(version === undefined ? {} : { version }),
    ...(image === undefined ? {} : { manifest: image.manifest.digest }),
    layers: shareOf(layersOf(image)),
  };
}

function referenceOf({ image, build }: SideComponent): string | undefined {
  return image?.reference ?? build?.reference;
}

function splitReference(reference: string): {
  readonly repository: string;
  readonly version?: string;
} {
  const tag = tagOf(reference);
  if (tag === undefined) return { repository: reference };
  const repository = reference.slice(0, -tag.length - 1);
  if (!VERSION.test(tag)) return { repository };
  const version = coerce(tag, { includePrerelease: PRERELEASE.test(tag) })?.version;
  return { repository, ...(version === undefined ? {} : { version }) };
}

/** Tags of `v3.5.21`'s, `8-alpine`'s and `release-v3.8`'s kind, and no dates, sums or two versions in one. */
const VERSION = /^(?:[A-Za-z]+-(?=v))?v?\d{1,6}(?:\.\d{1,6}){0,3}(?:[-+_.]?[A-Za-z].*)?$/;
/** What comes before a release; `7.0.15-alpine` is one. */
const PRERELEASE = /\d[-._]?(?:alpha|beta|rc|pre|preview|dev|snapshot)(?![a-z])/i;

function stepOf(
  old: SideComponent,
  next: SideComponent,
): Pick<ComponentChange, "step" | "direction"> {
  const [before, after] = [old, next].map((one) => splitReference(referenceOf(one) ?? ""));
  if (before?.version === undefined || after?.version === undefined) return {};
  if (before.repository !== after.repository) return {};
  const step = difference(before.version, after.version);
  if (step === null) return { step: "none" };
  const word = step.startsWith("pre") ? "prerelease" : step;
  return {
    step: word as NonNullable<ComponentChange["step"]>,
    direction: compare(before.version, after.version) < 0 ? "up" : "down",
  };
}

/** All that both sides know of a component. */
function diffComponent(
  old: SideComponent,
  next: SideComponent,
  isWhole: boolean,
): readonly Change[] {
  // An image that is still to be built has no digest yet, so what goes into it has to do.
  const areMade = old.image !== undefined && next.image !== undefined;
  const [before, after] = [old, next].map((one) => plainComponent(one, { isWhole, areMade }));
  return diffValues(before, after);
}

function plainComponent(
  component: SideComponent,
  { isWhole, areMade }: { readonly isWhole: boolean; readonly areMade: boolean },
): Plain {
  const { required, method, reason, image, build } = component;
  const { ports, title, requires, smoke, upgrade } = component;
  return plainOf({
    required,
    method,
    reason,
    image: referenceOf(component),
    ...(areMade
      ? {
          platform: image?.platform,
          index: image?.index?.digest,
          manifest: image?.manifest.digest,
          config: image?.config.digest,
          created: image?.created,
          layers: image?.layers.map(({ digest }: { readonly digest: Digest }) => digest),
        }
      : {}),
    ...(build === undefined ? {} : { build: plainBuild(build) }),
    ...(isWhole
      ? {
          title,
          ports: ports?.map(({ host, container, protocol }) => `${host}:${container}/${protocol}`),
          requires: promisedBy(requires),
          smoke: smoke?.map(smokeText),
          upgrade,
        }
      : {}),
  });
}

function plainBuild({ bases, sources, ...rest }: LockedBuild): object {
  return {
    ...rest,
    bases: Object.fromEntries(bases.map(({ reference, digest }) => [reference, digest])),
    sources: Object.fromEntries(sources.map(({ name, checksum }) => [name, checksum])),
  };
}

/** Requirements by what they ask, so that another number is a change and no removal. */
export function promisedBy(
  requires: SideComponent["requires"],
): ReadonlyMap<string, object> | undefined {
  if (requires === undefined) return undefined;
  const named = new Map<string, object>();
  for (const { kind, value, level, reason } of requires) {
    const [subject, least] =
      kind === "sysctl"
        ? [value.split("=")[0] ?? "", value.slice(value.indexOf("=") + 1)]
        : ["", value];
    const name = [kind, subject, level].filter((part) => part !== "").join("/");
    let key = name;
    for (let again = 2; named.has(key); again += 1) key = `${name}/${again}`;
    named.set(key, { value: least, reason });
  }
  return named;
}

function smokeText(test: NonNullable<SideComponent["smoke"]>[number]): string {
  const { expect, limit } = test;
  const what = "run" in test ? JSON.stringify(shownWords(test.run).map(shownText)) : test.http;
  return `${what}${expect === undefined ? "" : ` expects ${JSON.stringify(expect)}`} within ${limit} s`;
}
