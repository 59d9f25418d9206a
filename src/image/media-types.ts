/** OCI image-spec media-types.md, and Docker's "Image Manifest V 2, Schema 2". */
export const MEDIA_TYPES = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

export type Compression = "none" | "gzip" | "zstd";

/** What Docker took for layers in its first years, and still does. */
const OLD_LAYER_TYPES: ReadonlySet<string> = new Set([
  "application/octet-stream",
  "application/vnd.docker.container.image.rootfs.diff+x-gtar",
]);

export function isOldLayerType(mediaType: string): boolean {
  return OLD_LAYER_TYPES.has(mediaType);
}

/** Whether it may be a layer that an engine unpacks. */
export function isLayerType(mediaType: string): boolean {
  return layerCompression(mediaType) !== undefined || isOldLayerType(mediaType);
}

/** How a layer's media type says it is compressed; a claim only. Undefined where it says nothing. */
export function layerCompression(mediaType: string): Compression | undefined {
  switch (mediaType) {
    case MEDIA_TYPES.ociLayer:
    case "application/vnd.docker.image.rootfs.diff.tar":
    case "application/vnd.oci.image.layer.nondistributable.v1.tar":
      return "none";
    case MEDIA_TYPES.ociLayerGzip:
    case MEDIA_TYPES.dockerLayerGzip:
    case MEDIA_TYPES.dockerForeignLayer:
    case "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip":
      return "gzip";
    case MEDIA_TYPES.ociLayerZstd:
    case "application/vnd.docker.image.rootfs.diff.tar.zstd":
    case "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
      return "zstd";
    default:
      return undefined;
  }
}
