import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

const decoders: Readonly<Record<string, typeof gunzipSync>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

export type BodyText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "too-large" }
  | { readonly kind: "unreadable" };

/** The text of a body that may be compressed; what unfolds beyond the limit is too large however small it came. */
export const bodyText = (body: Buffer, encoding: string | undefined, limitBytes: number): BodyText => {
  if (encoding === undefined || encoding === "identity") return { kind: "text", text: body.toString("utf8") };
  const decode = decoders[encoding.toLowerCase()];
  if (decode === undefined) return { kind: "unreadable" };
  try {
    return { kind: "text", text: decode(body, { maxOutputLength: limitBytes }).toString("utf8") };
  } catch (error) {
    const isLong =
      error instanceof RangeError || (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return { kind: isLong ? "too-large" : "unreadable" };
  }
};
