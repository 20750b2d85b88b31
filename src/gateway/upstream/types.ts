import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import type { Readable } from "node:stream";

/** A Hasura behind an address. */
export interface UrlUpstream {
  readonly kind: "url";
  /** Base address, with a path where Hasura is served below one. */
  readonly url: string;
}

export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The client's end of a WebSocket to the engine; what the engine does to its client. */
export interface EngineSocketLink {
  readonly protocol: string;
  /** Bytes that the client has not read yet. */
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** What happens at the client's end. */
export interface EngineSocketSession {
  message(text: string): void;
  closed(): void;
}

/** The embedded engine, called without a network in between. */
export interface InProcessUpstream {
  readonly kind: "in-process";
  readonly engine: {
    /** Answers the body of a POST to `/v1/graphql`; never throws. */
    readonly answer: (
      headers: HeaderRecord,
      body: string,
    ) => Promise<{ readonly text: string; readonly setCookies: readonly string[] }>;
    /** Its whole HTTP surface. */
    readonly handler: RequestListener;
    readonly openSocket: (link: EngineSocketLink, headers: HeaderRecord) => EngineSocketSession;
  };
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
  /** The body, decoded. */
  readonly text: string;
  /** Whether it only reads, so that it may be sent again when its connection broke. */
  readonly repeatable: boolean;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** An answer whose body is text at hand, or still on its way. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string | Buffer | Readable;
}

/** What the upstream of a WebSocket does to the gateway. */
export interface UpstreamSocketEvents {
  /** Bytes that the real client has not read yet. */
  readonly unread: () => number;
  readonly message: (text: string) => void;
  /** Once, unless the gateway closed it. */
  readonly closed: (code: number, reason: string) => void;
}

/** The gateway's end of a WebSocket to the upstream. */
export interface UpstreamSocket {
  send(text: string): void;
  close(): void;
  /** Takes no more frames until `resume`, as the client does not read what it has. */
  pause(): void;
  resume(): void;
}

/** The port behind both kinds of upstream. */
export interface UpstreamPort {
  /** Resolves when the head of the answer is there. */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /** Passes a request of the administrator on, whatever it is, and its answer back. */
  administer(request: IncomingMessage, response: ServerResponse, headers: OutgoingHttpHeaders): void;
  open(protocol: string, headers: HeaderRecord, events: UpstreamSocketEvents): UpstreamSocket;
  isHealthy(): Promise<boolean>;
  stop(): void;
}
