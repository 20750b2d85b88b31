import type { Catalog } from "../catalog/index.ts";
import { type QualifiedName, qualifiedKey } from "../metadata/index.ts";
import {
  type Entry,
  entriesOf,
  findTable,
  isEntry,
  permissionKinds,
  readName,
  relationshipKinds,
  shortName,
} from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import { type Findings, keepIf } from "./inconsistency.ts";
import { targetOf } from "./relationships.ts";

interface Scope {
  readonly source: Entry;
  readonly catalog: Catalog;
}

const connectives = ["_and", "_or", "$and", "$or"];
const negations = ["_not", "$not"];
const existences = ["_exists", "$exists"];

/** The first name in a boolean expression that is nothing of its table; undefined when all are. */
const unknownName = (scope: Scope, table: QualifiedName, expression: unknown): string | undefined => {
  if (!isEntry(expression)) return undefined;
  const entry = findTable(scope.source, table) ?? {};
  const columns = scope.catalog.tables.get(qualifiedKey(table))?.columns;
  for (const [key, value] of Object.entries(expression)) {
    let fault: string | undefined;
    if (connectives.includes(key)) {
      fault = (Array.isArray(value) ? value : [value])
        .map((item) => unknownName(scope, table, item))
        .find((name) => name !== undefined);
    } else if (negations.includes(key)) {
      fault = unknownName(scope, table, value);
    } else if (existences.includes(key)) {
      const inner = isEntry(value) ? value : {};
      const target = readName(inner["_table"] ?? inner["$table"]);
      fault =
        findTable(scope.source, target) === undefined
          ? `table "${shortName(target)}" does not exist in source: ${String(scope.source["name"])}`
          : unknownName(scope, target, inner["_where"] ?? inner["$where"]);
    } else if (columns?.has(key) !== true) {
      const relationship = relationshipKinds
        .flatMap((kind) => entriesOf(entry[`${kind}_relationships`]))
        .find(({ name }) => name === key);
      if (relationship !== undefined) {
        const target = targetOf(scope.catalog, table, relationship);
        fault = target === undefined ? undefined : unknownName(scope, target, value);
      } else if (!entriesOf(entry["computed_fields"]).some(({ name }) => name === key)) {
        fault = `"${key}" does not exist`;
      }
    }
    if (fault !== undefined) return fault;
  }
  return undefined;
};

const faultOf = (scope: Scope, table: QualifiedName, permission: Entry): string | undefined => {
  const columns = scope.catalog.tables.get(qualifiedKey(table))?.columns;
  const set = isEntry(permission["set"]) ? Object.keys(permission["set"]) : [];
  const listed = Array.isArray(permission["columns"]) ? permission["columns"].map(String) : [];
  const missing = [...listed, ...set].find((name) => columns?.has(name) !== true);
  if (missing !== undefined) return `"${missing}" does not exist`;
  const computed = Array.isArray(permission["computed_fields"])
    ? permission["computed_fields"].map(String)
    : [];
  const fields = entriesOf(findTable(scope.source, table)?.["computed_fields"]);
  const field = computed.find((name) => !fields.some((known) => known["name"] === name));
  if (field !== undefined) return `"${field}" does not exist`;
  return unknownName(scope, table, permission["filter"]) ?? unknownName(scope, table, permission["check"]);
};

/** A permission whose columns or rules do not fit the table is no permission at all. */
export const checkPermissions = (findings: Findings, scope: Scope, entry: Entry): void => {
  const table = readName(entry["table"]);
  const source = String(scope.source["name"]);
  for (const kind of permissionKinds) {
    keepIf(entry, `${kind}_permissions`, (item) => {
      const permission = isEntry(item["permission"]) ? item["permission"] : {};
      const fault = faultOf(scope, table, permission);
      if (fault === undefined) return true;
      const role = String(item["role"]);
      findings.object(
        `${kind}_permission`,
        objectNames.tableObject(`${kind}_permission`, role, table, source),
        `in table "${shortName(table)}": in permission for role "${role}": ${fault}`,
        { ...item, comment: item["comment"] ?? null, source, table },
      );
      return false;
    });
  }
};
