import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChunkReader } from "../../../src/http/chunked.js";
import { readHead } from "../../../src/http/response-head.js";

const head = (...fields: string[]): string => ["HTTP/1.1 200 OK", ...fields].join("\r\n");

describe("the head of an answer", () => {
  it("gives status, fields and the body's length", () => {
    const read = readHead(head("Content-Length: 12", "ETag:  a ", "etag: b"), "GET");
    expect(read).toMatchObject({ status: 200, length: 12, keepAlive: true });
    expect(read?.headers.get("etag")).toBe("a, b");
  });

  it("says when the connection ends with it", () => {
    const read = readHead(head("content-length: 1", "Connection: Keep-Alive , Close"), "GET");
    expect(read?.keepAlive).toBe(false);
  });

  it.each([204, 304])("has no body with the status %i", (status) => {
    expect(readHead(`HTTP/1.1 ${status} Fine\r\ncontent-length: 5`, "GET")?.length).toBe(0);
  });

  it("has no body in answer to HEAD", () => {
    expect(readHead(head("content-length: 5"), "HEAD")?.length).toBe(0);
  });

  it("leaves the length to chunks", () => {
    expect(readHead(head("Transfer-Encoding: Chunked"), "GET")).toMatchObject({ status: 200 });
    expect(readHead(head("Transfer-Encoding: Chunked"), "GET")?.length).toBeUndefined();
  });

  it.each([
    ["two lengths", ["content-length: 1", "content-length: 1"]],
    ["a list of lengths", ["content-length: 1, 1"]],
    ["a signed length", ["content-length: +1"]],
    ["a length in hex", ["content-length: 0x1"]],
    ["an endless length", ["content-length: 9999999999999999"]],
    ["no length", ["content-type: text/plain"]],
    ["a length beside chunks", ["content-length: 1", "transfer-encoding: chunked"]],
    ["another coding before the chunks", ["transfer-encoding: gzip, chunked"]],
    ["chunks twice", ["transfer-encoding: chunked", "transfer-encoding: chunked"]],
    ["space before the colon", ["content-length : 1"]],
    ["a folded line", ["content-length: 1", " 2"]],
    ["a bare line feed", ["content-length: 1\nx: y"]],
    ["a bare carriage return", ["content-length: 1\rx: y"]],
    ["a zero byte", ["content-length: 1", "x: \0"]],
    ["a field without a name", ["content-length: 1", ": x"]],
    ["a compressed body", ["content-length: 1", "content-encoding: gzip"]],
    ["another protocol", ["content-length: 1", "upgrade: h2c"]],
  ])("is left to another reader with %s", (_what, fields) => {
    expect(readHead(head(...fields), "GET")).toBeUndefined();
  });

  it.each([
    "HTTP/1.0 200 OK",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 20 OK",
    " HTTP/1.1 200 OK",
    "HTTP/2 200",
    "ICY 200 OK",
  ])("is left to another reader when it begins with %j", (first) => {
    expect(readHead(`${first}\r\ncontent-length: 1`, "GET")).toBeUndefined();
  });

  it("is never read as another than the one that was written", () => {
    const name = fc.stringMatching(/^x-[a-z0-9-]{1,10}$/);
    const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.nat(), (fields, length) => {
        const lines = Object.entries(fields).map(([key, text]) => `${key}: ${text}`);
        const read = readHead(head(...lines, `content-length: ${length}`), "GET");
        expect(read?.length).toBe(length);
        for (const [key, text] of Object.entries(fields)) {
          expect(read?.headers.get(key)).toBe(text);
        }
      }),
    );
  });

  it("is read or refused, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const read = readHead(head(text), "GET");
        expect(read === undefined || read.status === 200).toBe(true);
      }),
    );
  });
});

describe("a body in chunks", () => {
  const takeAll = (parts: readonly Uint8Array[]): { text: string; done: boolean } => {
    const reader = new ChunkReader();
    const found = parts.flatMap((part) => reader.take(part).map((one) => Buffer.from(one)));
    return { text: Buffer.concat(found).toString("latin1"), done: reader.done };
  };
  const take = (text: string) => takeAll([Buffer.from(text, "latin1")]);

  it("comes back the same, wherever the connection cuts it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
        fc.integer({ min: 1, max: 9 }),
        (chunks, step) => {
          const wire = Buffer.concat([
            ...chunks.flatMap((chunk) => [
              Buffer.from(`${chunk.length.toString(16)};x=y\r\n`),
              chunk,
              Buffer.from("\r\n"),
            ]),
            Buffer.from("0\r\ntrailer: x\r\n\r\n"),
          ]);
          const parts: Uint8Array[] = [];
          for (let at = 0; at < wire.length; at += step) parts.push(wire.subarray(at, at + step));
          const expected = Buffer.concat(chunks).toString("latin1");
          expect(takeAll(parts)).toEqual({ text: expected, done: true });
        },
      ),
    );
  });

  it("is not over before its last line", () => {
    expect(take("1\r\nx\r\n0\r\n").done).toBe(false);
  });

  it.each([
    ["a bare line feed", "1\nx\r\n"],
    ["a size that is none", "x\r\n"],
    ["a signed size", "+1\r\nx\r\n"],
    ["an endless size", "10000000000000\r\n"],
    ["space before the size", " 1\r\nx\r\n"],
    ["more than the size", "1\r\nxy\r\n"],
    ["something behind the end", "0\r\n\r\nHTTP/1.1"],
    ["an endless line", "1".repeat(5000)],
    ["endless trailers", `0\r\n${"x: y\r\n".repeat(2000)}`],
  ])("is refused with %s", (_what, text) => {
    expect(() => take(text)).toThrow();
  });
});
