import { randomUUID } from "node:crypto";
import type { RequestListener } from "node:http";

const safeId = /^[\w.:-]{1,128}$/u;

const header = "x-request-id";

/** The id of a request as its headers have it, if it is one that may be passed on. */
export const requestIdOf = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined => {
  const given = headers[header];
  return typeof given === "string" && safeId.test(given) ? given : undefined;
};

/**
 * Gives every request an id, its own where that is well-formed: it goes to the upstream with the other headers, back to
 * the client and into the log.
 */
export const withRequestId =
  (handler: RequestListener): RequestListener =>
  (request, response) => {
    const id = requestIdOf(request.headers) ?? randomUUID();
    request.headers[header] = id;
    response.setHeader(header, id);
    return handler(request, response);
  };
