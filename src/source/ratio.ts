/** More than source code ever reaches over a whole archive; deflate's own limit is 1032. */
const MAX_RATIO = 200;
const FLOOR = 64 * 1024 ** 2;

/** Bytes that an archive of so many bytes may unpack to before it must be a bomb. */
export function mostUnpacked(packed: number): number {
  return Math.max(FLOOR, packed * MAX_RATIO);
}

export const TOO_DENSE = `it unpacks to more than ${MAX_RATIO} times its size, as no source does`;
