import {
  type ColumnSet,
  type DeletePermission,
  type InsertPermission,
  type Json,
  type SelectPermission,
  type UpdatePermission,
} from "../../src/engine/metadata/index.ts";
import { describePredicate, describeValue } from "./predicate.ts";

/** `*` takes in columns that are added later, `all` those of today; else whichever names fewer. */
export const describeColumns = (granted: ColumnSet, all: readonly string[]): string => {
  if (granted === "*") return "*";
  const without = all.filter((column) => !granted.includes(column));
  if (without.length === 0) return "all";
  if (without.length < granted.length) return `all but ${without.join(", ")}`;
  return granted.length === 0 ? "no column" : all.filter((column) => granted.includes(column)).join(", ");
};

const clauses = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => part !== false && part !== undefined).join("; ");

const where = (filter: Json): string => {
  const text = describePredicate(filter);
  return text === "every row" ? text : `where ${text}`;
};

const check = (rule: Json): string => {
  const text = describePredicate(rule);
  return text === "every row" ? "no check" : `check ${text}`;
};

const presets = (set: Readonly<Record<string, Json>>): string | false => {
  const entries = Object.entries(set).map(([column, value]) => `${column} = ${describeValue(value)}`);
  return entries.length > 0 && `set ${entries.join(", ")}`;
};

const rootFields = (root: string, fields: readonly string[] | null | undefined): string | undefined => {
  if (fields === null || fields === undefined) return undefined;
  return fields.length === 0 ? `no ${root} fields` : `${root} fields ${fields.join(", ")}`;
};

type WritePermission = InsertPermission | UpdatePermission | DeletePermission;

const restrictions = ({ backendOnly, validateInput }: WritePermission): readonly (string | false)[] => [
  backendOnly && "backend only",
  validateInput !== undefined && `validated by ${validateInput.url}`,
];

const describeComputedFields = (fields: ColumnSet): string | false =>
  fields.length > 0 && `computed fields ${fields === "*" ? "*" : fields.join(", ")}`;

export const describeSelect = (permission: SelectPermission, all: readonly string[]): string =>
  clauses(
    describeColumns(permission.columns, all),
    describeComputedFields(permission.computedFields),
    where(permission.filter),
    permission.limit === undefined ? "no limit" : `limit ${String(permission.limit)}`,
    permission.allowAggregations && "aggregates",
    rootFields("query", permission.queryRootFields),
    rootFields("subscription", permission.subscriptionRootFields),
  );

export const describeInsert = (permission: InsertPermission, all: readonly string[]): string =>
  clauses(
    describeColumns(permission.columns, all),
    presets(permission.set),
    check(permission.check),
    ...restrictions(permission),
  );

/** Without a check, an updated row is not looked at again: it may leave the filter. */
export const describeUpdate = (permission: UpdatePermission, all: readonly string[]): string =>
  clauses(
    describeColumns(permission.columns, all),
    presets(permission.set),
    where(permission.filter),
    permission.check !== null && check(permission.check),
    ...restrictions(permission),
  );

export const describeDelete = (permission: DeletePermission): string =>
  clauses(where(permission.filter), ...restrictions(permission));
