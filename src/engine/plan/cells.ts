import type { ColumnInfo } from "../catalog/types.ts";
import type { ColumnSet, SelectPermission } from "../metadata/types.ts";
import { compilePermission } from "../permissions/index.ts";
import type { RoleTable } from "../schema/types.ts";
import { ident } from "../sql/quote.ts";
import type { PlanContext } from "./context.ts";

const allows = (set: ColumnSet, name: string): boolean => set === "*" || set.includes(name);

/**
 * An inherited role sees a cell only where a parent that allows the column lets the row through, so that two parents
 * never add up to more than each of them grants. Undefined: every row of the role.
 */
const cellCondition = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  granted: (parent: SelectPermission) => boolean,
): string | undefined => {
  const parents = table.select?.parents ?? [];
  const granting = parents.filter(granted);
  if (granting.length === parents.length) return undefined;
  const conditions = granting.map((parent) => compilePermission(context, table, alias, parent.filter));
  return conditions.includes("true") ? undefined : conditions.map((sql) => `(${sql})`).join(" or ");
};

/** Whether columns of this table may be more than a plain reference. */
export const isGuarded = (table: RoleTable): boolean => table.select?.parents !== undefined;

const guarded = (value: string, condition: string | undefined): string =>
  condition === undefined ? value : `case when ${condition} then ${value} end`;

/** The value of a column as the role may see it. */
export const columnCell = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  column: ColumnInfo,
): string =>
  guarded(
    `${alias}.${ident(column.name)}`,
    cellCondition(context, table, alias, (parent) => allows(parent.columns, column.name)),
  );

/** The value of a scalar computed field as the role may see it. */
export const computedCell = (
  context: PlanContext,
  table: RoleTable,
  alias: string,
  name: string,
  value: string,
): string =>
  guarded(
    value,
    cellCondition(context, table, alias, (parent) => allows(parent.computedFields, name)),
  );
