import path from "node:path";
import { formatBytes } from "../core/bytes.js";
import type { CreateResult } from "../jobs/create.js";

/** What `create` says at its end. */
export function describeCreated({ archives }: CreateResult): readonly string[] {
  return archives.flatMap(({ path: file, size, components, leftOut, fetched, packages }) => {
    const relative = path.relative(process.cwd(), file);
    return [
      relative.startsWith("..") ? file : relative,
      `  ${formatBytes(size)}, ${components.length} image${components.length === 1 ? "" : "s"}, ${formatBytes(fetched)} fetched`,
      ...(packages === undefined ? [] : [`  SBOM of ${packages} packages in sbom/`]),
      ...leftOut.map(({ name, reason }) => `  without ${name}: ${reason}`),
    ];
  });
}
