/** The head of an answer. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; values of lines with one name joined (RFC 9110, section 5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body; undefined where it comes in chunks. */
  readonly length: number | undefined;
  /** The connection may be used again after the body. */
  readonly keepAlive: boolean;
}

/** The longest head that is read, in bytes. */
export const HEAD_LIMIT = 32 * 1024;

const STATUS = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads a head (RFC 9112, sections 4 and 5), its last empty line left away, and takes only what has
 * one reading: HTTP/1.1, a final status, fields without folding, and one plain Content-Length or chunks alone.
 * Undefined for everything else, be it wrong or merely not for a reader as small as this one.
 * @param method answers to HEAD have no body, whatever length they tell.
 */
export function readHead(text: string, method: "GET" | "HEAD"): ResponseHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(STATUS.exec(first)?.[1]);
  if (Number.isNaN(status)) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    const earlier = headers.get(key);
    // Two lengths, even equal ones, are how one message is made to look like two.
    if (earlier !== undefined && key === "content-length") return undefined;
    const trimmed = value.replace(/[\t ]+$/, "");
    headers.set(key, earlier === undefined ? trimmed : `${earlier}, ${trimmed}`);
  }
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (headers.has("upgrade") || encoding !== "identity") return undefined;
  const length = bodyLength(headers, status, method);
  if (length === "unknown") return undefined;
  const connection = (headers.get("connection") ?? "").toLowerCase().split(/[\t ]*,[\t ]*/);
  return {
    status,
    headers,
    length: length === "chunks" ? undefined : length,
    keepAlive: !connection.includes("close"),
  };
}

function bodyLength(
  headers: ReadonlyMap<string, string>,
  status: number,
  method: "GET" | "HEAD",
): number | "chunks" | "unknown" {
  const length = headers.get("content-length");
  const transfer = headers.get("transfer-encoding");
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return "unknown";
  if (transfer !== undefined && (length !== undefined || transfer.toLowerCase() !== "chunked")) {
    return "unknown";
  }
  if (method === "HEAD" || status === 204 || status === 304) return 0;
  if (transfer !== undefined) return "chunks";
  return length === undefined ? "unknown" : Number(length);
}
