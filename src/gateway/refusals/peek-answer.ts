import type { Readable } from "node:stream";
import { decompress } from "../requests/body-text.ts";
import { UpstreamTimeout } from "../upstream/timeout.ts";
import type { UpstreamAnswer } from "../upstream/types.ts";

/** Answers with errors are short; longer ones are rows and pass as they come. */
const longestHeld = 64 * 1024;

const looksLikeErrors = (text: string): boolean => /^\s{0,8}(?:\{\s{0,8}"errors"|\[)/u.test(text);

/** An answer that says its length is left alone when it is too long; one in chunks is held until it is. */
const mayBeShort = (answer: UpstreamAnswer): boolean =>
  Number(answer.headers["content-length"] ?? 0) <= longestHeld;

const textOf = (body: Buffer, encoding: string | undefined): string | undefined => {
  if (encoding === undefined || encoding === "identity") return body.toString("utf8");
  try {
    return decompress(body, encoding, longestHeld)?.toString("utf8");
  } catch {
    return undefined;
  }
};

export interface PeekedAnswer {
  /** As it came; a body that was read whole is at hand, one that was not goes on behind `begun`. */
  readonly answer: UpstreamAnswer;
  /** The whole text, when it is short and may hold errors. */
  readonly text: string | undefined;
  /**
   * What was taken off a body that is still under way. It cannot be put back: where it was the last piece the stream has
   * ended, and takes nothing any more.
   */
  readonly begun?: Buffer;
}

/** The next piece of a body; null at its end. Throws when the upstream breaks off, or goes silent. */
const nextChunk = (body: Readable, timeoutMs: number): Promise<Buffer | null> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => body.destroy(new UpstreamTimeout("the answer stopped")), timeoutMs);
    const look = (): void => {
      const chunk = body.read() as Buffer | null;
      if (chunk === null && !body.readableEnded && !body.destroyed) return;
      stop();
      if (chunk === null && !body.readableEnded) reject(new Error("the answer broke off"));
      else resolve(chunk);
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    const stop = (): void => {
      clearTimeout(timer);
      body.off("readable", look).off("end", look).off("close", look).off("error", fail);
    };
    body.on("readable", look).on("end", look).on("close", look).on("error", fail);
    look();
  });

/** Looks at the beginning of an answer, and holds the whole of it only when it may be errors. */
export const peekAnswer = async (answer: UpstreamAnswer, timeoutMs: number): Promise<PeekedAnswer> => {
  const { body } = answer;
  if (typeof body === "string") return { answer, text: looksLikeErrors(body) ? body : undefined };
  if (Buffer.isBuffer(body)) return { answer, text: undefined };
  const encoding = answer.headers["content-encoding"];
  const isPlain = encoding === undefined || encoding === "identity";
  if (!mayBeShort(answer)) return { answer, text: undefined };
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = await nextChunk(body, timeoutMs);
    if (chunk === null) {
      const held = Buffer.concat(chunks, size);
      return { answer: { ...answer, body: held }, text: textOf(held, encoding) };
    }
    chunks.push(chunk);
    size += chunk.length;
    const isErrors = !isPlain || looksLikeErrors(chunks[0]?.toString("latin1", 0, 64) ?? "");
    if (isErrors && size <= longestHeld) continue;
    return { answer, text: undefined, begun: Buffer.concat(chunks, size) };
  }
};
