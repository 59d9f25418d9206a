import type { LockedImage, Method } from "../plan/types.js";
import { groupImages } from "./image-groups.js";
import { type TarballLayout, layoutImageTarball } from "./image-layout.js";
import { tarballPath } from "./paths.js";
import type { BundleComponent } from "./types.js";

/** An image tarball of an archive, and whose images are in it. */
export interface Tarball<Component = BundleComponent> {
  readonly path: string;
  /** In the order of the component table. */
  readonly components: readonly Component[];
}

/** A tarball before it is written. */
export type PlannedTarball = Tarball<string> & { readonly layout: TarballLayout };

/**
 * Which images go into which tarball, in the order of the archive. Built images are never put together with
 * others and come last: where the others lie, and what their tarballs are, does not wait for a build.
 * @param mtime seconds since 1970, of every entry
 * @throws BundlerError INTEGRITY where a blob is given two sizes.
 */
export function planTarballs(
  components: readonly {
    readonly name: string;
    readonly method: Method;
    readonly image: LockedImage;
  }[],
  mtime: number,
): readonly PlannedTarball[] {
  const built = components.filter(({ method }) => method === "build");
  const others = components.filter(({ method }) => method !== "build");
  return [others, built].flatMap((apart) =>
    groupImages(apart.map(({ image }) => image)).map((positions) => {
      const members = positions.flatMap((position) => apart[position] ?? []);
      const names = members.map(({ name }) => name);
      const layout = layoutImageTarball(
        members.map(({ image }) => image),
        mtime,
      );
      return { path: tarballPath(names), components: names, layout };
    }),
  );
}

/** The tarballs that components say they are in, each once. */
export function tarballsOf<Component extends Pick<BundleComponent, "tarball">>(
  components: readonly Component[],
): readonly Tarball<Component>[] {
  const byPath = new Map<string, Component[]>();
  for (const component of components) {
    const { path } = component.tarball;
    const known = byPath.get(path);
    if (known === undefined) byPath.set(path, [component]);
    else known.push(component);
  }
  return [...byPath].map(([path, members]) => ({ path, components: members }));
}
