import { randomUUID } from "node:crypto";
import type { RequestListener } from "node:http";
import { requestIdHeader, requestIdOf } from "../../core/index.ts";

/**
 * Gives every request an id, its own where that is well-formed: it goes to the upstream with the other headers, back to
 * the client and into the log.
 */
export const withRequestId =
  (handler: RequestListener): RequestListener =>
  (request, response) => {
    const id = requestIdOf(request.headers) ?? randomUUID();
    request.headers[requestIdHeader] = id;
    response.setHeader(requestIdHeader, id);
    return handler(request, response);
  };
