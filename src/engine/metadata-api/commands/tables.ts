import { z } from "zod";

import type { Catalog } from "../../catalog/index.ts";
import { type QualifiedName, qualifiedKey } from "../../metadata/index.ts";
import { json, jsonEntry, optionalText, readArguments, refuse, source, tableName } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { dependentsOfTable, settleDependents } from "../dependents.ts";
import {
  defined,
  type Draft,
  type Entry,
  findFunction,
  findTable,
  isEntry,
  listAt,
  readName,
  removeAt,
  sameName,
  shortName,
} from "../document.ts";
import { objectNames, sourceAt, tableAt } from "../lookup.ts";

const trackOptions = z.strictObject({
  source,
  table: tableName,
  is_enum: z.boolean().default(false),
  configuration: jsonEntry.nullish(),
  apollo_federation_config: json,
  logical_model: json,
});

type TrackOptions = z.output<typeof trackOptions>;

/** `"users"` and `{schema, name}` are the first version's way of naming a table. */
const readTrack = (args: unknown): TrackOptions => {
  const bare = typeof args === "string" || (isEntry(args) && !Object.hasOwn(args, "table"));
  if (!bare) return readArguments(trackOptions, args);
  const { source: from, is_enum: isEnum, ...name } = isEntry(args) ? args : {};
  return readArguments(trackOptions, {
    ...(from === undefined ? {} : { source: from }),
    ...(isEnum === undefined ? {} : { is_enum: isEnum }),
    table: typeof args === "string" ? args : name,
  });
};

const track = (draft: Draft, options: TrackOptions): string => {
  const owner = sourceAt(draft, options.source);
  if (findTable(owner, options.table) !== undefined) {
    refuse("already-tracked", `view/table already tracked: "${shortName(options.table)}"`);
  }
  if (findFunction(owner, options.table) !== undefined) {
    refuse("not-supported", `function with name "${shortName(options.table)}" already exists`);
  }
  listAt(owner, "tables").push(
    defined({
      table: options.table,
      is_enum: options.is_enum ? true : undefined,
      configuration: options.configuration,
      apollo_federation_config: options.apollo_federation_config,
      logical_model: options.logical_model,
    }),
  );
  return objectNames.table(options.table, options.source);
};

const foreignKeys =
  (catalog: Catalog) =>
  (from: QualifiedName, columns: readonly string[]): QualifiedName | undefined =>
    catalog.tables
      .get(qualifiedKey(from))
      ?.foreignKeys.find(
        (key) =>
          key.columns.length === columns.length && key.columns.every((column) => columns.includes(column)),
      )?.target;

const untrackOptions = z.strictObject({ source, table: tableName, cascade: z.boolean().default(false) });

const untrack = (draft: Draft, catalog: Catalog, options: z.output<typeof untrackOptions>): void => {
  const owner = sourceAt(draft, options.source);
  if (findTable(owner, options.table) === undefined) {
    refuse("already-untracked", `view/table already untracked: "${shortName(options.table)}"`);
  }
  settleDependents(dependentsOfTable(draft, options.table, foreignKeys(catalog)), options.cascade);
  removeAt(owner, "tables", (entry) => sameName(readName(entry["table"]), options.table));
  // A source keeps its list of tables even when it is empty.
  listAt(owner, "tables");
};

const many = z.strictObject({ tables: z.array(json), allow_warnings: z.boolean().default(true) });

const trackTables: ChangeCommand = (draft, args) => {
  const { tables } = readArguments(many, args);
  for (const table of tables) track(draft, readTrack(table));
  return {};
};

const untrackTables: ChangeCommand = (draft, args, { catalog }) => {
  const { tables } = readArguments(many, args);
  for (const table of tables) untrack(draft, catalog, readArguments(untrackOptions, table));
  return {};
};

const untrackTable: ChangeCommand = (draft, args, { catalog }) => {
  const bare = typeof args === "string" || (isEntry(args) && !Object.hasOwn(args, "table"));
  untrack(draft, catalog, readArguments(untrackOptions, bare ? { table: args } : args));
  return {};
};

const setTable = <S extends z.ZodRawShape>(
  shape: S,
  change: (table: Entry, options: z.output<z.ZodObject<S>>) => void,
): ChangeCommand => {
  const place = z.looseObject({ source, table: tableName });
  const whole = z.strictObject({ source: json, table: json, ...shape });
  return (draft, args) => {
    const at = readArguments(place, args);
    const options = readArguments(whole, args) as z.output<z.ZodObject<S>>;
    change(tableAt(draft, at.source, at.table), options);
    return { object: objectNames.table(at.table, at.source) };
  };
};

const putConfiguration = (table: Entry, change: Entry): void => {
  const present = isEntry(table["configuration"]) ? table["configuration"] : {};
  const next = defined({ ...present, ...change });
  if (Object.keys(next).length === 0) Reflect.deleteProperty(table, "configuration");
  else table["configuration"] = next;
};

export const tableCommands: ChangeCommands = {
  track_table: (draft, args) => ({ object: track(draft, readTrack(args)) }),
  add_existing_table_or_view: (draft, args) => ({ object: track(draft, readTrack(args)) }),
  track_tables: trackTables,
  untrack_table: untrackTable,
  untrack_tables: untrackTables,
  set_table_is_enum: setTable({ is_enum: z.boolean() }, (table, options) => {
    if (options.is_enum) table["is_enum"] = true;
    else Reflect.deleteProperty(table, "is_enum");
  }),
  set_table_customization: setTable({ configuration: jsonEntry.default({}) }, (table, options) => {
    Reflect.deleteProperty(table, "configuration");
    putConfiguration(table, options.configuration);
  }),
  set_table_custom_fields: setTable(
    {
      custom_name: optionalText,
      custom_root_fields: jsonEntry.nullish(),
      custom_column_names: jsonEntry.nullish(),
    },
    (table, options) => {
      Reflect.deleteProperty(table, "configuration");
      putConfiguration(table, options);
    },
  ),
  set_apollo_federation_config: setTable({ apollo_federation_config: json }, (table, options) => {
    const config = options.apollo_federation_config;
    if (config === null || config === undefined) Reflect.deleteProperty(table, "apollo_federation_config");
    else table["apollo_federation_config"] = config;
  }),
};
