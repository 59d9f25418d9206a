import { isMapping, type Mapping } from "./mapping.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

/** A mapping of components.yaml that may say `smoke` and `upgrade`: a component, or one of its alternatives. */
export interface Promises {
  readonly path: YamlPath;
  readonly value: Mapping;
  /** The component that an alternative belongs to. */
  readonly component: Mapping;
}

/** All of a table, as written: a slip elsewhere must not hide what is wrong here. */
export function* promisesIn({ data }: YamlFile): Generator<Promises> {
  const components = isMapping(data) && isMapping(data["components"]) ? data["components"] : {};
  for (const [name, component] of Object.entries(components)) {
    if (!isMapping(component)) continue;
    const path = ["components", name];
    yield { path, value: component, component };
    const list: readonly unknown[] = Array.isArray(component["alternatives"])
      ? component["alternatives"]
      : [];
    for (const [position, value] of list.entries()) {
      if (isMapping(value)) {
        yield { path: [...path, "alternatives", position], value, component };
      }
    }
  }
}
