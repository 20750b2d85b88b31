import { requestIdHeader, requestIdOf } from "../../core/index.ts";
import type { HeaderMap } from "../../auth/index.ts";

/** What Hasura does not hand on from the client, unless an action has a list of its own. */
const ignoredByDefault = [
  "content-length",
  "content-md5",
  "user-agent",
  "host",
  "origin",
  "referer",
  "accept",
  "accept-encoding",
  "accept-language",
  "accept-datetime",
  "cache-control",
  "connection",
  "dnt",
  "content-type",
];

/** What belongs to the connection with the client, or is set by the engine itself, whatever the list. */
const never: ReadonlySet<string> = new Set([
  "content-length",
  "content-type",
  "connection",
  "host",
  "transfer-encoding",
  "upgrade",
]);

/** What joins the log of a webhook to that of the request, which goes on whether client headers are forwarded or not. */
export const requestIdHeaders = (headers: HeaderMap): Readonly<Record<string, string>> => {
  const id = requestIdOf(headers);
  return id === undefined ? {} : { [requestIdHeader]: id };
};

/** Client headers for a webhook; `x-hasura-*` stay behind, because the webhook could take them for verified ones. */
export const forwardedHeaders = (
  headers: HeaderMap,
  ignoredNames: readonly string[] = ignoredByDefault,
): Record<string, string> => {
  const ignored = new Set(ignoredNames.map((name) => name.toLowerCase()));
  const result: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (
      !never.has(name) &&
      !ignored.has(name) &&
      !name.startsWith("x-hasura-") &&
      !name.startsWith("sec-websocket-")
    )
      result[name] = value;
  }
  for (const name of ["host", "user-agent", "origin"]) {
    const value = headers.get(name);
    if (value !== undefined) result[`x-forwarded-${name}`] = value;
  }
  return result;
};
