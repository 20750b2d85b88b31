import { z } from "zod";

import { json, jsonEntry, optionalText, readArguments, refuse, source, tableName } from "../arguments.ts";
import { canonicalRelationship } from "../canonical.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { permissionsNaming, settleDependents } from "../dependents.ts";
import {
  defined,
  type Entry,
  entriesOf,
  isEntry,
  listAt,
  named,
  permissionKinds,
  relationshipKinds,
  type RelationshipKind,
  removeAt,
  shortName,
} from "../document.ts";
import { objectNames, tableAt } from "../lookup.ts";

const createOptions = z.strictObject({
  source,
  table: tableName,
  name: z.string().min(1),
  using: jsonEntry,
  comment: optionalText,
});

const fieldNames = (table: Entry): readonly unknown[] =>
  ["object_relationships", "array_relationships", "computed_fields", "remote_relationships"].flatMap((key) =>
    entriesOf(table[key]).map((entry) => entry["name"]),
  );

const create =
  (kind: RelationshipKind): ChangeCommand =>
  (draft, args, { catalog }) => {
    const options = readArguments(createOptions, args);
    const table = tableAt(draft, options.source, options.table);
    const columns = catalog.tables.get(`${options.table.schema}.${options.table.name}`)?.columns;
    if (fieldNames(table).includes(options.name) || columns?.has(options.name) === true) {
      refuse(
        "already-exists",
        `field with name "${options.name}" already exists in table "${shortName(options.table)}"`,
      );
    }
    listAt(table, `${kind}_relationships`).push(
      canonicalRelationship(defined({ name: options.name, using: options.using, comment: options.comment })),
    );
    return {
      object: objectNames.tableObject(`${kind}_relation`, options.name, options.table, options.source),
    };
  };

const find = (table: Entry, name: string): Entry =>
  relationshipKinds.flatMap((kind) => entriesOf(table[`${kind}_relationships`])).find(named(name)) ??
  refuse("not-exists", `relationship "${name}" does not exist`);

const dropOptions = z.strictObject({
  source,
  table: tableName,
  relationship: z.string(),
  cascade: z.boolean().default(false),
});

const drop: ChangeCommand = (draft, args) => {
  const options = readArguments(dropOptions, args);
  const table = tableAt(draft, options.source, options.table);
  find(table, options.relationship);
  settleDependents(permissionsNaming(draft, options.table, options.relationship), options.cascade);
  for (const kind of relationshipKinds) removeAt(table, `${kind}_relationships`, named(options.relationship));
  return {};
};

/** A boolean expression that goes through the relationship follows its new name. */
const renamedIn = (value: unknown, from: string, to: string): unknown => {
  if (Array.isArray(value)) return value.map((item) => renamedIn(item, from, to));
  if (!isEntry(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const connective = key === "_and" || key === "_or" || key === "_not" || key.startsWith("$");
      return [key === from ? to : key, connective ? renamedIn(inner, from, to) : inner];
    }),
  );
};

const renameOptions = z.strictObject({
  source,
  table: tableName,
  name: z.string(),
  new_name: z.string().min(1),
});

const rename: ChangeCommand = (draft, args) => {
  const options = readArguments(renameOptions, args);
  const table = tableAt(draft, options.source, options.table);
  const relationship = find(table, options.name);
  if (options.new_name !== options.name && fieldNames(table).includes(options.new_name)) {
    refuse(
      "already-exists",
      `cannot rename relationship "${options.name}" to "${options.new_name}" in table "${shortName(options.table)}" as a column/relationship with the name already exists`,
    );
  }
  relationship["name"] = options.new_name;
  for (const kind of permissionKinds) {
    for (const entry of entriesOf(table[`${kind}_permissions`])) {
      const permission = isEntry(entry["permission"]) ? entry["permission"] : {};
      for (const key of ["filter", "check"]) {
        if (permission[key] !== undefined) {
          permission[key] = renamedIn(permission[key], options.name, options.new_name);
        }
      }
    }
  }
  return {};
};

const commentOptions = z.strictObject({
  source,
  table: tableName,
  name: z.string(),
  comment: optionalText,
});

const setComment: ChangeCommand = (draft, args) => {
  const options = readArguments(commentOptions, args);
  const relationship = find(tableAt(draft, options.source, options.table), options.name);
  if (options.comment === null || options.comment === undefined)
    Reflect.deleteProperty(relationship, "comment");
  else relationship["comment"] = options.comment;
  return {};
};

const remoteOptions = z.looseObject({
  source,
  table: tableName,
  name: z.string().min(1),
  definition: json,
});

/** Kept in the document so that the reader of metadata refuses it by its own name. */
const createRemote: ChangeCommand = (draft, args) => {
  const options = readArguments(remoteOptions, args);
  listAt(tableAt(draft, options.source, options.table), "remote_relationships").push({
    name: options.name,
    definition: options.definition,
  });
  return {};
};

export const relationshipCommands: ChangeCommands = {
  create_object_relationship: create("object"),
  create_array_relationship: create("array"),
  drop_relationship: drop,
  rename_relationship: rename,
  set_relationship_comment: setComment,
  create_remote_relationship: createRemote,
};
