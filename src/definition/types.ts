import type { Digest } from "../core/digest.js";
import type { Platform } from "../core/platform.js";
import type { Checksum } from "../core/checksum.js";
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
  /** Of the host as a whole. */
  readonly requires: readonly Requirement[];
  /** In the order of components.yaml. */
  readonly components: readonly Component[];
  readonly sources: readonly Source[];
  /** The engine that a bundle can carry. */
  readonly extras: readonly Extra[];
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
  /** How the image is made where no registry has it. */
  readonly build?: Build;
  /** An image archive shipped with the definition, relative to its folder. */
  readonly archive?: string;
  /** Platforms on which this component is left out, by declared choice. */
  readonly omit: readonly { readonly platforms: readonly Platform[]; readonly reason: Localized }[];
  readonly requires: readonly Requirement[];
  readonly smoke: readonly SmokeTest[];
  /** Any upgrade will do when absent. */
  readonly upgrade?: UpgradeLimit;
  /** What `verify` would mind, and why it is right here. */
  readonly allow?: readonly Allowance[];
  readonly at: Position;
}

/** Something that is known and accepted, with its reason. */
export type Allowance =
  | {
      /** A glob for programs of another machine in the image, without a slash before it. */
      readonly path: string;
      readonly reason: string;
    }
  | {
      /** A path of the host that the service mounts read-only, as compose.yaml writes it. */
      readonly mount: string;
      readonly reason: string;
    };

/** What the site checks of a host; `page-size` is the largest, all others are the least. */
export type RequirementKind =
  | "memory"
  | "disk"
  | "engine"
  | "page-size"
  | "cpu"
  | "nofile"
  | "sysctl";

/** Something that a host must have before a bundle is installed on it. */
export interface Requirement {
  readonly kind: RequirementKind;
  /**
   * Bytes for memory, disk and page-size; Docker's version; the name of a set of processor features;
   * a number of descriptors; `vm.max_map_count=262144`.
   */
  readonly value: string;
  readonly level: "fail" | "warn";
  /** Where it holds; everywhere when absent. */
  readonly platforms?: readonly Platform[];
  readonly reason: Localized;
}

/** What the site tries once every service is healthy. */
export type SmokeTest = (
  | {
      /** A program and its arguments, inside the service's container. */
      readonly run: readonly string[];
    }
  | {
      /** An address that the host asks; `${NAME}` in it is a setting. */
      readonly http: string;
    }
) & {
  /** Text that is somewhere in what it prints. */
  readonly expect?: string;
  /** In seconds. */
  readonly limit: number;
};

/** Which upgrades a component's data survives. */
export interface UpgradeLimit {
  /** What has to stay: nothing; repository and major version; the minor version too; all three numbers. */
  readonly within: "any" | "major" | "minor" | "patch";
  /** Present unless `within` is `any`. */
  readonly reason?: Localized;
}

/**
 * An image build. Its context holds the files of the recipe or of the folder, over the tree of
 * `source` where one is given, and each of `sources` unpacked below `sources/<name>/`.
 */
export interface Build {
  readonly platforms: readonly Platform[];
  /** Build it for these platforms without asking a registry for the image first. */
  readonly always: boolean;
  /** A recipe that ships with openim-bundler; excludes `context`. */
  readonly recipe?: string;
  /** A folder of the definition, relative to it. */
  readonly context?: string;
  /** A source whose tree is the context's root. */
  readonly source?: string;
  /** Path inside the context: `Dockerfile` unless said otherwise. */
  readonly dockerfile: string;
  /** Names of `sources` of the definition. */
  readonly sources: readonly string[];
  readonly args: Readonly<Record<string, string>>;
  /** The stage to build; the last one when absent. */
  readonly target?: string;
  readonly secrets: readonly BuildSecret[];
  readonly at: Position;
}

/** What a build step may read and no layer keeps: exactly one of `env` and `file` (relative to the definition). */
interface BuildSecret {
  readonly id: string;
  readonly env?: string;
  readonly file?: string;
}

/** A file from elsewhere that builds are made from. */
export interface Source {
  readonly name: string;
  /** Tried in order; none when it can only be given by hand. */
  readonly urls: readonly string[];
  readonly format: "zip" | "tar.gz";
  /** `sha256:<hex>` or `sha512:<hex>`. */
  readonly checksum?: Checksum;
  /** Where the checksum is published: the plan asks it, the lock keeps it. */
  readonly checksumUrl?: string;
  /** The commit id that a git-made zip carries as its comment. */
  readonly commit?: string;
  /** Leading folders taken off every path inside. */
  readonly strip: number;
  /** A build goes on without it: its folder is empty then. */
  readonly optional: boolean;
  readonly at: Position;
}

/** Docker's static programs, and the plugin of Docker Compose. */
export type ExtraName = "docker" | "compose";

/** A part of the engine that a bundle can carry for a site that has none. */
export interface Extra {
  readonly name: ExtraName;
  /** As people know it: `27.5.1`. */
  readonly version: string;
  readonly files: readonly ExtraFile[];
  readonly at: Position;
}

/** Where it is for a platform, and what it is measured by: exactly one of `checksum` and `checksumUrl`. */
interface ExtraFile {
  readonly platform: Platform;
  /** Tried in order. */
  readonly urls: readonly string[];
  readonly checksum?: Checksum;
  readonly checksumUrl?: string;
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
  readonly reason: Localized;
  /**
   * What changes in the compose service: mappings are merged key by key (null removes a key),
   * anything else replaces what is there.
   */
  readonly service: Readonly<Record<string, unknown>>;
  /** Each replaces the component's. */
  readonly requires?: readonly Requirement[];
  readonly smoke?: readonly SmokeTest[];
  readonly upgrade?: UpgradeLimit;
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
