import { z } from "zod";

import { json, jsonEntry, optionalText, readArguments, refuse, roleName } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import {
  defined,
  type Draft,
  type Entry,
  entriesOf,
  isEntry,
  listAt,
  named,
  readName,
  removeAt,
} from "../document.ts";
import { checkHeaders } from "../headers.ts";
import { objectNames } from "../lookup.ts";

const actionOptions = z.strictObject({
  name: z.string().min(1),
  definition: jsonEntry,
  comment: optionalText,
});

const actionAt = (draft: Draft, name: string): Entry =>
  entriesOf(draft["actions"]).find(named(name)) ??
  refuse("not-exists", `action with name "${name}" does not exist`);

const create: ChangeCommand = (draft, args) => {
  const options = readArguments(actionOptions, args);
  checkHeaders(options.definition["headers"], "$.args.definition.headers");
  const actions = listAt(draft, "actions");
  if (actions.some(named(options.name))) {
    refuse("already-exists", `action with name "${options.name}" already exists`);
  }
  actions.push(
    defined({ name: options.name, definition: defined(options.definition), comment: options.comment }),
  );
  return { object: objectNames.action(options.name) };
};

const update: ChangeCommand = (draft, args) => {
  const options = readArguments(actionOptions, args);
  checkHeaders(options.definition["headers"], "$.args.definition.headers");
  const action = actionAt(draft, options.name);
  action["definition"] = defined(options.definition);
  if (options.comment === null || options.comment === undefined) Reflect.deleteProperty(action, "comment");
  else action["comment"] = options.comment;
  return { object: objectNames.action(options.name) };
};

const dropOptions = z.strictObject({ name: z.string(), clear_data: z.boolean().default(true) });

const drop: ChangeCommand = (draft, args) => {
  const options = readArguments(dropOptions, args);
  actionAt(draft, options.name);
  removeAt(draft, "actions", named(options.name));
  return options.clear_data
    ? {
        effects: [
          { text: "delete from hdb_catalog.hdb_action_log where action_name = $1", values: [options.name] },
        ],
      }
    : {};
};

const permissionOptions = z.strictObject({
  action: z.string(),
  role: roleName,
  comment: optionalText,
  definition: json,
});

const createPermission: ChangeCommand = (draft, args) => {
  const options = readArguments(permissionOptions, args);
  const permissions = listAt(actionAt(draft, options.action), "permissions");
  if (permissions.some((entry) => entry["role"] === options.role)) {
    refuse(
      "already-exists",
      `permission for role "${options.role}" is already defined on "${options.action}"`,
    );
  }
  permissions.push(defined({ role: options.role, comment: options.comment }));
  return { object: objectNames.actionPermission(options.role, options.action) };
};

const dropPermission: ChangeCommand = (draft, args) => {
  const options = readArguments(permissionOptions, args);
  const action = actionAt(draft, options.action);
  if (removeAt(action, "permissions", ({ role }) => role === options.role) === undefined) {
    refuse("not-exists", `permission for role "${options.role}" is not defined on "${options.action}"`);
  }
  return {};
};

/** A relationship of a type names its table and source in full, as Hasura exports it. */
const canonicalTypes = (types: Entry): Entry => ({
  ...types,
  ...(Array.isArray(types["objects"])
    ? {
        objects: entriesOf(types["objects"]).map((object) =>
          object["relationships"] === undefined
            ? object
            : {
                ...object,
                relationships: entriesOf(object["relationships"]).map((relationship) => ({
                  ...relationship,
                  ...(relationship["remote_table"] === undefined
                    ? {}
                    : {
                        source: "default",
                        ...relationship,
                        remote_table: readName(relationship["remote_table"]),
                      }),
                })),
              },
        ),
      }
    : {}),
});

const setCustomTypes: ChangeCommand = (draft, args) => {
  const types = canonicalTypes(defined(isEntry(args) ? args : readArguments(jsonEntry, args)));
  if (Object.keys(types).length === 0) Reflect.deleteProperty(draft, "custom_types");
  else draft["custom_types"] = types;
  return { object: objectNames.customTypes() };
};

export const actionCommands: ChangeCommands = {
  create_action: create,
  update_action: update,
  drop_action: drop,
  create_action_permission: createPermission,
  drop_action_permission: dropPermission,
  set_custom_types: setCustomTypes,
};
