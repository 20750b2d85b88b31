/** One request of `usage.gate_many`; amounts are bigints as text. */
export interface GateRequest {
  readonly op: "check" | "consume" | "reserve" | "commit" | "release";
  readonly workspaceId: string;
  readonly metric?: string;
  readonly amount?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  readonly ttlSeconds?: number | null | undefined;
  readonly reservationId?: string;
}

/** A decision as `UsageDecision` of actions.graphql has it. A denial is an answer, not an error. */
export interface GateDecision {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly metric: string | null;
  readonly amount: number | string | null;
  readonly used: number | string | null;
  readonly reserved: number | string | null;
  readonly limit: number | string | null;
  readonly remaining: number | string | null;
  readonly resetsAt: string | null;
  readonly retryAfterSeconds: number | null;
  readonly reservationId: string | null;
  readonly upgrade: { readonly planId: string; readonly name: string; readonly priceCents: number } | null;
}
