import type { Digest } from "../core/digest.js";
import type { LockedImage } from "../plan/types.js";
import { blobsOf } from "./image-layout.js";

/** How far images are put together. */
export interface GroupLimits {
  /** Bytes of a group's distinct blobs; one image alone may have more. */
  readonly most: number;
  /** Bytes that putting images together has to save at least. */
  readonly least: number;
  /** The part of the distinct bytes that may be written twice before anything is put together for it. */
  readonly spare: number;
}

/**
 * An engine with the overlay2 store copies a whole tarball beside itself while it loads, and loading goes
 * tarball by tarball: groups are as small as saving allows, and never larger than `most`.
 */
export const GROUP_LIMITS: GroupLimits = { most: 4 * 1024 ** 3, least: 64 * 1024, spare: 0.005 };

/** Images that lie in one tarball: positions in what was given, and their blobs, each once. */
interface Group {
  readonly first: number;
  readonly members: readonly number[];
  /** The first positions of its distinct images, by which the group is found. */
  readonly holders: readonly number[];
  readonly blobs: ReadonlyMap<Digest, number>;
  readonly bytes: number;
}

/** Blobs that the same groups have in common. */
interface Shared {
  readonly holders: readonly number[];
  readonly bytes: number;
}

/**
 * Decides which images go into one tarball, so that what they share is written once. The same image lies in
 * one tarball always. What is shared by the same images counts together; the largest savings come first,
 * until little is left to be saved. Where all images that share something exceed `most`, they fill as many
 * groups as it takes.
 * @returns positions of images, each once; groups in order of their first image, images in theirs.
 */
export function groupImages(
  images: readonly LockedImage[],
  limits: GroupLimits = GROUP_LIMITS,
): readonly (readonly number[])[] {
  const distinct = distinctImages(images);
  const groupOf = new Map(distinct.map((group) => [group.first, group]));
  const all = new Map(distinct.flatMap(({ blobs }) => [...blobs]));
  const needed = sum(all.values());
  let repeated = distinct.reduce((total, { bytes }) => total + bytes, 0) - needed;
  for (const { holders, bytes } of sharedBlobs(distinct)) {
    if (repeated <= needed * limits.spare) break;
    const apart = [...new Set(holders.map((holder) => groupOf.get(holder)))].filter(
      (group) => group !== undefined,
    );
    for (const together of fill(apart, limits.most)) {
      if (bytes * (together.length - 1) < limits.least) continue;
      const united = unite(together);
      repeated -= together.reduce((total, group) => total + group.bytes, 0) - united.bytes;
      for (const holder of united.holders) groupOf.set(holder, united);
    }
  }
  return [...new Set(groupOf.values())]
    .toSorted((a, b) => a.first - b.first)
    .map(({ members }) => members);
}

/** The same image under two names, or for two components, is one. */
function distinctImages(images: readonly LockedImage[]): readonly Group[] {
  const members = new Map<Digest, number[]>();
  for (const [position, { manifest }] of images.entries()) {
    const known = members.get(manifest.digest);
    if (known === undefined) members.set(manifest.digest, [position]);
    else known.push(position);
  }
  return [...members.values()].map((positions) => {
    const of = positions.flatMap((position) => images[position] ?? []);
    const blobs = new Map(blobsOf(...of).map(({ digest, size }) => [digest, size]));
    const first = positions[0] ?? 0;
    return { first, members: positions, holders: [first], blobs, bytes: sum(blobs.values()) };
  });
}

/** What more than one image has, by who has it; what saves most comes first. */
function sharedBlobs(groups: readonly Group[]): readonly Shared[] {
  const holders = new Map<Digest, { readonly size: number; readonly of: number[] }>();
  for (const { first, blobs } of groups) {
    for (const [digest, size] of blobs) {
      const known = holders.get(digest);
      if (known === undefined) holders.set(digest, { size, of: [first] });
      else known.of.push(first);
    }
  }
  const shared = new Map<string, Shared>();
  for (const { size, of } of holders.values()) {
    if (of.length < 2) continue;
    const key = of.join(" ");
    shared.set(key, { holders: of, bytes: (shared.get(key)?.bytes ?? 0) + size });
  }
  const saving = ({ holders: of, bytes }: Shared): number => bytes * (of.length - 1);
  return [...shared]
    .toSorted(([a, one], [b, other]) => saving(other) - saving(one) || (a < b ? -1 : 1))
    .map(([, one]) => one);
}

/** Groups in as few rows as first-fit finds, none of which has more bytes than `most` but for a lone one. */
function fill(groups: readonly Group[], most: number): readonly (readonly Group[])[] {
  const rows: { readonly groups: Group[]; readonly blobs: Map<Digest, number>; bytes: number }[] =
    [];
  for (const group of groups.toSorted((a, b) => a.first - b.first)) {
    const adds = (blobs: ReadonlyMap<Digest, number>): number =>
      sum([...group.blobs].flatMap(([digest, size]) => (blobs.has(digest) ? [] : [size])));
    const row = rows.find(({ blobs, bytes }) => bytes + adds(blobs) <= most);
    if (row === undefined) {
      rows.push({ groups: [group], blobs: new Map(group.blobs), bytes: group.bytes });
      continue;
    }
    row.bytes += adds(row.blobs);
    row.groups.push(group);
    for (const [digest, size] of group.blobs) row.blobs.set(digest, size);
  }
  return rows.map((row) => row.groups);
}

function unite(groups: readonly Group[]): Group {
  const blobs = new Map(groups.flatMap((group) => [...group.blobs]));
  const members = groups.flatMap((group) => group.members).toSorted((a, b) => a - b);
  const holders = groups.flatMap((group) => group.holders);
  return { first: members[0] ?? 0, members, holders, blobs, bytes: sum(blobs.values()) };
}

function sum(sizes: Iterable<number>): number {
  let total = 0;
  for (const size of sizes) total += size;
  return total;
}
