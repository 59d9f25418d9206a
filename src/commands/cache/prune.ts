import { Flags } from "@oclif/core";
import { BaseCommand } from "../../cli/base-command.js";
import { networkFlags } from "../../cli/selection-flags.js";
import { formatBytes } from "../../core/bytes.js";
import { BundlerError } from "../../core/errors.js";

const UNITS: Readonly<Record<string, number>> = { d: 24 * 3600, h: 3600, m: 60 };

export interface CachePruneResult {
  readonly dir: string;
  readonly removed: number;
  readonly freedBytes: number;
  readonly dryRun: boolean;
}

export default class CachePrune extends BaseCommand {
  static override summary = "Delete blobs from the store; they are fetched again when needed.";
  static override description =
    "Without --older-than everything goes, unfinished downloads included. While another run uses the store, nothing is deleted.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --older-than 30d",
    "<%= config.bin %> <%= command.id %> --dry-run",
  ];
  static override flags = {
    store: networkFlags.store,
    "older-than": Flags.string({
      helpValue: "AGE",
      summary: "Keep what was used within this time: 30d, 12h, 45m.",
    }),
    "dry-run": Flags.boolean({ summary: "Say what would be deleted, delete nothing." }),
  };

  async run(): Promise<CachePruneResult> {
    const { flags } = await this.parse(CachePrune);
    const { openStore } = await import("../../store/store.js");
    const store = await openStore(this.storeDir(flags.store));
    const dryRun = flags["dry-run"];
    const olderThan = flags["older-than"] === undefined ? undefined : ageLimit(flags["older-than"]);
    const { removed, freedBytes } = await store.prune({
      dryRun,
      signal: this.signal,
      ...(olderThan === undefined ? {} : { olderThan }),
    });
    this.say(
      `${dryRun ? "Would delete" : "Deleted"} ${removed} files, ${formatBytes(freedBytes)}, in ${store.dir}.`,
    );
    return { dir: store.dir, removed, freedBytes, dryRun };
  }
}

function ageLimit(text: string): Date {
  const match = /^(\d{1,6})([dhm])$/.exec(text);
  const [, count, unit] = match ?? [];
  if (count === undefined || unit === undefined) {
    throw new BundlerError(
      "USAGE",
      `--older-than ${JSON.stringify(text)} is not an age such as 30d, 12h or 45m.`,
    );
  }
  return new Date(Date.now() - Number(count) * (UNITS[unit] ?? 0) * 1000);
}
