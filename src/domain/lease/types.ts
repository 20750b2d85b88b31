/** What the database says to a draw; amounts are whole numbers below 2^53. */
export interface DrawAnswer {
  /** Why those of `allowed` that are false were refused. */
  readonly reason: string | null;
  /** One for each need, in their order. */
  readonly allowed: readonly boolean[];
  /** Units counted beyond the needs: the process may use them from memory. */
  readonly ahead: number;
  /** Units kept free for this process's next draws, until the time of the lease is over. */
  readonly hold: number;
  readonly leaseId: string | null;
  readonly used: number;
  readonly reserved: number;
  readonly limit: number | null;
  /** Null where nothing can be drawn: an unknown workspace, a metric that is not leased. */
  readonly periodStart: string | null;
  readonly periodEnd: string | null;
  readonly secondsLeft: number;
}

export interface DrawRequest {
  readonly workspaceId: string;
  readonly metric: string;
  readonly holder: string;
  readonly leaseId: string | null;
  readonly needs: readonly number[];
  readonly step: number;
  readonly hold: number;
  readonly giveBack: number;
  readonly giveBackPeriodStart: string | null;
  readonly ttlSeconds: number;
}

export interface LeaseDecision {
  readonly allowed: boolean;
  /** A stable code when refused. */
  readonly reason: string | null;
  /** What was used when the lease was last drawn, without what it holds in memory; exact when refused. */
  readonly used: number;
  readonly reserved: number;
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly resetsAt: string | null;
  readonly retryAfterSeconds: number | null;
}
