import { GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import type { Catalog } from "../catalog/types.ts";
import type { Metadata } from "../metadata/types.ts";
import { ActionTypes, buildRoleActions } from "./actions.ts";
import { directives } from "./directives.ts";
import { checkPermissions } from "./check-permissions.ts";
import { ColumnTypes } from "./column-types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { buildRoleFunctions, exposedAs, functionRoots } from "./functions.ts";
import { withInheritedRoles } from "./inherited-roles.ts";
import type { Naming } from "./naming.ts";
import { field, type Fields, sorted, twoTypes, TypeRegistry } from "./registry.ts";
import { buildRoleTables } from "./role-tables.ts";
import { streamRoots } from "./stream-roots.ts";
import { TableInputs } from "./table-inputs.ts";
import { TableOutputs } from "./table-outputs.ts";
import { mutationRoots, type RootField, selectRoots } from "./table-roots.ts";
import type { BuildRoleSchemaInput, RoleSchema } from "./types.ts";

const noQueries: RootField = {
  name: "no_queries_available",
  field: field(
    { kind: "no_queries_available" },
    {
      type: new GraphQLNonNull(GraphQLString),
      description:
        "There are no queries available to the current role. Either there are no sources or remote schemas configured, or the current role doesn't have the required permissions.",
    },
  ),
};

const collect = (root: string, fields: readonly RootField[]): Fields => {
  const result: Fields = {};
  for (const entry of fields) {
    if (Object.hasOwn(result, entry.name)) {
      throw new InconsistentMetadataError(`field ${entry.name}`, `stands twice in ${root}`);
    }
    result[entry.name] = entry.field;
  }
  return sorted(result);
};

const rootType = (name: string, fields: Fields): GraphQLObjectType | undefined =>
  Object.keys(fields).length === 0 ? undefined : new GraphQLObjectType({ name, fields });

/** Under a namespace the root fields of the source stand one level deeper; actions never do. */
const namespaced = (
  naming: Naming,
  root: "query" | "mutation_frontend" | "subscription",
  fields: readonly RootField[],
): readonly RootField[] => {
  const { namespace } = naming;
  if (namespace === undefined || fields.length === 0) return fields;
  const name = naming.namespaceType(namespace, root);
  const type = new GraphQLObjectType({ name, fields: collect(name, fields) });
  return [{ name: namespace, field: field({ kind: "namespace" }, { type }) }];
};

interface RoleParts {
  readonly metadata: Metadata;
  readonly catalog: Catalog;
  readonly tables: RoleSchema["tables"];
  readonly functions: RoleSchema["functions"];
  readonly actions: RoleSchema["actions"];
}

const buildTypes = ({ metadata, catalog, tables, functions, actions }: RoleParts): GraphQLSchema => {
  const registry = new TypeRegistry();
  const columns = new ColumnTypes(registry, metadata, catalog);
  const inputs = new TableInputs(registry, columns, tables);
  const outputs = new TableOutputs(registry, columns, inputs, tables);
  const actionTypes = new ActionTypes(registry, columns, metadata.customTypes, outputs, tables);
  const types = { inputs, outputs };

  const sourceQueries: RootField[] = [];
  const sourceMutations: RootField[] = [];
  const sourceSubscriptions: RootField[] = [];
  for (const table of tables.values()) {
    sourceQueries.push(...selectRoots(table, types, table.select?.queryRootFields));
    sourceSubscriptions.push(
      ...selectRoots(table, types, table.select?.subscriptionRootFields),
      ...streamRoots(table, { ...types, registry, columns }, table.select?.subscriptionRootFields),
    );
    sourceMutations.push(...mutationRoots(table, types));
  }
  for (const fn of functions.values()) {
    const table = tables.get(fn.table);
    if (table !== undefined) {
      const roots = functionRoots(fn, table, { registry, columns, outputs });
      if (exposedAs(fn.meta, fn.info) === "query") {
        sourceQueries.push(...roots);
        sourceSubscriptions.push(...roots);
      } else {
        sourceMutations.push(...roots);
      }
    }
  }
  const { naming } = columns;
  const queries = [...namespaced(naming, "query", sourceQueries)];
  const mutations = [...namespaced(naming, "mutation_frontend", sourceMutations)];
  const subscriptions = [...namespaced(naming, "subscription", sourceSubscriptions)];
  for (const action of actions.values()) {
    (action.operation === "query" ? queries : mutations).push(actionTypes.root(action));
    if (action.kind === "asynchronous") {
      queries.push(actionTypes.result(action));
      subscriptions.push(actionTypes.result(action));
    }
  }

  const query = rootType("query_root", collect("query_root", queries.length === 0 ? [noQueries] : queries));
  const mutation = rootType("mutation_root", collect("mutation_root", mutations));
  const subscription = rootType("subscription_root", collect("subscription_root", subscriptions));
  try {
    return new GraphQLSchema({
      ...(query === undefined ? {} : { query }),
      ...(mutation === undefined ? {} : { mutation }),
      ...(subscription === undefined ? {} : { subscription }),
      directives,
      assumeValid: true,
    });
  } catch (error) {
    // The names of roots and of built-in scalars are not in the registry.
    const name = /multiple types named "(\w+)"/.exec(error instanceof Error ? error.message : "")?.[1];
    throw name === undefined ? error : twoTypes(name);
  }
};

/**
 * The GraphQL schema of one role: what the role may not see is not in it. Tables, functions and actions are checked here;
 * the types are made when first asked for, because they are what takes the time.
 */
export const buildRoleSchema = ({
  metadata: given,
  catalog,
  role,
  backendOnly,
  options,
}: BuildRoleSchemaInput): RoleSchema => {
  const { metadata } = withInheritedRoles(given);
  const tables = buildRoleTables(metadata, catalog, role, backendOnly);
  const functions = buildRoleFunctions(metadata, catalog, role, tables, options);
  const actions = buildRoleActions(metadata, role);
  let types: GraphQLSchema | undefined;
  const built: RoleSchema = {
    role,
    get schema() {
      return (types ??= buildTypes({ metadata, catalog, tables, functions, actions }));
    },
    tables,
    functions,
    actions,
    customTypes: metadata.customTypes,
    introspection: !metadata.introspectionDisabledFor.includes(role),
  };
  checkPermissions(built);
  return built;
};
