/** What every bench shares: rounds that cancel the machine's drift, figures, the database under test and the report. */
export { type BenchDatabase, withBenchDatabase } from "./bench-database.ts";
export { type LoadResult, type LoadTarget, loadFor } from "./http-load.ts";
export { type Machine, readMachine } from "./machine.ts";
export { printReport } from "./print.ts";
export {
  atLeast,
  atMost,
  type Bench,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  roundRow,
} from "./report.ts";
export { interleave, type RoundOptions, type Rounds, type Variant } from "./rounds.ts";
export { type ProcessUsage, serve, type Served, startServed, startServers } from "./served.ts";
export { median, quantile } from "./statistics.ts";
