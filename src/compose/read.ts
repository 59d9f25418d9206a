import { isMap, isScalar, type Node } from "yaml";
import { fault, keyOf, lookup, parseCompose, resolve } from "./document.js";

/** What decides whether a service can come up without network. */
export interface ComposeService {
  readonly image?: string;
  /** As written, e.g. `linux/arm64`. */
  readonly platform?: string;
  readonly pullPolicy?: string;
  /** The service could be built, so the engine might look outside. */
  readonly build: boolean;
}

/**
 * The services of a compose file, in its order, merge keys followed.
 *
 * @param file the name for error positions.
 * @throws BundlerError DEFINITION with file:line:column when it is not a compose file.
 */
export function readCompose(file: string, text: string): ReadonlyMap<string, ComposeService> {
  const doc = parseCompose(file, text);
  const services = new Map<string, ComposeService>();
  for (const pair of doc.services.items) {
    const name = keyOf(pair);
    const service = resolve(doc, pair.value);
    const word = (key: string): string | undefined => {
      const node = isMap(service) ? lookup(doc, service, key) : undefined;
      return scalarText(node);
    };
    if (name === "" || name === "<<" || !isMap(service)) {
      throw fault(doc, pair.key as Node, `The service ${JSON.stringify(name)} is not a mapping`);
    }
    const image = word("image");
    const platform = word("platform");
    const pullPolicy = word("pull_policy");
    services.set(name, {
      ...(image === undefined ? {} : { image }),
      ...(platform === undefined ? {} : { platform }),
      ...(pullPolicy === undefined ? {} : { pullPolicy }),
      build: lookup(doc, service, "build") !== undefined,
    });
  }
  return services;
}

function scalarText(node: Node | undefined): string | undefined {
  return isScalar(node) && typeof node.value === "string" ? node.value : undefined;
}
