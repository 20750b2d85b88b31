/** One line of a table: what was measured and its figures, units in the names (`p50Ms`, `requestsPerSecond`). */
export type BenchRow = Readonly<Record<string, string | number | null>>;

/** A figure of the design against what came out. */
export interface BenchGoal {
  /** As the design numbers it: `P8`. */
  readonly id: string;
  readonly what: string;
  readonly goal: number;
  readonly value: number;
  readonly met: boolean;
}

export interface BenchReport {
  readonly rows: readonly BenchRow[];
  readonly goals: readonly BenchGoal[];
  /** Facts of the environment that only this bench knows, added to those of the machine. */
  readonly machine?: Readonly<Record<string, string | number>>;
}

export interface BenchContext {
  /** Progress for a person; never on stdout, which belongs to the result. */
  readonly log: (line: string) => void;
  /** Arguments after the name, `--json` taken out. */
  readonly args: readonly string[];
}

export interface Bench {
  run(context: BenchContext): Promise<BenchReport>;
}

const rounded = (value: number): number =>
  Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));

/** A goal that is met from `goal` upwards. */
export const atLeast = (id: string, what: string, goal: number, value: number): BenchGoal => ({
  id,
  what,
  goal,
  value: rounded(value),
  met: value >= goal,
});

/** A goal that is met up to `goal`. */
export const atMost = (id: string, what: string, goal: number, value: number): BenchGoal => ({
  id,
  what,
  goal,
  value: rounded(value),
  met: value <= goal,
});

export const roundRow = (row: BenchRow): BenchRow =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === "number" ? rounded(value) : value]),
  );
