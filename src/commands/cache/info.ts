import { BaseCommand } from "../../cli/base-command.js";
import { networkFlags } from "../../cli/selection-flags.js";
import { formatBytes } from "../../core/bytes.js";
import type { StoreInfo } from "../../store/store.js";

export default class CacheInfo extends BaseCommand {
  static override summary =
    "Show where fetched blobs are kept, how many, and how much room they take.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];
  static override flags = { store: networkFlags.store };

  async run(): Promise<StoreInfo> {
    const { flags } = await this.parse(CacheInfo);
    const { openStore } = await import("../../store/store.js");
    const info = await (await openStore(this.storeDir(flags.store))).info();
    this.say(info.dir);
    this.say(`${info.blobs} blobs, ${formatBytes(info.bytes)}`);
    this.say(`${info.partials} unfinished downloads, ${formatBytes(info.partialBytes)}`);
    return info;
  }
}
