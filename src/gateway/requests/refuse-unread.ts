import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../core/index.ts";
import type { Refused } from "../stage.ts";
import { startRefusal } from "./respond.ts";

/** What a client may still send behind its refusal. */
const discardedBytes = 32 * 1024 * 1024;
const discardedMs = 5_000;

/**
 * Refuses a request whose body is still on its way, and ends the connection. A connection closed with bytes unread is reset,
 * and the reset takes the answer with it: a client that sends all before it reads never sees why. So what comes is thrown
 * away for a moment, and nothing of it is held.
 */
export const refuseUnread = (
  request: IncomingMessage,
  response: ServerResponse,
  refused: Refused,
  clock: Clock,
): void => {
  response.setHeader("connection", "close");
  if (startRefusal(response, refused) === undefined) return;
  if (request.complete) {
    response.end();
    return;
  }
  let left = discardedBytes;
  const end = (): void => {
    cancel();
    request.off("data", discard).off("end", end).off("close", end).off("error", end);
    // An unread rest would be read on to its end, however long it is.
    if (request.complete) response.end();
    else response.end(() => request.socket.destroy());
  };
  const discard = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) end();
  };
  const cancel = clock.schedule(discardedMs, end);
  request.on("data", discard).once("end", end).once("close", end).once("error", end);
  request.resume();
};
