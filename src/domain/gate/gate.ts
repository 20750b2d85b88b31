import { AppError, type Clock, type Queryable } from "../../core/index.ts";
import { type CombinerLimits, createCombiner } from "./combiner.ts";
import { type GateDecision, type GateRequest } from "./types.ts";

export interface GateDeps {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly limits?: Partial<CombinerLimits>;
}

export interface Gate {
  /**
   * Lets the database decide, the only place that does. Durable when answered. Throws `unavailable` for an outage: code
   * `outcome-unknown` when the request may have been counted all the same, any other when it was not.
   */
  decide(request: GateRequest): Promise<GateDecision>;
}

const mayHaveBeenSent = (error: unknown): error is AppError =>
  error instanceof AppError &&
  error.kind === "unavailable" &&
  error.context["sent"] !== false &&
  error.code !== "overloaded";

const outcomeUnknown = (request: GateRequest, cause: AppError): AppError =>
  new AppError({
    kind: "unavailable",
    code: "outcome-unknown",
    message:
      request.idempotencyKey === undefined || request.idempotencyKey === null
        ? "The connection was lost before the answer came: whether this was counted is unknown. With an idempotencyKey it could be asked again safely."
        : "The connection was lost before the answer came: whether this was counted is unknown. Ask again with the same idempotencyKey.",
    cause,
  });

/** The gate for a process: requests of one workspace that arrive while a call of it is in flight share the next call. */
export const createGate = ({ database, clock, limits = {} }: GateDeps): Gate => {
  const combiner = createCombiner<GateRequest, GateDecision>({
    call: async (requests) => {
      const rows = await database.query<{ answers: readonly GateDecision[] }>(
        "select usage.gate_many($1::jsonb) as answers",
        [JSON.stringify(requests)],
        { name: "usage_gate_many" },
      );
      return rows[0]?.answers ?? [];
    },
    laneOf: (request) => request.workspaceId.toLowerCase(),
    clock,
    limits,
  });
  return {
    decide: async (request) => {
      try {
        return await combiner.ask(request);
      } catch (error) {
        if (request.op !== "check" && mayHaveBeenSent(error)) throw outcomeUnknown(request, error);
        throw error;
      }
    },
  };
};
