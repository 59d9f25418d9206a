/** An ndb database of rpm with these headers, as rpm lays one out (rpm, lib/backend/ndb/rpmpkg.c). */
export function writeNdb(headers: readonly Buffer[]): Buffer {
  const page = 4096;
  const slots = Buffer.alloc(page);
  slots.write("RpmP", 0, "latin1");
  slots.writeUInt32LE(0, 4);
  slots.writeUInt32LE(headers.length, 8);
  slots.writeUInt32LE(1, 12);
  slots.writeUInt32LE(headers.length + 1, 16);
  for (let at = 32; at < page; at += 16) slots.write("Slot", at, "latin1");
  const blobs: Buffer[] = [];
  let block = page / 16;
  for (const [index, header] of headers.entries()) {
    const blocks = Math.ceil((16 + header.length + 12) / 16);
    // The first slot stays free, as after a package was removed.
    const slot = 32 + 16 * (index + 1);
    slots.writeUInt32LE(index + 1, slot + 4);
    slots.writeUInt32LE(block, slot + 8);
    slots.writeUInt32LE(blocks, slot + 12);
    const blob = Buffer.alloc(blocks * 16);
    blob.write("BlbS", 0, "latin1");
    blob.writeUInt32LE(index + 1, 4);
    blob.writeUInt32LE(header.length, 12);
    header.copy(blob, 16);
    blob.writeUInt32LE(header.length, blob.length - 8);
    blob.write("BlbE", blob.length - 4, "latin1");
    blobs.push(blob);
    block += blocks;
  }
  return Buffer.concat([slots, ...blobs]);
}
