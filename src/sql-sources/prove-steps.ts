import { AppError, type Database } from "../core/index.ts";
import type { Description } from "./catalog-object.ts";
import { compare } from "./compare.ts";
import { describeObjects, type DescribeSettings } from "./describe-objects.ts";
import type { Step } from "./plan-steps.ts";

const requireEqual = (expected: Description, reached: Description, direction: string): void => {
  const differences = compare(expected, reached);
  if (differences.length === 0) return;
  const labels = differences.map(({ change, object }) => `${object.label} (${change})`);
  throw new AppError({
    kind: "internal",
    code: "migration-unproven",
    message: `the migration, run ${direction}, does not give what it should: ${labels.join(", ")}; write it by hand`,
  });
};

/** Runs the steps up and down on a database as they will be run; throws `migration-unproven` unless both ends are met. */
export const proveSteps = async (
  database: Database,
  steps: readonly Step[],
  { before, target }: { readonly before: Description; readonly target: Description },
  describe: DescribeSettings,
): Promise<void> => {
  const reached = (): Promise<Description> => database.transaction((tx) => describeObjects(tx, describe));
  for (const { up } of steps) await database.transaction((tx) => tx.script(up));
  requireEqual(target, await reached(), "up");
  for (const { down } of steps.toReversed()) await database.transaction((tx) => tx.script(down));
  requireEqual(before, await reached(), "down");
};
