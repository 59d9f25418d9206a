import { BundlerError } from "../core/errors.js";

/** The builder that `builder setup` makes unless told otherwise, and that builds prefer. */
export const OWN_BUILDER = "openim-bundler";

/** Those of buildx that `builder setup` makes builders with. */
export const DRIVERS = ["docker-container", "remote", "kubernetes"] as const;

export type Driver = (typeof DRIVERS)[number];

/**
 * A builder's name goes on command lines: one that could be taken for an option is refused.
 * @throws BundlerError USAGE
 */
export function checkBuilderName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$/.test(name)) return name;
  throw new BundlerError("USAGE", `${JSON.stringify(name.slice(0, 128))} is no builder's name.`, {
    hint: "Names are made of letters, digits and _ . + - and begin with a letter or digit; `docker buildx ls` lists them.",
  });
}
