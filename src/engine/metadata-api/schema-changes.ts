import type { Catalog, TableInfo } from "../catalog/index.ts";
import { qualifiedKey } from "../metadata/index.ts";
import { HasuraError } from "../errors.ts";
import { type Dependent, dependentsOfTable, permissionsNaming, relationshipsOn } from "./dependents.ts";
import {
  type Draft,
  type Entry,
  entriesOf,
  isEntry,
  readName,
  removeAt,
  sameName,
  shortName,
} from "./document.ts";

/** Columns that are neither there any more nor replaced by one at their position, which is a renamed one. */
const droppedColumns = (before: TableInfo, after: TableInfo): readonly string[] => {
  const positions = new Set([...after.columns.values()].map((column) => column.position));
  return [...before.columns.values()]
    .filter((column) => !after.columns.has(column.name) && !positions.has(column.position))
    .map((column) => column.name);
};

const dependentsOfColumn = (draft: Draft, table: TableInfo, column: string): readonly Dependent[] => [
  ...permissionsNaming(draft, table, column),
  ...relationshipsOn(draft, table, column),
];

const eventTriggersOf = (source: Entry, table: Entry): readonly Dependent[] =>
  entriesOf(table["event_triggers"]).map((trigger) => ({
    text: `event-trigger ${shortName(readName(table["table"]))}.${String(trigger["name"])} in source "${String(source["name"])}"`,
    remove: () => undefined,
  }));

const once = (dependents: readonly Dependent[]): readonly Dependent[] => [
  ...new Map(dependents.map((dependent) => [dependent.text, dependent])).values(),
];

/**
 * Takes what the SQL dropped out of the draft, together with what depended on it; refuses when something did and the
 * administrator did not say `cascade`.
 */
export const followDrops = (draft: Draft, before: Catalog, after: Catalog, cascade: boolean): void => {
  const dependents: Dependent[] = [];
  for (const source of draft.sources) {
    for (const entry of entriesOf(source["tables"])) {
      const name = readName(entry["table"]);
      const was = before.tables.get(qualifiedKey(name));
      const is = after.tables.get(qualifiedKey(name));
      if (was === undefined) continue;
      if (is === undefined) {
        const target = (from: { schema: string; name: string }, columns: readonly string[]) =>
          before.tables
            .get(qualifiedKey(from))
            ?.foreignKeys.find((key) => key.columns.join() === columns.join())?.target;
        dependents.push(...dependentsOfTable(draft, name, target), ...eventTriggersOf(source, entry));
      } else {
        for (const column of droppedColumns(was, is))
          dependents.push(...dependentsOfColumn(draft, was, column));
      }
    }
  }
  const distinct = once(dependents);
  if (distinct.length > 0 && !cascade) {
    throw new HasuraError({
      message: `cannot drop due to the following dependent objects: ${distinct.map(({ text }) => text).join(", ")}`,
      code: "dependency-error",
      path: "$",
    });
  }
  for (const dependent of distinct) dependent.remove();
  for (const source of draft.sources) {
    const gone = (key: "tables" | "functions", of: "table" | "function") => {
      const held = (catalog: Catalog, entry: Entry): boolean =>
        catalog[key].has(qualifiedKey(readName(entry[of])));
      for (const entry of entriesOf(source[key])) {
        if (held(before, entry) && !held(after, entry)) {
          removeAt(source, key, (other) => sameName(readName(other[of]), readName(entry[of])));
        }
      }
    };
    gone("tables", "table");
    gone("functions", "function");
    source["tables"] ??= [];
    for (const entry of entriesOf(source["tables"])) forgetColumns(entry, before, after);
  }
};

/** A column's own settings go with the column. */
const forgetColumns = (entry: Entry, before: Catalog, after: Catalog): void => {
  const key = qualifiedKey(readName(entry["table"]));
  const [was, is] = [before.tables.get(key), after.tables.get(key)];
  const configuration = entry["configuration"];
  if (was === undefined || is === undefined || !isEntry(configuration)) return;
  for (const setting of ["column_config", "custom_column_names"]) {
    const columns = configuration[setting];
    if (!isEntry(columns)) continue;
    for (const column of droppedColumns(was, is)) Reflect.deleteProperty(columns, column);
  }
};

/** Pairs of old and new names of the columns that the SQL renamed. */
export const renamedColumns = (
  before: TableInfo,
  after: TableInfo,
): readonly (readonly [string, string])[] => {
  const byPosition = new Map([...after.columns.values()].map((column) => [column.position, column.name]));
  return [...before.columns.values()].flatMap((column) => {
    const name = byPosition.get(column.position);
    return name === undefined || name === column.name || after.columns.has(column.name)
      ? []
      : [[column.name, name] as const];
  });
};
