/** A published checksum, with the algorithm before it and lower-case hex after. */
export type Checksum = `sha256:${string}` | `sha512:${string}`;

const FORM = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isChecksum(text: string): text is Checksum {
  return FORM.test(text);
}
