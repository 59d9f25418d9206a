import type { Digest } from "../core/digest.js";
import type { Platform } from "../core/platform.js";
import type { Position } from "../core/position.js";

/** Text for people, in the two languages that a site reads. */
export interface Localized {
  readonly en: string;
  readonly zh: string;
}

/** A bundle definition as read from its folder: everything that is known before any registry is asked. */
export interface Definition {
  /** The folder. */
  readonly dir: string;
  /** `openim`; with the version it names the archive. */
  readonly name: string;
  readonly version: string;
  readonly title: Localized;
  /** In the order of components.yaml. */
  readonly components: readonly Component[];
  readonly compose: { readonly path: string; readonly text: string };
  readonly settings: readonly Setting[];
  /** What `files/` holds, sorted by path. */
  readonly files: readonly DefinitionFile[];
  /** Over the content of all of the above; a lock records it. */
  readonly digest: Digest;
}

/** One service of the compose file and where its image comes from. */
export interface Component {
  /** The service's name in compose.yaml. */
  readonly name: string;
  readonly required: boolean;
  readonly title: Localized;
  /** As written, e.g. `redis:7.0.15` or `quay.io/coreos/etcd:v3.5.13`. Never floating. */
  readonly image: string;
  /** What the table claims; the registry decides. */
  readonly platforms: readonly Platform[];
  readonly ports: readonly Port[];
  /** Tried in order when `image` does not exist for the target. */
  readonly alternatives: readonly Alternative[];
  /** A recipe that makes the image for these platforms. */
  readonly build?: { readonly recipe: string; readonly platforms: readonly Platform[] };
  /** An image archive shipped with the definition, relative to its folder. */
  readonly archive?: string;
  /** Platforms on which this component is left out, by declared choice. */
  readonly omit: readonly { readonly platforms: readonly Platform[]; readonly reason: string }[];
  readonly at: Position;
}

export interface Port {
  readonly host: number;
  readonly container: number;
  readonly protocol: "tcp" | "udp";
}

export interface Alternative {
  readonly image: string;
  readonly platforms: readonly Platform[];
  /** Why it may stand in, for the plan and the customer. */
  readonly reason: string;
  /**
   * What changes in the compose service: mappings are merged key by key (null removes a key),
   * anything else replaces what is there.
   */
  readonly service: Readonly<Record<string, unknown>>;
  readonly at: Position;
}

export type SettingType = "string" | "integer" | "boolean" | "port" | "path" | "host" | "secret";

/** A value that a customer may change on the site; compose.yaml refers to it as `${NAME}`. */
export interface Setting {
  readonly name: string;
  readonly type: SettingType;
  /** Absent for secrets and for what only the site can know. */
  readonly default?: string;
  /** Characters of a generated secret. */
  readonly length?: number;
  readonly description: Localized;
  readonly at: Position;
}

export interface DefinitionFile {
  /** Relative to `files/`, with forward slashes. */
  readonly path: string;
  readonly size: number;
  readonly executable: boolean;
}

/** One thing wrong with a definition. */
export interface DefinitionProblem {
  readonly at: Position;
  readonly message: string;
  /** The nearest right key or what to write instead. */
  readonly hint?: string;
}
