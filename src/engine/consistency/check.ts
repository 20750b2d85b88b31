import type { Catalog } from "../catalog/index.ts";
import { qualifiedKey } from "../metadata/index.ts";
import { type Draft, type Entry, entriesOf, isEntry, readName, shortName } from "../metadata-api/document.ts";
import { objectNames } from "../metadata-api/lookup.ts";
import { checkActions } from "./actions.ts";
import { checkAllowList, checkEndpoints } from "./collections.ts";
import { enumFault } from "./enum-table.ts";
import { Findings, type Inconsistency, keepIf } from "./inconsistency.ts";
import { checkPermissions } from "./permissions.ts";
import { checkRelationships } from "./relationships.ts";

const checkTables = (findings: Findings, source: Entry, catalog: Catalog): void => {
  const sourceName = String(source["name"]);
  keepIf(source, "tables", (entry) => {
    const table = readName(entry["table"]);
    const info = catalog.tables.get(qualifiedKey(table));
    const fault =
      info === undefined
        ? `no such table/view exists in source: "${shortName(table)}"`
        : entry["is_enum"] === true
          ? enumFault(info, catalog)
          : undefined;
    if (fault === undefined) return true;
    findings.object("table", objectNames.table(table, sourceName), fault, table);
    return false;
  });
  for (const entry of entriesOf(source["tables"])) checkRelationships(findings, source, catalog, entry);
  for (const entry of entriesOf(source["tables"])) checkPermissions(findings, { source, catalog }, entry);
};

const checkFunctions = (findings: Findings, source: Entry, catalog: Catalog): void => {
  const sourceName = String(source["name"]);
  keepIf(source, "functions", (entry) => {
    const fn = readName(entry["function"]);
    const info = catalog.functions.get(qualifiedKey(fn));
    const where = `in function "${shortName(fn)}"`;
    const fault =
      info === undefined
        ? `${where}: no such function exists: "${shortName(fn)}"`
        : info.overloaded
          ? `${where}: function "${shortName(fn)}" is overloaded. Overloaded functions are not supported`
          : undefined;
    if (fault === undefined) return true;
    const configuration = isEntry(entry["configuration"]) ? entry["configuration"] : {};
    findings.object("function", objectNames.function(fn, sourceName), fault, { function: fn, configuration });
    return false;
  });
};

export interface Checked {
  /** The document without what is inconsistent. */
  readonly document: Draft;
  readonly inconsistencies: readonly Inconsistency[];
}

/** Sorts out what does not fit the database, object by object, so that the rest can be served. */
export const checkConsistency = (document: Draft, catalog: Catalog): Checked => {
  const findings = new Findings();
  const kept = structuredClone(document);
  for (const source of entriesOf(kept.sources)) {
    checkTables(findings, source, catalog);
    checkFunctions(findings, source, catalog);
  }
  checkActions(findings, kept);
  checkAllowList(findings, kept);
  checkEndpoints(findings, kept);
  return { document: kept, inconsistencies: findings.found };
};
