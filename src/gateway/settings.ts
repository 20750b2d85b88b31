export interface GatewaySettings {
  /** A body above it is refused with 413: what costs and limits are found by must be read as a whole. */
  readonly bodyLimitBytes: number;
  /** Until the head of the upstream's answer; then 504. */
  readonly upstreamTimeoutMs: number;
  /** Proxies in front whose `x-forwarded-for` is believed. */
  readonly trustedHops: number;
  /** Until the whole head of a request, and until the whole request, have come in; then 408. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often that is looked at; Node's own 30 s would make a limit of 10 s one of 40. */
  readonly connectionCheckMs: number;
  /**
   * A connection on which nothing moves for so long is cut off: its client does not read, or the upstream stopped midway.
   * Above `upstreamTimeoutMs`, as nothing moves either while an answer is waited for.
   */
  readonly idleTimeoutMs: number;
  /** Frames of a WebSocket above it end the socket with 1009. */
  readonly frameLimitBytes: number;
  readonly operationsPerSocket: number;
  readonly framesPerSecond: number;
  /** How long requests in flight may take when the gateway stops. */
  readonly drainMs: number;
  /**
   * Passes Hasura's administrative endpoints (`/v1/metadata`, `/v2/query`, `/v1/graphql/explain`, `/v1/version`) on for
   * holders of the admin secret. Off, nothing of them exists here.
   */
  readonly adminApi: boolean;
}

export const defaultGatewaySettings: GatewaySettings = {
  bodyLimitBytes: 1024 * 1024,
  upstreamTimeoutMs: 60_000,
  trustedHops: 0,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  connectionCheckMs: 1_000,
  idleTimeoutMs: 90_000,
  frameLimitBytes: 1024 * 1024,
  operationsPerSocket: 500,
  framesPerSecond: 1_000,
  drainMs: 5_000,
  adminApi: false,
};
