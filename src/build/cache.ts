import { lockedImageSchema } from "../plan/locked-image.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { LockedImage } from "../plan/types.js";
import type { Store } from "../store/store.js";
import { buildKey } from "./key.js";

/** The image that an earlier run made of the same build, when the store still has all of it. */
export async function cachedImage(
  build: LockedBuild,
  store: Store,
): Promise<LockedImage | undefined> {
  const note = await store.note(buildKey(build));
  const image = note === undefined ? undefined : readNote(note);
  if (image?.platform !== build.platform || image.reference !== build.reference) return undefined;
  for (const { digest, size } of [image.manifest, image.config, ...image.layers]) {
    if (!(await store.has(digest, size))) return undefined;
  }
  return image;
}

/** Keeps a finished image for the next run that needs the same build. */
export async function rememberImage(
  build: LockedBuild,
  image: LockedImage,
  store: Store,
): Promise<void> {
  await store.writeNote(buildKey(build), JSON.stringify(image));
}

/** A note may be torn, or an older version's. */
function readNote(text: string): LockedImage | undefined {
  try {
    return lockedImageSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
