import { z } from "zod";

import { dropSourceTables } from "../../../core/index.ts";

import { json, jsonEntry, readArguments, refuse } from "../arguments.ts";
import type { ChangeCommand, ChangeCommands } from "../command.ts";
import { defined, type Entry, isEntry, listAt, removeAt } from "../document.ts";
import { objectNames, sourceAt } from "../lookup.ts";

const roleOptions = z.strictObject({
  role_name: z.string().min(1),
  role_set: z.array(z.string().min(1)).min(1),
});

/** Also changes the set of a role that is there, as Hasura does. */
const addInheritedRole: ChangeCommand = (draft, args) => {
  const options = readArguments(roleOptions, args);
  if (options.role_set.includes(options.role_name)) {
    refuse("invalid-params", "an inherited role name cannot be in the role combination");
  }
  const roles = listAt(draft, "inherited_roles");
  const index = roles.findIndex((entry) => entry["role_name"] === options.role_name);
  if (index >= 0) roles[index] = options;
  else roles.push(options);
  return { object: objectNames.inheritedRole(options.role_name) };
};

const dropInheritedRole: ChangeCommand = (draft, args) => {
  const { role_name: role } = readArguments(z.strictObject({ role_name: z.string() }), args);
  if (removeAt(draft, "inherited_roles", (entry) => entry["role_name"] === role) === undefined) {
    refuse("not-exists", `"${role}" inherited role doesn't exist`);
  }
  return {};
};

/** Settings that are one value; the reader of metadata says whether the engine carries them out. */
const setting =
  (key: string): ChangeCommand =>
  (draft, args) => {
    draft[key] = readArguments(jsonEntry, args ?? {});
    return {};
  };

const unset =
  (key: string): ChangeCommand =>
  (draft) => {
    Reflect.deleteProperty(draft, key);
    return {};
  };

const addSourceOptions = z.looseObject({
  name: z.string().min(1),
  configuration: jsonEntry,
  customization: json,
  replace_configuration: z.boolean().default(false),
});

const addSource: ChangeCommand = (draft, args) => {
  const { replace_configuration: replace, ...options } = readArguments(addSourceOptions, args);
  const index = draft.sources.findIndex((entry) => entry["name"] === options.name);
  if (index >= 0 && !replace) refuse("already-exists", `source with name "${options.name}" already exists`);
  const present = index < 0 ? { tables: [] } : draft.sources[index];
  const next: Entry = { ...present, ...defined(options), kind: "postgres" };
  if (index >= 0) draft.sources[index] = next;
  else draft.sources.push(next);
  return {};
};

const updateSourceOptions = z.looseObject({ name: z.string(), configuration: jsonEntry.nullish() });

const updateSource: ChangeCommand = (draft, args) => {
  const options = readArguments(updateSourceOptions, args);
  Object.assign(sourceAt(draft, options.name), defined(options));
  return {};
};

const dropSourceOptions = z.strictObject({ name: z.string(), cascade: z.boolean().default(false) });

const dropSource: ChangeCommand = (draft, args) => {
  const { name } = readArguments(dropSourceOptions, args);
  sourceAt(draft, name);
  draft.sources = draft.sources.filter((entry) => entry["name"] !== name);
  return { effects: dropOutbox };
};

const renameSourceOptions = z.strictObject({ name: z.string(), new_name: z.string().min(1) });

const renameSource: ChangeCommand = (draft, args) => {
  const options = readArguments(renameSourceOptions, args);
  const found = sourceAt(draft, options.name);
  if (draft.sources.some((entry) => entry["name"] === options.new_name)) {
    refuse("already-exists", `source with name "${options.new_name}" already exists`);
  }
  found["name"] = options.new_name;
  return {};
};

const dropOutbox = [
  {
    // The triggers on the tables, which would write into the outbox, hang on their functions.
    text: `do $$
declare
  fn regprocedure;
begin
  for fn in
    select oid
    from pg_proc
    where pronamespace = 'hdb_catalog'::regnamespace and starts_with(proname, 'notify_hasura_')
  loop
    execute 'drop function ' || fn || ' cascade';
  end loop;
end
$$`,
    values: [],
  },
  ...dropSourceTables.map((text) => ({ text, values: [] })),
];

/** The default source stays, without its tables: Hasura does so when the server was started with a database. */
const clear: ChangeCommand = (draft) => {
  const kept = draft.sources.filter((entry) => entry["name"] === "default");
  for (const key of Object.keys(draft)) if (key !== "version") Reflect.deleteProperty(draft, key);
  draft.sources = kept.map(({ name, kind, configuration }) => ({ name, kind, tables: [], configuration }));
  return { effects: dropOutbox };
};

const setCustomization: ChangeCommand = (draft, args) => {
  const options = readArguments(z.strictObject({ source: z.string(), customization: json }), args);
  const found = sourceAt(draft, options.source);
  if (isEntry(options.customization)) found["customization"] = options.customization;
  else Reflect.deleteProperty(found, "customization");
  return {};
};

export const settingCommands: ChangeCommands = {
  add_inherited_role: addInheritedRole,
  drop_inherited_role: dropInheritedRole,
  set_graphql_schema_introspection_options: setting("graphql_schema_introspection"),
  set_api_limits: setting("api_limits"),
  remove_api_limits: unset("api_limits"),
  add_source: addSource,
  update_source: updateSource,
  drop_source: dropSource,
  rename_source: renameSource,
  set_source_customization: setCustomization,
  clear_metadata: clear,
};
