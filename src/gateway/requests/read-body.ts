import type { IncomingMessage } from "node:http";

export type BodyRead =
  | { readonly kind: "read"; readonly body: Buffer }
  | { readonly kind: "too-large" }
  /** The client went away, or broke the connection off. */
  | { readonly kind: "gone" };

/** The whole body, as costs and limits need it; never more than the limit is held. */
export const readBody = (request: IncomingMessage, limitBytes: number): Promise<BodyRead> => {
  if (Number(request.headers["content-length"] ?? 0) > limitBytes)
    return Promise.resolve({ kind: "too-large" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      request.pause();
      resolve({ kind: "too-large" });
    });
    request.once("end", () => {
      const [first] = chunks;
      resolve({ kind: "read", body: chunks.length === 1 && first ? first : Buffer.concat(chunks, size) });
    });
    request.once("error", () => resolve({ kind: "gone" }));
    request.once("close", () => resolve({ kind: "gone" }));
  });
};
