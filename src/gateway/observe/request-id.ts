import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import { requestIdHeader, requestIdOf } from "../../core/index.ts";

/** Gives a request its id, its own where that is well-formed, among the headers that go on to the upstream. */
export const giveRequestId = (request: IncomingMessage): string => {
  const id = requestIdOf(request.headers) ?? randomUUID();
  request.headers[requestIdHeader] = id;
  return id;
};

/**
 * Gives every request an id, its own where that is well-formed: it goes to the upstream with the other headers, back to
 * the client and into the log.
 */
export const withRequestId =
  (handler: RequestListener): RequestListener =>
  (request, response) => {
    response.setHeader(requestIdHeader, giveRequestId(request));
    return handler(request, response);
  };
