import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { createLeases, leaseHolder } from "../../../src/domain/lease/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";

/** A process that answers from a lease until it is killed and tells each answer only after it was given. */
const database = createDatabase({
  connectionString: process.env["LEASE_DATABASE_URL"] ?? "",
  maxConnections: 2,
});
const leases = createLeases({
  database,
  clock: systemClock,
  logger: silentLogger,
  holder: leaseHolder(),
  settings: { maxStep: 100, ttlSeconds: 2 },
});
process.on("disconnect", () => process.exit(0));
for (let answered = 1; ; answered += 1) {
  await leases.take(process.env["LEASE_WORKSPACE"] ?? "", "api_calls", 1);
  // One message at a time: what was told is what was answered.
  await new Promise((resolve) => process.send?.(answered, resolve));
}
