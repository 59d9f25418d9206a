import { packedComponents } from "../acquire/acquisition.js";
import { type Digest, shortDigest } from "../core/digest.js";
import type { EventSink } from "../core/events.js";
import { refusedBecause } from "../image/compression.js";
import { readCompression } from "../image/unpacked-size.js";
import type { PlatformLock } from "../plan/types.js";
import type { TarWindow } from "../tar/window.js";

/**
 * Tells of layers, each where `blob` says, that some of the engines which the bundle may meet do not unpack.
 * @throws Error of the system when one cannot be read.
 */
export async function tellRefusedLayers(
  lock: PlatformLock,
  blob: (digest: Digest) => TarWindow,
  onEvent: EventSink,
): Promise<void> {
  for (const { name, image } of packedComponents(lock)) {
    for (const { digest, mediaType } of image.layers) {
      const why = refusedBecause(mediaType, await readCompression(blob(digest)));
      if (why === undefined) continue;
      const message = `${name}: Docker unpacks the layer ${shortDigest(digest)}, but not where it keeps images in containerd: ${why}. Have the image built anew.`;
      onEvent({ type: "notice", level: "warn", message });
      break;
    }
  }
}
