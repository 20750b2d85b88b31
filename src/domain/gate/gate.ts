import {
  type Clock,
  type CombinerLimits,
  createCombiner,
  inChildSpan,
  type Queryable,
  type QueueMeter,
} from "../../core/index.ts";
import { type LeaseDecision, type Leases } from "../lease/index.ts";
import { toOutcomeUnknown } from "./outage.ts";
import { type GateDecision, type GateRequest } from "./types.ts";

export interface GateDeps {
  readonly database: Queryable;
  readonly clock: Clock;
  /** Without them every decision is the database's. */
  readonly leases?: Leases;
  readonly limits?: Partial<CombinerLimits>;
  readonly meter?: QueueMeter | undefined;
}

export interface Gate {
  /**
   * Lets the database decide, the only place that does. Durable when answered. Throws `unavailable` for an outage: code
   * `outcome-unknown` when the request may have been counted all the same, any other when it was not.
   */
  decide(request: GateRequest): Promise<GateDecision>;
}

/** A leased metric is answered from units that this process has taken ahead; what they refuse, the gate itself explains. */
const decisionFromLease = (request: GateRequest, decision: LeaseDecision): GateDecision => ({
  allowed: true,
  reason: null,
  metric: request.metric ?? null,
  amount: Number(request.amount ?? 1),
  granted: Number(request.amount ?? 1),
  used: decision.used,
  reserved: decision.reserved,
  limit: decision.limit,
  remaining: decision.remaining,
  resetsAt: decision.resetsAt,
  overage: null,
  source: null,
  limitedBy: null,
  retryAfterSeconds: null,
  reservationId: null,
  reservationStatus: null,
  expiresAt: null,
  upgrade: null,
  addOn: null,
  member: null,
});

/** Of a request that was decided; a metric that there is not may be any text, a secret in the wrong place too. */
const attributesOf = (
  { op, metric, workspaceId }: GateRequest,
  { allowed, reason }: GateDecision,
): Record<string, string | boolean> => ({
  "hasura_usage.op": op,
  ...(metric === undefined || reason === "unknown-metric" ? {} : { "hasura_usage.metric": metric }),
  "hasura_usage.workspace_id": workspaceId,
  "hasura_usage.allowed": allowed,
  ...(reason === null ? {} : { "hasura_usage.reason": reason }),
});

/** The gate for a process: requests of one workspace that arrive while a call of it is in flight share the next call. */
export const createGate = ({ database, clock, leases, meter, limits = {} }: GateDeps): Gate => {
  const combiner = createCombiner<GateRequest, GateDecision>({
    what: "gate",
    meter,
    call: async (requests) => {
      const rows = await database.query<{ answers: readonly GateDecision[] }>(
        "select usage.gate_many($1::jsonb) as answers",
        [JSON.stringify(requests)],
        { name: "usage_gate_many" },
      );
      return rows[0]?.answers ?? [];
    },
    // Late events lock counters of other periods, so they do not share a call with those of now.
    laneOf: ({ workspaceId, occurredAt }) =>
      `${workspaceId.toLowerCase()}${typeof occurredAt === "string" ? " late" : ""}`,
    clock,
    limits,
  });
  /** An amount that a lease could answer for: consumed without a key, which would need its row in the ledger. */
  const leasable = ({ op, idempotencyKey, amount, occurredAt }: GateRequest): boolean =>
    op === "consume" &&
    (occurredAt === undefined || occurredAt === null) &&
    (idempotencyKey === undefined || idempotencyKey === null) &&
    /^[1-9]\d{0,14}$/u.test(String(amount ?? 1));
  const decide: Gate["decide"] = async (request) => {
    try {
      if (leases !== undefined && request.metric !== undefined && leasable(request)) {
        if (await leases.isLeased(request.metric)) {
          const decision = await leases.take(
            request.workspaceId.toLowerCase(),
            request.metric,
            Number(request.amount ?? 1),
          );
          if (decision.allowed) return decisionFromLease(request, decision);
        }
      }
      return await combiner.ask(request);
    } catch (error) {
      if (request.op === "check") throw error;
      throw toOutcomeUnknown(error, typeof request.idempotencyKey === "string");
    }
  };
  return {
    // The wait for a call is in it, and for a lease there is none.
    decide: (request) =>
      inChildSpan("gate decision", {}, async (span) => {
        const decision = await decide(request);
        if (span?.isRecording() === true) span.setAttributes(attributesOf(request, decision));
        return decision;
      }),
  };
};
