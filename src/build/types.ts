import type { BuildHost } from "../builder/types.js";
import { BundlerError } from "../core/errors.js";
import type { Build, Component, Definition } from "../definition/types.js";
import type { Strategy } from "../plan/build-types.js";
import type { Registry } from "../registry/client.js";
import type { SourceContext } from "../source/types.js";

/** What builds are planned and made with. */
export interface BuildContext extends SourceContext {
  readonly definition: Pick<Definition, "dir" | "sources">;
  /** The package's `templates/build`: a folder for each recipe. */
  readonly recipesDir: string;
  readonly registry: Registry;
  readonly host: BuildHost;
  /** Where secrets of builds come from. */
  readonly env: NodeJS.ProcessEnv;
  /** Component → the strategy that it is to be built with; the others choose for themselves. */
  readonly strategies: ReadonlyMap<string, Strategy>;
  /** Components that may run Java under emulation, where it is known to hang. */
  readonly forceEmulation: ReadonlySet<string>;
  /** SOURCE_DATE_EPOCH, in seconds since 1970, where the caller has one. */
  readonly sourceDateEpoch?: number;
}

/** A component that says how its image is made. */
export type BuildableComponent = Component & { readonly build: Build };

/** @throws BundlerError DEFINITION when the component has no `build`. */
export function asBuildable(component: Component): BuildableComponent {
  const { build } = component;
  if (build !== undefined) return { ...component, build };
  throw new BundlerError("DEFINITION", `${component.name} has no build in components.yaml.`, {
    details: { component: component.name },
  });
}
