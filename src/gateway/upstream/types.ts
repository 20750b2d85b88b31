import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from "node:http";
import type { Readable } from "node:stream";

/** A Hasura behind an address. */
export interface UrlUpstream {
  readonly kind: "url";
  /** Base address without a path. */
  readonly url: string;
}

/** The embedded engine, called without a network in between. */
export interface InProcessUpstream {
  readonly kind: "in-process";
  /** Answers the body of a POST to `/v1/graphql`; never throws. */
  readonly answer: (
    headers: Readonly<Record<string, string | readonly string[] | undefined>>,
    body: string,
  ) => Promise<{ readonly text: string; readonly setCookies: readonly string[] }>;
  /** Everything else of its HTTP surface. */
  readonly handler: RequestListener;
  /** Serves a WebSocket of `/v1/graphql` whose other end is held by the gateway. */
  readonly openSocket: (asked: SocketRequest, client: SocketClient) => SocketPeer;
  /** Whether it can answer. */
  readonly isHealthy: () => Promise<boolean>;
}

export type Upstream = UrlUpstream | InProcessUpstream;

export interface UpstreamRequest {
  readonly method: string;
  /** With the query string. */
  readonly target: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** Whether it only reads, so that it may be sent again when its connection broke. */
  readonly repeatable: boolean;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** An answer whose body is text at hand, or still on its way. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string | Readable;
}

export interface SocketRequest {
  /** The subprotocol that was agreed with the client. */
  readonly protocol: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The gateway's end of a WebSocket to the upstream: what the upstream does to it. */
export interface SocketClient {
  /** Bytes that the real client has not read yet. */
  readonly bufferedAmount: number;
  readonly message: (text: string) => void;
  readonly closed: (code: number, reason: string) => void;
}

/** The upstream's end: what the gateway does to it. */
export interface SocketPeer {
  message(text: string): void;
  close(code: number, reason: string): void;
}
