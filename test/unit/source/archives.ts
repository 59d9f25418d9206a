import { crc32, deflateRawSync } from "node:zlib";
import { Header, Pax } from "tar";

/** An entry of a tree, or of an archive that is meant to be wrong. */
export interface Item {
  /** A folder's ends in a slash. */
  readonly path: string;
  readonly bytes?: Uint8Array;
  readonly executable?: boolean;
  /** Makes it a symbolic link. */
  readonly linkpath?: string;
}

export interface ZipItem extends Item {
  /** Instead of what the item is. */
  readonly mode?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  /** As the directory says it; the local header says the truth. */
  readonly size?: number;
  readonly localName?: string;
  readonly localFlags?: number;
  /** Sizes and CRC come behind the data. */
  readonly descriptor?: boolean;
}

export interface ZipOptions {
  readonly comment?: string;
  /** Writes zip64 end records, although they are not needed. */
  readonly zip64?: boolean;
  readonly compress?: boolean;
}

/** Writes a zip (PKWARE APPNOTE 6.3) as git does: Unix modes for programs and links alone. */
export function zipOf(items: readonly ZipItem[], options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const item of items) {
    const data = Buffer.from(item.linkpath ?? item.bytes ?? []);
    const method = item.method ?? (options.compress === false || data.length === 0 ? 0 : 8);
    const packed = method === 8 ? deflateRawSync(data) : data;
    const name = Buffer.from(item.path);
    const local = Buffer.from(item.localName ?? item.path);
    const crc = item.crc ?? crc32(data);
    const flags = (item.flags ?? 0) | (item.descriptor ? 8 : 0) | 0x800;
    const kind = item.linkpath !== undefined ? 0o120777 : item.executable ? 0o100755 : 0;
    const mode = item.mode ?? kind;

    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(20, 4);
    header.writeUInt16LE(item.localFlags ?? flags, 6);
    header.writeUInt16LE(method, 8);
    if (!item.descriptor) {
      header.writeUInt32LE(crc, 14);
      header.writeUInt32LE(packed.length, 18);
      header.writeUInt32LE(data.length, 22);
    }
    header.writeUInt16LE(local.length, 26);
    const trailer = Buffer.alloc(item.descriptor ? 16 : 0);
    if (item.descriptor) {
      trailer.writeUInt32LE(0x08074b50, 0);
      trailer.writeUInt32LE(crc, 4);
      trailer.writeUInt32LE(packed.length, 8);
      trailer.writeUInt32LE(data.length, 12);
    }

    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(mode === 0 ? 0 : 0x0317, 4);
    entry.writeUInt16LE(20, 6);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(item.size ?? data.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE((mode << 16) >>> 0, 38);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, name);
    parts.push(header, local, packed, trailer);
    offset += header.length + local.length + packed.length + trailer.length;
  }
  const listing = Buffer.concat(directory);
  const comment = Buffer.from(options.comment ?? "");
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 ? 0xffff : items.length, 8);
  end.writeUInt16LE(options.zip64 ? 0xffff : items.length, 10);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : listing.length, 12);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const end64 = Buffer.alloc(options.zip64 ? 76 : 0);
  if (options.zip64) {
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(items.length), 24);
    end64.writeBigUInt64LE(BigInt(items.length), 32);
    end64.writeBigUInt64LE(BigInt(listing.length), 40);
    end64.writeBigUInt64LE(BigInt(offset), 48);
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(offset + listing.length), 64);
    end64.writeUInt32LE(1, 72);
  }
  return Buffer.concat([...parts, listing, end64, end, comment]);
}

export interface TarItem extends Item {
  /** As `tar` names the types. */
  readonly kind?: "Link" | "CharacterDevice" | "FIFO" | "SymbolicLink" | "Directory" | "File";
}

export const END = Buffer.alloc(1024);

/** Writes a tar with pax headers where ustar does not do; `comment` into a global one, as git does. */
export function tarOf(items: readonly TarItem[], comment?: string): Buffer {
  return tarWithGlobal(items, comment === undefined ? undefined : record("comment", comment));
}

/** The same with pax records of one's own before the first entry. */
export function tarWithGlobal(items: readonly TarItem[], records: string | undefined): Buffer {
  const global = records === undefined ? [] : [extension("GlobalExtendedHeader", records)];
  return Buffer.concat([...global, ...items.map(tarEntry), END]);
}

function tarEntry(item: TarItem): Buffer {
  const link = item.linkpath ?? "";
  const kind =
    item.kind ?? (link ? "SymbolicLink" : item.path.endsWith("/") ? "Directory" : "File");
  const bytes = Buffer.from(item.bytes ?? []);
  const long = Buffer.byteLength(item.path) > 100 || Buffer.byteLength(link) > 100;
  // A ustar prefix that the pax path overrides, as git and GNU tar leave there.
  const path = long ? "cut/off" : item.path;
  const pax = long
    ? [
        extension(
          "ExtendedHeader",
          record("path", item.path) + (link ? record("linkpath", link) : ""),
        ),
      ]
    : [];
  const block = Buffer.alloc(512);
  new Header({
    path,
    type: kind,
    linkpath: link.slice(0, 50),
    mode: item.executable || kind === "Directory" ? 0o755 : 0o644,
    size: bytes.length,
    mtime: new Date(0),
  }).encode(block);
  return Buffer.concat([...pax, block, padded(bytes)]);
}

function extension(type: "ExtendedHeader" | "GlobalExtendedHeader", body: string): Buffer {
  const bytes = Buffer.from(body);
  const block = Buffer.alloc(512);
  new Header({ path: "pax_global_header", type, mode: 0o644, size: bytes.length }).encode(block);
  return Buffer.concat([block, padded(bytes)]);
}

function record(key: string, value: string): string {
  return new Pax({ [key]: value }).encodeField(key as "path");
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
