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

const durationMs = 1_500;
const rounds = 7;

/** P1 and P2: single-row inserts into a metered table under a hard limit, against the same table without a meter. */
export const run = async (context: BenchContext): Promise<BenchReport> =>
  withBenchDatabase("hot-insert", { maxConnections: 16 }, async ({ database, version }) => {
    const ids = await fillInsertData(database, 1_000);
    const rows: BenchRow[] = [];
    const goals: BenchGoal[] = [];
    for (const [load, used, clients] of [
      ["one workspace", ids.slice(0, 1), 16],
      ["1,000 workspaces", ids, 16],
      ["one workspace", ids.slice(0, 1), 1],
      ["1,000 workspaces", ids, 1],
    ] as const) {
      const next = (): readonly string[] => [used[Math.floor(Math.random() * used.length)] ?? ""];
      const measured = await interleave(
        tables.map((table) => ({
          name: table,
          measure: () => insertFor(database, table, next, { clients, durationMs }),
        })),
        {
          rounds,
          warmUps: 2,
          onRound: (round) => {
            context.log(`${load}, ${String(clients)} clients: round ${String(round)} of ${String(rounds)}`);
          },
        },
      );
      const ratio = (table: Table, to: Table): number => measured.ratio(table, to, (sample) => sample);
      for (const table of tables)
        rows.push({
          load,
          clients,
          table,
          rowsPerSecond: measured.median(table, (sample) => sample),
          toUnmetered: ratio(table, "unmetered"),
        });
      if (clients === 16 && used.length === 1) {
        goals.push(
          atLeast("P1", "metered to unmetered, one hot workspace", 0.75, ratio("metered", "unmetered")),
          atLeast("P1", "metered to a row trigger with one counter row", 4, ratio("metered", "row trigger")),
        );
      } else if (clients === 16)
        goals.push(
          atLeast("P2", "metered to unmetered, 1,000 workspaces", 0.8, ratio("metered", "unmetered")),
        );
    }
    await checkExact(database);
    return { rows, goals, machine: { postgres: version } };
  });
