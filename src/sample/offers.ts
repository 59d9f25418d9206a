/** What the world's registries really have of a repository, where a component table may say otherwise. */
export interface Offer {
  /** `docker.io/library/mysql` */
  readonly repository: string;
  /** The tags that this is about; all when absent. */
  readonly tags?: RegExp;
  /** As the index or config spells them. None: the repository is not there any more. */
  readonly platforms: readonly string[];
  readonly format: "oci" | "docker";
  /** False where a tag is one manifest without an index. */
  readonly index: boolean;
}

/** Docker's official images: their indexes spell arm64 with its variant. */
const OFFICIAL = { format: "oci", index: true } as const;
const DOCKER_LIST = { format: "docker", index: true } as const;
const SINGLE = { platforms: ["linux/amd64"], format: "docker", index: false } as const;
const ABSENT = { platforms: [], format: "docker", index: false } as const;

/**
 * The gaps that OpenIM's table does not know of, and the platforms of its other images. The first
 * entry that fits counts.
 */
export const OFFERS: readonly Offer[] = [
  { repository: "docker.io/library/mysql", tags: /^5\./, platforms: ["linux/amd64"], ...OFFICIAL },
  {
    repository: "docker.io/library/mysql",
    platforms: ["linux/amd64", "linux/arm64/v8"],
    ...OFFICIAL,
  },
  {
    repository: "docker.io/library/mariadb",
    platforms: ["linux/amd64", "linux/arm64/v8", "linux/ppc64le", "linux/s390x"],
    ...OFFICIAL,
  },
  {
    repository: "docker.io/library/mongo",
    platforms: ["linux/amd64", "linux/arm64/v8"],
    ...OFFICIAL,
  },
  {
    repository: "docker.io/library/redis",
    tags: /alpine/,
    platforms: [
      "linux/386",
      "linux/amd64",
      "linux/arm/v6",
      "linux/arm/v7",
      "linux/arm64/v8",
      "linux/ppc64le",
      "linux/s390x",
    ],
    ...OFFICIAL,
  },
  {
    repository: "docker.io/library/redis",
    platforms: [
      "linux/386",
      "linux/amd64",
      "linux/arm/v7",
      "linux/arm64/v8",
      "linux/ppc64le",
      "linux/s390x",
    ],
    ...OFFICIAL,
  },
  // Left out of the samples, so that a component which is provided or built is seen too.
  { repository: "docker.io/library/zookeeper", ...ABSENT },
  { repository: "docker.io/wurstmeister/zookeeper", ...SINGLE },
  {
    repository: "docker.io/wurstmeister/kafka",
    platforms: ["linux/amd64", "linux/arm64"],
    ...DOCKER_LIST,
  },
  { repository: "docker.io/apache/kafka", platforms: ["linux/amd64", "linux/arm64"], ...OFFICIAL },
  {
    repository: "quay.io/coreos/etcd",
    platforms: ["linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"],
    ...DOCKER_LIST,
  },
  // Moved to quay.io.
  { repository: "docker.io/minio/minio", ...ABSENT },
  {
    repository: "quay.io/minio/minio",
    platforms: ["linux/amd64", "linux/arm64", "linux/ppc64le"],
    ...DOCKER_LIST,
  },
  { repository: "docker.io/openim/open_im_server", ...SINGLE },
  { repository: "docker.io/openim/open_im_enterprise", ...SINGLE },
  {
    repository: "docker.io/prom/prometheus",
    platforms: ["linux/amd64", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"],
    ...DOCKER_LIST,
  },
  {
    repository: "docker.io/grafana/grafana",
    platforms: ["linux/amd64", "linux/arm64", "linux/arm/v7"],
    ...DOCKER_LIST,
  },
  {
    repository: "quay.io/prometheus/node-exporter",
    platforms: ["linux/amd64", "linux/arm/v7", "linux/arm64", "linux/ppc64le", "linux/s390x"],
    ...DOCKER_LIST,
  },
];
