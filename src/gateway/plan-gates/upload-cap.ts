import { type Request, type Response } from "express";
import { type AppError, type Clock } from "../../core/index.ts";

export interface UploadCapOptions {
  readonly request: Request;
  readonly response: Response;
  readonly clock: Clock;
  readonly maxBytes: bigint;
  /** Called once, when the body has passed the cap; answers the client if it still can. */
  readonly onTooLarge: () => void;
  /** What the reader of the body gets in place of its end. */
  readonly error: () => AppError;
}

/** How much more is read, and thrown away, so that a client that is still sending gets to read the answer. */
const lingerBytes = 1_048_576;
const lingerMs = 2_000;

/**
 * Throws away what a refused client still sends, within bounds: a connection closed over unread bytes is reset, and the answer with
 * it.
 */
export const lingerOverBody = (
  request: Request,
  clock: Clock,
  done: () => void,
): ((bytes: number) => void) => {
  let left = lingerBytes;
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    cancel();
    done();
  };
  const cancel = clock.schedule(lingerMs, finish);
  request.once("close", finish);
  return (bytes) => {
    left -= bytes;
    if (left < 0) finish();
  };
};

/** Once what was answered is on its way; a client that has sent all it had is not reset by that. */
const afterAnswer = (response: Response, then: () => void): void => {
  if (response.writableFinished || response.destroyed) then();
  else response.once("close", then).once("finish", then);
};

/**
 * Counts the bytes of a body where the parser hands them to the request, so before any reader and whichever way it reads, and cuts
 * the body off at the cap: its reader never sees an end, so it cannot take the part for the whole.
 */
export const capUpload = ({
  request,
  response,
  clock,
  maxBytes,
  onTooLarge,
  error,
}: UploadCapOptions): void => {
  // Came in while the plan was read.
  let seen = BigInt(request.readableLength);
  let discard: ((bytes: number) => void) | null = null;
  const push = request.push.bind(request);
  const fail = (): void => void request.destroy(error());
  const cut = (): void => {
    discard = lingerOverBody(request, clock, fail);
    onTooLarge();
  };
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (discard !== null) {
      if (chunk === null) afterAnswer(response, fail);
      else discard(chunk.length);
      return true;
    }
    if (chunk === null) return push(null);
    seen += BigInt(chunk.length);
    if (seen <= maxBytes) return push(chunk, encoding);
    cut();
    return true;
  };
  if (seen > maxBytes) cut();
};
