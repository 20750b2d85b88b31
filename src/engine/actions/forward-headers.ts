import type { HeaderMap } from "../auth/index.ts";

/** What Hasura never hands on from the client. */
const kept = new Set([
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
  "transfer-encoding",
  "upgrade",
]);

/** Client headers for a webhook; `x-hasura-*` stay behind, because the webhook could take them for verified ones. */
export const forwardedHeaders = (headers: HeaderMap): Record<string, string> => {
  const result: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (!kept.has(name) && !name.startsWith("x-hasura-") && !name.startsWith("sec-websocket-"))
      result[name] = value;
  }
  for (const name of ["host", "user-agent", "origin"]) {
    const value = headers.get(name);
    if (value !== undefined) result[`x-forwarded-${name}`] = value;
  }
  return result;
};
