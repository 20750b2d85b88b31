import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { refusals, refusalBody } from "./refusal.ts";
import type { NoteTurnedAway } from "./turned-away.ts";

/**
 * The last words to a connection whose bytes are no request, come too slowly, or whose head is too large. Node has none
 * but a status for these: a client gets the code here that every other refusal has.
 */
export const answerBrokenRequest = (
  error: NodeJS.ErrnoException,
  socket: Duplex,
  /** Bytes written now would be taken for the answer to an earlier request. */
  isAnswering: boolean,
  note: NoteTurnedAway,
): void => {
  if (error.code === "ECONNRESET" || !socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const refused =
    error.code === "HPE_HEADER_OVERFLOW"
      ? refusals.headersTooLarge
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? refusals.requestSlow
        : refusals.notHttp;
  note("connection", refused);
  const body = refusalBody(refused, undefined);
  socket.end(
    [
      `HTTP/1.1 ${String(refused.status)} ${STATUS_CODES[refused.status] ?? ""}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${String(Buffer.byteLength(body))}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
    // Who keeps sending would keep the connection.
    () => socket.destroy(),
  );
};
