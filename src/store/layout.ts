import { join } from "node:path";
import { type Digest, hexOf } from "../core/digest.js";

/**
 * Where things lie in a store:
 *
 *     blobs/sha256/<hex>        whole blobs, and nothing else, ever
 *     partial/<hex>             an unfinished blob that nobody works on
 *     partial/<hex>.<token>     an unfinished blob that the token's process works on
 *     partial/<key>[.<token>]   the same, of something whose digest is not known before it is whole
 *     leases/<token>            a run that uses the store
 *     leases/prune.<token>      a prune at work
 *     notes/<hex>               what was found out once and may be forgotten
 */
export interface Layout {
  readonly dir: string;
  readonly blobs: string;
  readonly partials: string;
  readonly leases: string;
  readonly notes: string;
}

export function layoutOf(dir: string): Layout {
  return {
    dir,
    blobs: join(dir, "blobs", "sha256"),
    partials: join(dir, "partial"),
    leases: join(dir, "leases"),
    notes: join(dir, "notes"),
  };
}

export function blobPath(layout: Layout, digest: Digest): string {
  return join(layout.blobs, hexOf(digest));
}
