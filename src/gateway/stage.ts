import type { Caller } from "./caller.ts";
import type { OperationShape } from "./requests/operation-shape.ts";

/** One HTTP request, or one operation that a WebSocket client starts. */
export interface GatewayRequest {
  readonly id: string;
  readonly caller: Caller;
  readonly protocol: "http" | "ws";
  /** Path without the query string; `/v1/graphql` for GraphQL, else the path of a mounted route. */
  readonly path: string;
  /** Names in lower case, as the client sent them: nothing in here is verified. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly receivedAt: Date;
  /** Bytes of the body or of the frame. */
  readonly bytesIn: number;
  /**
   * One entry for each request of the batch, kept by the text of the document; empty for a route that is not GraphQL, or
   * a body that holds no request.
   */
  readonly operations: readonly OperationShape[];
}

export interface Allowed {
  readonly allowed: true;
  /** Put on the HTTP answer; a WebSocket operation has none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the answer of an HTTP request begins; then the upstream is left alone and the refusal sent. The shortest holds. */
  readonly deadline?: Deadline;
  /**
   * Gives back what the stage took, when a later one refuses the request. Here and not in a map from requests, which was most of
   * what stages left to the garbage collector.
   */
  readonly undo?: () => void;
}

export interface Deadline {
  readonly ms: number;
  readonly refusal: Refused;
}

export interface Refused {
  readonly allowed: false;
  /** HTTP status of the answer. */
  readonly status: number;
  /** `extensions.code`. */
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Beside path and code. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export type Admission = Allowed | Refused;

export interface Outcome {
  /** HTTP status of the answer; a WebSocket operation has 200, or the status of its refusal. */
  readonly status: number;
  /** The first error's code, where the gateway knows it: its own refusals, and small answers with errors. */
  readonly code: string | undefined;
  /** Name of the stage that refused; undefined when the request reached the upstream. */
  readonly refusedBy: string | undefined;
  /** Until the last byte, or until the first answer of a subscription. */
  readonly latencyMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/**
 * A step that every request passes before it is sent on. Stages run in order; the first refusal answers the client.
 * `settle` is called once for each stage whose `admit` was called and did not throw, whatever the end.
 */
export interface GatewayStage {
  /** For logs and `Outcome.refusedBy`. */
  readonly name: string;
  admit(request: GatewayRequest): Admission | Promise<Admission>;
  settle?(request: GatewayRequest, outcome: Outcome): void;
}

/** A request that passes no stage, as it is not known whose it is or what it asks for. */
export interface TurnedAway {
  /** Undefined for bytes that are no request. */
  readonly id: string | undefined;
  readonly protocol: GatewayRequest["protocol"];
  readonly path: string | undefined;
  readonly caller: Caller | undefined;
  /** Where it ended: no endpoint, nobody who may ask, a body that cannot be read, or no HTTP at all. */
  readonly by: "route" | "identity" | "body" | "connection";
  readonly status: number;
  readonly code: string;
}

/** A stage that refuses nothing and hears of every request, of those that reach no stage as well. */
export interface GatewayObserver extends GatewayStage {
  turnedAway?(turnedAway: TurnedAway): void;
}
