import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** RFC 9110, 7.6.1: these belong to one connection. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const namedByConnection = (headers: IncomingHttpHeaders): ReadonlySet<string> =>
  new Set((headers.connection ?? "").toLowerCase().split(/[\s,]+/u));

/** Headers without those that end at this hop; the names that `connection` lists are among them. */
export const endToEnd = (headers: IncomingHttpHeaders): OutgoingHttpHeaders => {
  const named = namedByConnection(headers);
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !hopByHop.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
};

/** What a server behind may take for a session variable: some read `x_hasura_role` as `x-hasura-role`. */
const isSessionHeader = (name: string): boolean => /^x[-_]hasura[-_]/u.test(name);

const isCredential = (name: string): boolean =>
  name === "authorization" || name === "x-api-key" || name === "cookie" || isSessionHeader(name);

/** Headers of forwarding that a client cannot be believed; the gateway writes them itself. */
const isForwarding = (name: string): boolean => name === "forwarded" || name.startsWith("x-forwarded-");

export interface ForwardedClient {
  readonly address: string;
  readonly encrypted: boolean;
}

/** What goes to the upstream: the client's own headers, but for credentials and forwarding, which are ours. */
export const upstreamHeaders = (
  headers: IncomingHttpHeaders,
  identified: Readonly<Record<string, string>>,
  client: ForwardedClient,
): OutgoingHttpHeaders => {
  const kept = endToEnd(headers);
  for (const name of Object.keys(kept)) {
    if (isCredential(name) || isForwarding(name) || name === "expect" || name === "content-length")
      delete kept[name];
  }
  return {
    ...kept,
    "x-forwarded-for": client.address,
    "x-forwarded-proto": client.encrypted ? "https" : "http",
    ...(headers.host === undefined ? {} : { "x-forwarded-host": headers.host }),
    ...identified,
  };
};
