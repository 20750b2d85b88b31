import pg from "pg";
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";

import { systemClock } from "../../src/core/index.ts";
import { createGate, type Gate, type GateDecision, type GateRequest } from "../../src/domain/gate/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";

/** How the same actions server comes to its decision. */
export const gateNames = ["combined", "single", "for-update", "limiter"] as const;
export type GateName = (typeof gateNames)[number];

export const isGateName = (text: string): text is GateName => (gateNames as readonly string[]).includes(text);

const connections = 16;

/** A decision of a gate that knows no more than this. */
export const decisionOf = (request: GateRequest, allowed: boolean, used: number): GateDecision => ({
  allowed,
  reason: allowed ? null : "usage-limit-exceeded",
  metric: request.metric ?? null,
  amount: request.amount ?? 1,
  used,
  reserved: 0,
  limit: null,
  remaining: null,
  resetsAt: null,
  retryAfterSeconds: null,
  reservationId: null,
  granted: null,
  overage: null,
  source: null,
  limitedBy: null,
  reservationStatus: null,
  expiresAt: null,
  upgrade: null,
});

/** As it stands in many an application: read the row under a lock, compare, write, record the key, commit. */
const createForUpdateGate = (connectionString: string): Gate => {
  const database = createDatabase({ connectionString, maxConnections: connections });
  return {
    decide: (request) =>
      database.transaction(async (tx) => {
        const [row] = await tx.query<{ used: string; limit_value: string }>(
          "select used, limit_value from bench_gate.counters where workspace_id = $1 for update",
          [request.workspaceId],
          { name: "naive_lock" },
        );
        const amount = Number(request.amount ?? 1);
        const used = Number(row?.used) + amount;
        if (row === undefined || used > Number(row.limit_value))
          return decisionOf(request, false, used - amount);
        await tx.query(
          "insert into bench_gate.keys (workspace_id, idempotency_key) values ($1, $2)",
          [request.workspaceId, request.idempotencyKey],
          { name: "naive_key" },
        );
        await tx.query(
          "update bench_gate.counters set used = used + $2 where workspace_id = $1",
          [request.workspaceId, amount],
          { name: "naive_take" },
        );
        return decisionOf(request, true, used);
      }),
  };
};

/** rate-limiter-flexible over Postgres: one upsert a request, no key, no ledger. */
const createLimiterGate = async (connectionString: string): Promise<Gate> => {
  const pool = new pg.Pool({ connectionString, max: connections });
  const limiter = await new Promise<RateLimiterPostgres>((resolve, reject) => {
    const made: RateLimiterPostgres = new RateLimiterPostgres(
      {
        storeClient: pool,
        schemaName: "bench_gate",
        tableName: "limiter",
        points: 1_000_000_000,
        duration: 2_592_000,
      },
      (error?: Error) => (error === undefined ? resolve(made) : reject(error)),
    );
  });
  return {
    decide: async (request) => {
      try {
        const { consumedPoints } = await limiter.consume(request.workspaceId, Number(request.amount ?? 1));
        return decisionOf(request, true, consumedPoints);
      } catch (error) {
        if (error instanceof RateLimiterRes) return decisionOf(request, false, error.consumedPoints);
        throw error;
      }
    },
  };
};

/** The product's gate, each request in a call of its own. */
const createSingleGate = (connectionString: string): Gate => {
  const database = createDatabase({ connectionString, maxConnections: connections });
  return {
    decide: async (request) => {
      const [row] = await database.query<{ answers: readonly GateDecision[] }>(
        "select usage.gate_many($1::jsonb) as answers",
        [JSON.stringify([request])],
        { name: "usage_gate_many" },
      );
      const decision = row?.answers[0];
      if (decision === undefined) throw new Error("no answer");
      return decision;
    },
  };
};

export const createBenchGate = async (name: GateName, connectionString: string): Promise<Gate> => {
  switch (name) {
    case "combined":
      return createGate({
        database: createDatabase({ connectionString, maxConnections: connections }),
        clock: systemClock,
      });
    case "single":
      return createSingleGate(connectionString);
    case "for-update":
      return createForUpdateGate(connectionString);
    case "limiter":
      return createLimiterGate(connectionString);
  }
};
