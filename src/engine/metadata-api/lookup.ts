import type { QualifiedName } from "../metadata/index.ts";
import { refuse } from "./arguments.ts";
import { type Draft, type Entry, findFunction, findTable, shortName } from "./document.ts";

export const sourceAt = (draft: Draft, name: string): Entry =>
  draft.sources.find((source) => source["name"] === name) ??
  refuse("not-exists", `source with name "${name}" does not exist`);

export const tableAt = (draft: Draft, source: string, name: QualifiedName): Entry =>
  findTable(sourceAt(draft, source), name) ??
  refuse("not-exists", `table "${shortName(name)}" does not exist in source: ${source}`);

export const functionAt = (draft: Draft, source: string, name: QualifiedName): Entry =>
  findFunction(sourceAt(draft, source), name) ??
  refuse("not-exists", `function "${shortName(name)}" does not exist in source: "${source}"`);

/** Hasura's names of objects in lists of inconsistencies. */
export const objectNames = {
  table: (table: QualifiedName, source: string) => `table ${shortName(table)} in source ${source}`,
  tableObject: (kind: string, name: string, table: QualifiedName, source: string) =>
    `${kind} ${name} in table ${shortName(table)} in source ${source}`,
  function: (fn: QualifiedName, source: string) => `function ${shortName(fn)} in source ${source}`,
  functionPermission: (role: string, fn: QualifiedName, source: string) =>
    `function_permission ${role} permission for function ${shortName(fn)} in source ${source}`,
  action: (name: string) => `action ${name}`,
  actionPermission: (role: string, action: string) => `action_permission ${role} permission in ${action}`,
  customTypes: () => "custom_types custom_types",
  cronTrigger: (name: string) => `cron_trigger ${name}`,
  inheritedRole: (name: string) => `inherited_role inherited role ${name}`,
  endpoint: (name: string) => `rest_endpoint ${name}`,
  collectionQuery: (query: string, collection: string) => `query_collection_query ${query} in ${collection}`,
} as const;
