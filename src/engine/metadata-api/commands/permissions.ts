import { z } from "zod";

import { jsonEntry, optionalText, readArguments, refuse, roleName, source, tableName } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import {
  defined,
  entriesOf,
  listAt,
  type PermissionKind,
  permissionKinds,
  removeAt,
  shortName,
} from "../document.ts";
import { objectNames, tableAt } from "../lookup.ts";

const createOptions = z.strictObject({
  source,
  table: tableName,
  role: roleName,
  permission: jsonEntry,
  comment: optionalText,
});

const dropOptions = z.strictObject({ source, table: tableName, role: roleName });

const hasRole =
  (role: string) =>
  (entry: Readonly<Record<string, unknown>>): boolean =>
    entry["role"] === role;

const create =
  (kind: PermissionKind): ChangeCommand =>
  (draft, args) => {
    const options = readArguments(createOptions, args);
    const table = tableAt(draft, options.source, options.table);
    const present = entriesOf(table[`${kind}_permissions`]);
    // The administrator has every permission from the beginning.
    if (options.role === "admin" || present.some(hasRole(options.role))) {
      refuse(
        "already-exists",
        `${kind} permission already defined on table "${shortName(options.table)}" with role "${options.role}"`,
      );
    }
    listAt(table, `${kind}_permissions`).push(
      defined({ role: options.role, permission: options.permission, comment: options.comment }),
    );
    return {
      object: objectNames.tableObject(`${kind}_permission`, options.role, options.table, options.source),
    };
  };

const missing = (kind: string, table: z.output<typeof tableName>, role: string): never =>
  refuse(
    "permission-denied",
    `'${kind}' permission on "${shortName(table)}" for role "${role}" does not exist`,
  );

const drop =
  (kind: PermissionKind): ChangeCommand =>
  (draft, args) => {
    const options = readArguments(dropOptions, args);
    const table = tableAt(draft, options.source, options.table);
    if (removeAt(table, `${kind}_permissions`, hasRole(options.role)) === undefined) {
      missing(kind, options.table, options.role);
    }
    return {};
  };

const commentOptions = z.strictObject({
  source,
  table: tableName,
  role: roleName,
  type: z.enum(permissionKinds),
  comment: optionalText,
});

const setComment: ChangeCommand = (draft, args) => {
  const options = readArguments(commentOptions, args);
  const table = tableAt(draft, options.source, options.table);
  const permission =
    entriesOf(table[`${options.type}_permissions`]).find(hasRole(options.role)) ??
    missing(options.type, options.table, options.role);
  if (options.comment === null || options.comment === undefined)
    Reflect.deleteProperty(permission, "comment");
  else permission["comment"] = options.comment;
  return {};
};

export const permissionCommands: ChangeCommands = {
  ...Object.fromEntries(
    permissionKinds.flatMap((kind) => [
      [`create_${kind}_permission`, create(kind)],
      [`drop_${kind}_permission`, drop(kind)],
    ]),
  ),
  set_permission_comment: setComment,
};
