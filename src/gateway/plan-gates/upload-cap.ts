import { type Request, type Response } from "express";
import { type AppError, type Clock } from "../../core/index.ts";

export interface UploadCapOptions {
  readonly request: Request;
  readonly response: Response;
  readonly clock: Clock;
  readonly maxBytes: bigint;
  /** Called once, when the body has passed the cap: begins the answer, and leaves its end to the cap. Never rejects. */
  readonly onTooLarge: () => Promise<void>;
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
 * the body off at the cap: its reader never sees an end, so it cannot take the part for the whole. The answer ends, and its
 * connection with it, when the client has sent what it had or has had its time to read.
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
  let answered = Promise.resolve();
  const push = request.push.bind(request);
  const finish = (): void => {
    if (response.headersSent && !response.writableEnded) response.end();
    else if (!response.headersSent) request.destroy(error());
    afterAnswer(response, () => request.destroy(error()));
  };
  const cut = (): void => {
    // What a client sends before it can have read the answer is not held against it.
    discard = (): void => undefined;
    answered = onTooLarge().then(() => {
      discard = lingerOverBody(request, clock, finish);
    });
  };
  request.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (discard !== null) {
      if (chunk === null) void answered.then(finish);
      else discard(chunk.length);
      return true;
    }
    if (chunk === null) return push(null);
    seen += BigInt(chunk.length);
    if (seen <= maxBytes) return push(chunk, encoding);
    cut();
    return true;
  };
};
