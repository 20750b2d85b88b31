import type { BenchGoal, BenchReport, BenchRow } from "./report.ts";

const cell = (value: string | number | null | undefined): string =>
  value === null || value === undefined ? "" : String(value);

const table = (rows: readonly BenchRow[]): string => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumber = (column: string): boolean =>
    rows.every((row) => typeof row[column] !== "string") &&
    rows.some((row) => typeof row[column] === "number");
  const width = (column: string): number =>
    Math.max(column.length, ...rows.map((row) => cell(row[column]).length));
  const line = (text: (column: string) => string): string =>
    columns
      .map((column) =>
        isNumber(column) ? text(column).padStart(width(column)) : text(column).padEnd(width(column)),
      )
      .join("  ")
      .trimEnd();
  return [line((column) => column), ...rows.map((row) => line((column) => cell(row[column])))].join("\n");
};

const goalLine = (goal: BenchGoal): string =>
  `${goal.met ? "met   " : "MISSED"} ${goal.id.padEnd(4)} ${goal.what}: ${String(goal.value)} (goal ${String(goal.goal)})`;

/** The report for a person. */
export const printReport = (
  name: string,
  machine: Readonly<Record<string, string | number>>,
  report: BenchReport,
): string =>
  [
    name,
    Object.entries(machine)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(", "),
    "",
    table(report.rows),
    ...(report.goals.length === 0 ? [] : ["", ...report.goals.map(goalLine)]),
  ].join("\n");
