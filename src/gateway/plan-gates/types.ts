import { type Request } from "express";
import { type Clock, type Logger, type Queryable } from "../../core/index.ts";
import { type Gate } from "../../domain/gate/index.ts";
import { type RateStore } from "../../domain/rate-limit/index.ts";
import { type Offer } from "../../domain/plans/index.ts";

export type GateName = "feature" | "plan" | "usage" | "size" | "rate";

/** Whether a request passes while the database or the limiter cannot answer. */
export type OutagePolicy = "refuse" | "allow";

/** What was decided on, by the kind of gate. Amounts are whole numbers, bigints beyond 2^53 as text. */
export type RefusalDetails =
  | { readonly kind: "workspace" }
  | { readonly kind: "feature"; readonly feature: string }
  | { readonly kind: "plan"; readonly requiredPlan: string }
  | {
      readonly kind: "usage";
      readonly metric: string;
      readonly amount: number | string | null;
      readonly used: number | string | null;
      readonly reserved: number | string | null;
      readonly limit: number | string | null;
      readonly remaining: number | string | null;
      readonly resetsAt: string | null;
      readonly limitedBy: string | null;
    }
  | { readonly kind: "size"; readonly maxBytes: number | string; readonly sizeBytes: number | string | null }
  | {
      readonly kind: "rate";
      readonly limit: number;
      readonly remaining: number;
      readonly windowSeconds: number;
    };

/** A denial: an answer, never thrown. */
export interface Refusal {
  readonly gate: GateName;
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  /** One sentence, for people. */
  readonly reason: string;
  readonly currentPlan: { readonly id: string; readonly name: string } | null;
  readonly upgrade: Offer | null;
  readonly retryAfterSeconds: number | null;
  readonly details: RefusalDetails;
}

/** What a gate did with one request, for metrics and logs. */
export interface GateEvent {
  readonly gate: GateName;
  readonly outcome: "allowed" | "refused" | "outage-allowed" | "outage-refused";
  readonly code: string | null;
  readonly workspaceId: string | null;
}

export interface PlanGatesDeps {
  readonly database: Queryable;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * The workspace of the verified session of a request, null where it has none. Whoever takes it from a header or an argument that
   * a client may set lets every client choose whose limits apply.
   */
  readonly workspaceOf: (request: Request) => string | null | Promise<string | null>;
  /** Where a customer can upgrade: an address, or one for each refusal. */
  readonly upgradeUrl: string | ((refusal: Refusal) => string);
  /** Where requests are counted for `checkPlanRateLimit`: in the memory of this process unless given. */
  readonly rateStore?: RateStore;
  /** For gates that do not say otherwise; "refuse" unless set. */
  readonly onOutage?: OutagePolicy;
  readonly onDecision?: (event: GateEvent) => void;
}

export interface GateOptions {
  readonly onOutage?: OutagePolicy;
}
