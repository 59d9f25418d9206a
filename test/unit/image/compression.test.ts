import { describe, expect, it } from "vitest";
import { compressionOf, refusedBecause } from "../../../src/image/compression.js";

const OCI = "application/vnd.oci.image.layer.v1";
const DOCKER = "application/vnd.docker.image.rootfs.diff";

describe("a layer's compression", () => {
  it.each([
    ["1f8b08000000", "gzip"],
    ["1f8b00000000", "none"],
    ["28b52ffd0458", "zstd"],
    ["5f2a4d180400", "zstd"],
    ["602a4d180400", "none"],
    ["6269", "none"],
    ["", "none"],
  ])("is told by its first bytes: %s is %s", (head, compression) => {
    expect(compressionOf(Buffer.from(head, "hex"))).toBe(compression);
  });
});

describe("containerd", () => {
  it.each([
    [`${OCI}.tar+gzip`, "none"],
    [`${OCI}.tar+gzip`, "zstd"],
    [`${OCI}.tar`, "none"],
    [`${DOCKER}.tar`, "gzip"],
    [`${DOCKER}.tar.gzip`, "none"],
  ] as const)("unpacks %s with the bytes of %s", (mediaType, found) => {
    expect(refusedBecause(mediaType, found)).toBeUndefined();
  });

  it.each([
    [`${OCI}.tar`, "gzip"],
    [OCI.replace(".v1", ".nondistributable.v1.tar"), "zstd"],
    ["application/octet-stream", "gzip"],
  ] as const)("refuses %s with the bytes of %s", (mediaType, found) => {
    expect(refusedBecause(mediaType, found)).toContain(mediaType);
  });
});
