/** One request at the door, when its end is known. */
export interface ApiCall {
  readonly workspaceId: string;
  readonly userId: string | undefined;
  readonly apiKeyId: string | undefined;
  /** Undefined where it has no name. Whatever a client likes to send. */
  readonly operation: string | undefined;
  readonly role: string;
  readonly protocol: "http" | "ws";
  readonly status: number;
  /** Of the first error. */
  readonly code: string | undefined;
  /** Operations in it: 1, or the size of a batch. */
  readonly units: number;
  readonly isRefused: boolean;
  readonly at: Date;
  readonly latencyMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A row of `usage.api_calls` as `usage.add_api_calls` takes it. */
export interface ApiCallRow {
  readonly workspace_id: string;
  readonly hour: string;
  readonly user_id: string | null;
  readonly api_key_id: string | null;
  readonly operation: string | null;
  readonly role: string;
  readonly protocol: "http" | "ws";
  readonly status: number;
  readonly code: string;
  count: number;
  refused: number;
  errors: number;
  latency_ms_sum: number;
  latency_ms_min: number;
  latency_ms_max: number;
  bytes_in: number;
  bytes_out: number;
}
