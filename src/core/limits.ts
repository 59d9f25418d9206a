/** Caps on input that a registry or an archive controls, in bytes unless said otherwise. */
export const LIMITS = {
  /** A manifest or index; the distribution spec asks registries to accept at least 4 MiB. */
  manifest: 4 * 1024 * 1024,
  /** An image config. */
  config: 8 * 1024 * 1024,
  /** A token or error answer of a registry. */
  answer: 1024 * 1024,
  /** One text file of a bundle definition, and each text file of an archive that is read whole. */
  text: 16 * 1024 * 1024,
  /** One package database of an image that is a text: dpkg's, apk's. */
  packageText: 64 * 1024 * 1024,
  /** Layers of one image; engines stop at 127. */
  layers: 512,
  /** Entries of an index. */
  indexEntries: 1024,
  /** Redirects followed for one request. */
  redirects: 5,
} as const;
