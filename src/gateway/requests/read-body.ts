import type { IncomingMessage } from "node:http";

export type BodyRead =
  | { readonly kind: "read"; readonly body: Buffer }
  /** The rest is still to come. */
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
    const finish = (read: BodyRead): void => {
      request.off("data", take).off("end", end).off("error", gone).off("close", gone);
      resolve(read);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      request.pause();
      finish({ kind: "too-large" });
    };
    const end = (): void => {
      const [first] = chunks;
      finish({ kind: "read", body: chunks.length === 1 && first ? first : Buffer.concat(chunks, size) });
    };
    const gone = (): void => finish({ kind: "gone" });
    request.on("data", take).once("end", end).once("error", gone).once("close", gone);
  });
};
