import { checkExact, fillInsertData, insertFor, tables, type Table } from "./inserts/tables.ts";
import {
  atLeast,
  type BenchContext,
  type BenchGoal,
  type BenchReport,
  type BenchRow,
  interleave,
  withBenchDatabase,
} from "./support/index.ts";

const durationMs = 2_000;
const rounds = 5;
const clients = 4;
const size = 1_000;

/** P3: statements of 1,000 rows, of one workspace and over 1,000. A row trigger over many deadlocks, so it stays out there. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("bulk-insert", { maxConnections: clients }, async ({ database, version }) => {
    const ids = await fillInsertData(database, size);
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    for (const [load, goal, used, measuredTables] of [
      ["one workspace", 0.9, Array.from({ length: size }, () => ids[0] ?? ""), tables],
      ["1,000 workspaces", 0.6, ids, ["unmetered", "metered"]],
    ] as const) {
      const measured = await interleave(
        measuredTables.map((table: Table) => ({
          name: table,
          measure: () => insertFor(database, table, () => used, { clients, durationMs }),
        })),
        {
          rounds,
          onRound: (round) => {
            context.log(`${load}: round ${String(round)} of ${String(rounds)}`);
          },
        },
      );
      for (const table of measuredTables)
        rows.push({
          load,
          clients,
          table,
          rowsPerSecond: measured.median(table, (sample) => sample),
          toUnmetered: measured.ratio(table, "unmetered", (sample) => sample),
        });
      goals.push(
        atLeast(
          "P3",
          `metered to unmetered, ${load}`,
          goal,
          measured.ratio("metered", "unmetered", (sample) => sample),
        ),
      );
    }
    await checkExact(database);
    return { rows, goals, machine: { postgres: version } };
  });
