import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

const decoders: ReadonlyMap<string, typeof gunzipSync> = new Map([
  ["gzip", gunzipSync],
  ["x-gzip", gunzipSync],
  ["deflate", inflateSync],
  ["br", brotliDecompressSync],
]);

/** The bytes that compressed ones stand for; undefined for a compression that nobody knows. Throws on what is none. */
export const decompress = (body: Buffer, encoding: string, limitBytes: number): Buffer | undefined =>
  decoders.get(encoding.toLowerCase())?.(body, { maxOutputLength: limitBytes });

export type BodyText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "too-large" }
  | { readonly kind: "unreadable" };

const unreadable: BodyText = { kind: "unreadable" };

/** Bytes that are no UTF-8 are read in as many ways as there are readers: what is judged here must be what is run there. */
const textOf = (body: Buffer): BodyText =>
  isUtf8(body) ? { kind: "text", text: body.toString("utf8") } : unreadable;

const isOfUtf8 = (contentType: string | undefined): boolean => {
  if (contentType === undefined) return true;
  for (const [, charset = ""] of contentType.matchAll(/charset\s*=\s*"?([^\s;"]*)/giu)) {
    if (!/^utf-?8$/iu.test(charset)) return false;
  }
  return true;
};

/**
 * The text of a body that may be compressed; what unfolds beyond the limit is too large however small it came. JSON is
 * UTF-8: Hasura reads it so whatever the header says, and a body that says something else is not read at all.
 */
export const bodyText = (body: Buffer, headers: IncomingHttpHeaders, limitBytes: number): BodyText => {
  if (!isOfUtf8(headers["content-type"])) return unreadable;
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return textOf(body);
  try {
    const plain = decompress(body, encoding, limitBytes);
    return plain === undefined ? unreadable : textOf(plain);
  } catch (error) {
    const isLong =
      error instanceof RangeError || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return isLong ? { kind: "too-large" } : unreadable;
  }
};
