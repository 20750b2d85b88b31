import type { IncomingHttpHeaders } from "node:http";

/** Headers as they go out: names in lower case. */
export type SentHeaders = Record<string, string | string[]>;

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
export const endToEnd = (headers: IncomingHttpHeaders): SentHeaders => {
  const named = namedByConnection(headers);
  const kept: SentHeaders = {};
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

const isOurs = (name: string): boolean =>
  isCredential(name) ||
  isForwarding(name) ||
  name.startsWith("sec-websocket-") ||
  name === "host" ||
  name === "expect" ||
  name === "content-length";

/** Headers that a WebSocket client sends in its connection_init, without what is not its to say. */
export const ownHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !isOurs(name) && !hopByHop.has(name)));

/** What goes to the upstream: the client's own headers, but for credentials and forwarding, which are ours. */
export const upstreamHeaders = (
  headers: IncomingHttpHeaders,
  identified: Readonly<Record<string, string>>,
  client: ForwardedClient,
): SentHeaders => {
  const kept = endToEnd(headers);
  for (const name of Object.keys(kept)) {
    if (isOurs(name)) delete kept[name];
  }
  return {
    ...kept,
    "x-forwarded-for": client.address,
    "x-forwarded-proto": client.encrypted ? "https" : "http",
    ...(headers.host === undefined ? {} : { "x-forwarded-host": headers.host }),
    ...identified,
  };
};
