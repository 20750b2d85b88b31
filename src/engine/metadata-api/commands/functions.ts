import { z } from "zod";

import { jsonEntry, optionalText, readArguments, refuse, roleName, source, tableName } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { permissionsNaming, settleDependents } from "../dependents.ts";
import {
  defined,
  findFunction,
  findTable,
  isEntry,
  listAt,
  named,
  readName,
  removeAt,
  sameName,
  shortName,
} from "../document.ts";
import { functionAt, objectNames, sourceAt, tableAt } from "../lookup.ts";

const functionName = tableName;

const trackOptions = z.strictObject({
  source,
  function: functionName,
  configuration: jsonEntry.nullish(),
  comment: optionalText,
});

/** `"search"` and `{schema, name}` are the first version's way of naming a function. */
const withFunction = (args: unknown): unknown =>
  typeof args === "string" || (isEntry(args) && !Object.hasOwn(args, "function")) ? { function: args } : args;

const track: ChangeCommand = (draft, args) => {
  const options = readArguments(trackOptions, withFunction(args));
  const owner = sourceAt(draft, options.source);
  if (findFunction(owner, options.function) !== undefined) {
    refuse("already-tracked", `function already tracked: "${shortName(options.function)}"`);
  }
  if (findTable(owner, options.function) !== undefined) {
    refuse("not-supported", `table with name "${shortName(options.function)}" already exists`);
  }
  listAt(owner, "functions").push(
    defined({
      function: options.function,
      configuration: options.configuration,
      comment: options.comment,
    }),
  );
  return { object: objectNames.function(options.function, options.source) };
};

const untrackOptions = z.strictObject({ source, function: functionName });

const untrack: ChangeCommand = (draft, args) => {
  const options = readArguments(untrackOptions, withFunction(args));
  functionAt(draft, options.source, options.function);
  removeAt(sourceAt(draft, options.source), "functions", (entry) =>
    sameName(readName(entry["function"]), options.function),
  );
  return {};
};

const customizeOptions = z.strictObject({
  source,
  function: functionName,
  configuration: jsonEntry.default({}),
});

const customize: ChangeCommand = (draft, args) => {
  const options = readArguments(customizeOptions, args);
  const entry = functionAt(draft, options.source, options.function);
  entry["configuration"] = options.configuration;
  return { object: objectNames.function(options.function, options.source) };
};

const permissionOptions = z.strictObject({
  source,
  function: functionName,
  role: roleName,
  comment: optionalText,
});

const createPermission: ChangeCommand = (draft, args) => {
  const options = readArguments(permissionOptions, args);
  const permissions = listAt(functionAt(draft, options.source, options.function), "permissions");
  if (permissions.some((entry) => entry["role"] === options.role)) {
    refuse(
      "already-exists",
      `permission of role "${options.role}" already exists for function "${shortName(options.function)}" in source: "${options.source}"`,
    );
  }
  permissions.push({ role: options.role });
  return { object: objectNames.functionPermission(options.role, options.function, options.source) };
};

const dropPermission: ChangeCommand = (draft, args) => {
  const options = readArguments(permissionOptions, args);
  const entry = functionAt(draft, options.source, options.function);
  if (removeAt(entry, "permissions", ({ role }) => role === options.role) === undefined) {
    refuse(
      "not-exists",
      `permission of role "${options.role}" does not exist for function "${shortName(options.function)}" in source: "${options.source}"`,
    );
  }
  return {};
};

const computedOptions = z.strictObject({
  source,
  table: tableName,
  name: z.string().min(1),
  definition: z.looseObject({ function: functionName }),
  comment: optionalText,
});

const addComputedField: ChangeCommand = (draft, args) => {
  const options = readArguments(computedOptions, args);
  const fields = listAt(tableAt(draft, options.source, options.table), "computed_fields");
  if (fields.some(named(options.name))) {
    refuse(
      "already-exists",
      `computed field "${options.name}" already exists in table "${shortName(options.table)}"`,
    );
  }
  fields.push(defined({ name: options.name, definition: options.definition, comment: options.comment }));
  return {
    object: objectNames.tableObject("computed_field", options.name, options.table, options.source),
  };
};

const dropComputedOptions = z.strictObject({
  source,
  table: tableName,
  name: z.string(),
  cascade: z.boolean().default(false),
});

const dropComputedField: ChangeCommand = (draft, args) => {
  const options = readArguments(dropComputedOptions, args);
  const table = tableAt(draft, options.source, options.table);
  if (!listAt(table, "computed_fields").some(named(options.name))) {
    refuse(
      "not-exists",
      `computed field "${options.name}" does not exist in table "${shortName(options.table)}"`,
    );
  }
  settleDependents(permissionsNaming(draft, options.table, options.name), options.cascade);
  removeAt(table, "computed_fields", named(options.name));
  return {};
};

export const functionCommands: ChangeCommands = {
  track_function: track,
  untrack_function: untrack,
  set_function_customization: customize,
  create_function_permission: createPermission,
  drop_function_permission: dropPermission,
  add_computed_field: addComputedField,
  drop_computed_field: dropComputedField,
};
