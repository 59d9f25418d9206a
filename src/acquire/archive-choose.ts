import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform, platformDistance } from "../core/platform.js";
import { formatReference, parseReference } from "../image/reference.js";

/** What is wanted of an archive. */
export interface Wanted {
  readonly component: string;
  readonly platform: Platform;
  /** The name that the image gets in the bundle; it decides too, when an archive holds several images. */
  readonly reference: string;
  /** The name inside the archive, when it holds several images. */
  readonly choose?: string;
}

/** An image, or an index of images, that an archive has a name for; unnamed when `names` is empty. */
export interface Named {
  readonly names: readonly string[];
}

/** One image of one platform. `name` says which for messages. */
export interface Candidate {
  readonly platform: Platform;
  readonly name: string;
}

/**
 * The images that the wanted name means. Several without any name are taken for the platforms of
 * one image.
 * @throws BundlerError USAGE when there are several names and none of them is wanted.
 */
export function chooseByName<T extends Named>(
  archive: string,
  images: readonly T[],
  wanted: Wanted,
): readonly T[] {
  const { choose, component } = wanted;
  const called = (name: string): T[] =>
    images.filter(({ names }) => names.some((one) => sameName(one, name)));
  const names = [...new Set(images.flatMap((image) => image.names))];
  if (choose !== undefined) {
    const chosen = called(choose);
    if (chosen.length > 0) return chosen;
    throw new BundlerError(
      "USAGE",
      `The archive ${archive} for ${component} has no image ${choose}.`,
      {
        hint: `It holds ${names.join(", ") || "an image without a name"}.`,
        details: { component, names },
      },
    );
  }
  if (images.length <= 1 || names.length === 0) return images;
  const meant = called(wanted.reference);
  if (meant.length > 0) return meant;
  throw new BundlerError(
    "USAGE",
    `The archive ${archive} for ${component} holds several images: ${names.join(", ")}.`,
    {
      hint: `Say which is meant: --archive-image ${component}=NAME.`,
      details: { component, names },
    },
  );
}

/**
 * The candidate that fits the wanted platform best.
 * @throws BundlerError PLATFORM when none runs there, USAGE when two different ones fit equally.
 */
export function chooseByPlatform<T extends Candidate>(
  archive: string,
  candidates: readonly T[],
  wanted: Wanted,
): T {
  const { component, platform } = wanted;
  const fits = candidates
    .flatMap((candidate) => {
      const distance = platformDistance(platform, candidate.platform);
      return distance === undefined ? [] : [{ candidate, distance }];
    })
    .sort((a, b) => a.distance - b.distance);
  const [best, next] = fits;
  if (best === undefined) throw platformError(archive, candidates, wanted);
  if (next?.distance === best.distance) {
    throw new BundlerError(
      "USAGE",
      `The archive ${archive} for ${component} holds several images for ${formatPlatform(platform)}: ${best.candidate.name}, ${next.candidate.name}.`,
      {
        hint: "Save the one that is meant alone: docker save -o FILE NAME.",
        details: { component },
      },
    );
  }
  return best.candidate;
}

/** The archive's image is for other platforms than the bundle. */
function platformError(
  archive: string,
  held: readonly { readonly platform: Platform }[],
  { component, platform }: Wanted,
): BundlerError {
  const found = [...new Set(held.map((one) => formatPlatform(one.platform)))];
  const expected = formatPlatform(platform);
  return new BundlerError(
    "PLATFORM",
    `The archive ${archive} for ${component} holds ${found.join(", ") || "no image at all"}, the bundle is ${expected}.`,
    {
      hint: `Give an archive of an image made for ${expected}: docker pull --platform ${expected} NAME, then docker save.`,
      details: { component, expected, found },
    },
  );
}

/**
 * What an archive calls an image that goes into the bundle under another name, for messages;
 * undefined when one of its names is that name, or it has none. A bare tag, as skopeo and buildx
 * write it into layouts, names no image.
 */
export function otherName(names: readonly string[], reference: string): string | undefined {
  const telling = names.filter((name) => /[/:]/.test(name));
  if (telling.some((name) => sameName(name, reference))) return undefined;
  const [first] = telling;
  return first === undefined ? undefined : shownName(first);
}

/** The archive may say anything; what is no name is shown so that it cannot be taken for more. */
function shownName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return JSON.stringify(name.slice(0, 200));
  }
}

function sameName(one: string, other: string): boolean {
  return one === other || normalName(one) === normalName(other);
}

function normalName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}
