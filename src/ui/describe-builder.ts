import type { Builder } from "../builder/types.js";
import { formatPlatform } from "../core/platform.js";
import { formatTable } from "./table.js";

/** A builder's nodes as a table, and under it what stands in the way of builds. */
export function describeBuilder(builder: Builder, width: number): string[] {
  const rows = builder.nodes.map((node) => {
    const claimed = new Set(node.claimed.map(formatPlatform));
    const platforms = node.platforms
      .map(formatPlatform)
      .map((one) => (claimed.has(one) ? `${one}*` : one));
    return [node.name, node.endpoint, node.status, node.buildkit ?? "", platforms.join(" ")];
  });
  const table = formatTable(
    [
      { title: "NODE" },
      { title: "ENDPOINT" },
      { title: "STATUS" },
      { title: "BUILDKIT" },
      { title: "PLATFORMS", wrap: true },
    ],
    rows,
    width,
  );
  const errors = builder.nodes.flatMap(({ name, error }) =>
    error === undefined ? [] : [`${name}: ${error}`],
  );
  const notes = builder.cannotExport === undefined ? errors : [...errors, builder.cannotExport];
  return notes.length === 0 ? [table] : [table, "", ...notes];
}
