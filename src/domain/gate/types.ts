/** One request of `usage.gate_many`; amounts are bigints as text. */
export interface GateRequest {
  readonly op: "check" | "consume" | "reserve" | "commit" | "release" | "extend";
  readonly workspaceId: string;
  readonly metric?: string;
  readonly amount?: string | null | undefined;
  /** Several metrics at once, in place of `metric` and `amount`: all of them or none. */
  readonly items?: readonly { readonly metric: string; readonly amount?: string | null | undefined }[];
  /** Takes what is left where the whole amount does not fit. */
  readonly partial?: boolean | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  /** When it happened, in ISO 8601 with an offset: counts in the period of that moment while it is open. */
  readonly occurredAt?: string | null | undefined;
  readonly ttlSeconds?: number | null | undefined;
  readonly reservationId?: string;
  /** The member who asks, from the verified session: its own limit applies beside the workspace's. */
  readonly memberId?: string | null | undefined;
}

/** What a member of the workspace has of a metric whose members are counted. */
export interface MemberUse {
  readonly memberId: string;
  readonly used: number | string;
  readonly reserved: number | string;
  /** Null where only the workspace is limited. */
  readonly limit: number | string | null;
  readonly remaining: number | string | null;
}

export interface AddOnOffer {
  readonly addOnId: string;
  readonly name: string;
  readonly quantity: number;
  /** For all of them, a month. */
  readonly priceCents: number;
}

/** A decision as `UsageDecision` of actions.graphql has it. A denial is an answer, not an error. */
export interface GateDecision {
  readonly allowed: boolean;
  readonly reason: string | null;
  /** The denial as a sentence for people; null for what was allowed. Programs decide by `reason`. */
  readonly message?: string | null;
  readonly metric: string | null;
  readonly amount: number | string | null;
  /** What was let through: less than `amount` for a partial grant, 0 for a denial. */
  readonly granted: number | string | null;
  readonly used: number | string | null;
  readonly reserved: number | string | null;
  readonly limit: number | string | null;
  readonly remaining: number | string | null;
  /** How far the use is above a soft limit. */
  readonly overage: number | string | null;
  /** Where the limit comes from, as `billing.limit_of` says. */
  readonly source: string | null;
  /** Which limit, or which part of the request, a refusal is about. */
  readonly limitedBy: string | null;
  readonly resetsAt: string | null;
  readonly retryAfterSeconds: number | null;
  readonly reservationId: string | null;
  readonly reservationStatus: string | null;
  readonly expiresAt: string | null;
  readonly upgrade: { readonly planId: string; readonly name: string; readonly priceCents: number } | null;
  /** The add-on that would have allowed it on the present plan, at its cheapest. */
  readonly addOn?: AddOnOffer | null;
  /** The member's figures where members are counted; null where only the workspace is. */
  readonly member?: MemberUse | null;
  /** For a request with items only: one decision an item, where `allowed` at the top says whether all were granted. */
  readonly items?: readonly GateDecision[];
}
