import type { Catalog, TableInfo } from "../catalog/index.ts";
import { qualifiedKey } from "../metadata/index.ts";
import { shortName } from "../metadata-api/document.ts";

const textTypes = ["text", "varchar", "bpchar"];
const isText = (type: string | undefined): boolean => type !== undefined && textTypes.includes(type);

const reasonsOf = (table: TableInfo, catalog: Catalog): readonly string[] => {
  const reasons: string[] = [];
  const mismatch = (what: string, name: string, type: string): string =>
    `the table’s ${what} ("${name}") must have type "text", not type "${type}"`;
  const key = table.primaryKey?.columns ?? [];
  const [first] = key;
  if (first === undefined) {
    reasons.push("the table must have a primary key");
  } else if (key.length > 1) {
    reasons.push(
      `the table’s primary key must not span multiple columns (${key.map((name) => `"${name}"`).join(", ")})`,
    );
  } else {
    const column = table.columns.get(first);
    if (column !== undefined && !isText(column.type)) {
      reasons.push(mismatch("primary key", first, column.sqlType));
    } else {
      const values = catalog.enumValues.get(qualifiedKey(table)) ?? [];
      if (values.length === 0) reasons.push("the table must have at least one row");
      for (const { value } of values) {
        if (!/^[_A-Za-z][_0-9A-Za-z]*$/.test(value) || ["true", "false", "null"].includes(value)) {
          reasons.push(`value "${value}" is not a valid GraphQL enum value name`);
        }
      }
    }
  }
  const others = [...table.columns.values()].filter((column) => !key.includes(column.name));
  const [comment] = others;
  if (others.length > 1) {
    const names = [...table.columns.keys()].sort();
    reasons.push(
      `the table must have exactly one primary key and optionally one comment column, not ${String(names.length)} columns (${names.join(", ")})`,
    );
  } else if (comment !== undefined && !isText(comment.type)) {
    reasons.push(mismatch("comment column", comment.name, comment.sqlType));
  }
  return reasons;
};

/** Why a table cannot be used as an enum, in Hasura's words; undefined when it can. */
export const enumFault = (table: TableInfo, catalog: Catalog): string | undefined => {
  const reasons = reasonsOf(table, catalog);
  if (reasons.length === 0) return undefined;
  const subject = `the table "${shortName(table)}" cannot be used as an enum`;
  return reasons.length === 1
    ? `${subject} because ${reasons[0] ?? ""}`
    : `${subject} for the following reasons:\n${reasons.map((reason) => `  • ${reason}\n`).join("")}`;
};
