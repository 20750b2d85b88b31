import { createActionsApp } from "../../actions/app.ts";
import { idleDelivery } from "../../actions/delivery/index.ts";
import { registry } from "../../actions/registry.ts";
import { silentLogger, systemClock } from "../../src/core/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";
import { serve } from "../support/served.ts";
import { createBenchGate, isGateName } from "./gates.ts";
import { benchActionSecret } from "./workload.ts";

/** The actions server of the product with one of the gates in it; all else is the same. */
const connectionString = process.env["BENCH_SERVER_DATABASE_URL"] ?? "";
const name = process.env["BENCH_GATE"] ?? "";
if (!isGateName(name)) throw new Error(`BENCH_GATE is '${name}'`);

const database = createDatabase({ connectionString, maxConnections: 2 });
const main = async (): Promise<void> => {
  await serve(
    createActionsApp({
      database,
      delivery: idleDelivery,
      gate: await createBenchGate(name, connectionString),
      clock: systemClock,
      logger: silentLogger,
      registry,
      secret: benchActionSecret,
    }),
    () => database.close(),
  );
};

// No await at the top: such a script cannot be compiled into one, and would not run as the product does.
main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
