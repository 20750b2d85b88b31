import { createActionsApp } from "../../actions/app.ts";
import { idleDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createGate, type Gate } from "../../src/domain/gate/index.ts";
import { createLeases, leaseHolder } from "../../src/domain/lease/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";
import { decisionOf } from "../gate/gates.ts";
import { benchActionSecret } from "../gate/workload.ts";
import { serve } from "../support/served.ts";

/** The actions server with a gate that answers from a lease, by the database, or with the same words each time. */
const connectionString = process.env["BENCH_SERVER_DATABASE_URL"] ?? "";
const database = createDatabase({ connectionString, maxConnections: 10 });
const leases = createLeases({ database, clock: systemClock, logger: silentLogger, holder: leaseHolder() });

const bare: Gate = {
  decide: (request) =>
    Promise.resolve({
      ...decisionOf(request, true, 123_456),
      reserved: 4_000,
      limit: 1_000_000_000,
      remaining: 999_872_544,
      resetsAt: "2026-01-01T00:00:00.000Z",
    }),
};

const gateOf = (name: string | undefined): Gate => {
  switch (name) {
    case "bare":
      return bare;
    case "leased":
      return createGate({ database, clock: systemClock, leases });
    case "combined":
      return createGate({ database, clock: systemClock });
    default:
      throw new Error(`BENCH_GATE is '${String(name)}'`);
  }
};

const main = async (): Promise<void> => {
  await serve(
    createActionsApp({
      database,
      delivery: idleDelivery,
      gate: gateOf(process.env["BENCH_GATE"]),
      clock: systemClock,
      logger: silentLogger,
      registry,
      secret: benchActionSecret,
    }),
    async () => {
      await leases.stop();
      await database.close();
    },
  );
};

// No await at the top: such a script cannot be compiled into one, and would not run as the product does.
main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
