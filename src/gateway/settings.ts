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
}

export const defaultGatewaySettings: GatewaySettings = {
  bodyLimitBytes: 1024 * 1024,
  upstreamTimeoutMs: 60_000,
  trustedHops: 0,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};
