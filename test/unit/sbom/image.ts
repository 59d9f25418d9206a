import { type DiffId, digestOf } from "../../../src/core/digest.js";
import type { LockedImage } from "../../../src/plan/types.js";
import { condense } from "../../../src/sbom/capture.js";
import type { PackageSource } from "../../../src/sbom/find-packages.js";
import type { FinalFile, Program } from "../../../src/walk/types.js";

/** A file as a walk tells it: its content, a symlink's target, or a program's build info. */
export type Content = Buffer | string | { readonly link: string } | { readonly go: Buffer };

/** An image of one layer as a walk with the package capture tells it. */
export function walkedImage(
  component: string,
  contents: Readonly<Record<string, Content>>,
  truncated: readonly string[] = [],
): PackageSource {
  const captured = new Map<string, Buffer>();
  const files = new Map<string, FinalFile>();
  const common = { mode: 0o644, linkpath: "", layer: 0 };
  for (const [path, content] of Object.entries(contents)) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join("/");
      if (files.has(folder)) continue;
      files.set(folder, { ...common, path: folder, type: "directory", size: 0 });
    }
    if (typeof content === "object" && "link" in content) {
      files.set(path, { ...common, path, type: "symlink", size: 0, linkpath: content.link });
    } else if (typeof content === "object" && "go" in content) {
      const program = { format: "elf", go: content.go } as unknown as Program;
      files.set(path, { ...common, path, type: "file", size: 9, program });
    } else {
      const bytes = Buffer.from(content);
      files.set(path, { ...common, path, type: "file", size: bytes.length });
      if (!truncated.includes(path)) captured.set(path, condense(path, bytes));
    }
  }
  const digest = digestOf(`layer of ${component}`);
  return {
    component,
    files,
    layers: [{ digest, size: 1, unpacked: 1, files: [], captured, truncated, doubts: [] }],
  };
}

export function lockedImage(reference: string): LockedImage {
  const descriptor = (
    what: string,
  ): { mediaType: string; size: number } & Pick<LockedImage["manifest"], "digest"> => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(`${what} of ${reference}`),
    size: 100,
  });
  return {
    reference,
    platform: "linux/arm64",
    manifest: descriptor("manifest"),
    config: descriptor("config"),
    layers: [{ ...descriptor("layer"), diffId: digestOf("diff") as string as DiffId }],
  };
}
