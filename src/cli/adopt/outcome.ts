import type { Fault } from "./fault.ts";
import type { Kept } from "./metadata/index.ts";
import type { FileChange } from "./project/index.ts";

/** What a run is to write, and what it found. Nothing is written while there are faults. */
export interface Plan {
  readonly action: "install" | "upgrade" | "remove" | "none";
  /** The release that the project has; undefined where it has none. */
  readonly installed: string | undefined;
  readonly release: string;
  /** Name of the migration that is added, if any. */
  readonly migration: string | undefined;
  readonly changes: readonly FileChange[];
  /** What is ours but was changed by the project: left as it is. */
  readonly kept: readonly Kept[];
  /** One line each. */
  readonly notes: readonly string[];
  readonly faults: readonly Fault[];
}

export const refusedPlan = (
  base: Pick<Plan, "action" | "installed" | "release">,
  faults: readonly Fault[],
): Plan => ({ ...base, migration: undefined, changes: [], kept: [], notes: [], faults });
