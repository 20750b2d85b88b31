import { type GraphQLFieldConfigArgumentMap, GraphQLNonNull } from "graphql";
import type { Catalog, FunctionInfo } from "../catalog/types.ts";
import { type FunctionMeta, type Metadata, qualifiedKey } from "../metadata/types.ts";
import type { ColumnTypes } from "./column-types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { functionArguments } from "./function-arguments.ts";
import { displayName, isGraphqlName } from "./names.ts";
import { type Naming, namingOf } from "./naming.ts";
import { field, type TypeRegistry } from "./registry.ts";
import { adminRole } from "./role-tables.ts";
import type { RootField } from "./table-roots.ts";
import type { TableOutputs } from "./table-outputs.ts";
import type { RoleFunction, RoleTable, SchemaOptions } from "./types.ts";

/** Which root a function stands in; VOLATILE ones change data unless the metadata says otherwise. */
export const exposedAs = (meta: FunctionMeta, info: FunctionInfo): "query" | "mutation" =>
  meta.exposedAs ?? (info.volatility === "volatile" ? "mutation" : "query");

const check = (
  meta: FunctionMeta,
  info: FunctionInfo | undefined,
  tables: ReadonlyMap<string, RoleTable>,
  naming: Naming,
) => {
  const fail = (reason: string): never => {
    throw new InconsistentMetadataError(`function ${qualifiedKey(meta.function)}`, reason);
  };
  if (info === undefined) {
    return fail("no such function in the database");
  }
  if (info.overloaded) {
    return fail("several functions have this name");
  }
  if (info.returnTable === null) {
    return fail("it does not return rows of a table");
  }
  if (!tables.has(qualifiedKey(info.returnTable))) {
    return fail(`the returned table ${qualifiedKey(info.returnTable)} is not tracked`);
  }
  if (meta.exposedAs === "mutation" && info.volatility !== "volatile") {
    return fail("only a VOLATILE function can be exposed as a mutation");
  }
  if (!isGraphqlName(naming.function(meta))) {
    return fail("its name is no GraphQL name, give it a custom_name");
  }
  if (meta.sessionArgument !== undefined) {
    const argument = info.args.find((candidate) => candidate.name === meta.sessionArgument);
    if (argument === undefined) {
      return fail(`it has no argument "${meta.sessionArgument}"`);
    }
    if (argument.type !== "json") {
      return fail(`the session argument "${meta.sessionArgument}" must be of type json`);
    }
  }
  return { info, table: qualifiedKey(info.returnTable) };
};

/** Functions the role may call; the rows they return must be selectable. */
export const buildRoleFunctions = (
  metadata: Metadata,
  catalog: Catalog,
  role: string,
  tables: ReadonlyMap<string, RoleTable>,
  options: SchemaOptions,
): ReadonlyMap<string, RoleFunction> => {
  const result = new Map<string, RoleFunction>();
  const naming = namingOf(metadata);
  for (const meta of metadata.sources.flatMap((source) => source.functions)) {
    const key = qualifiedKey(meta.function);
    const { info, table } = check(meta, catalog.functions.get(key), tables, naming);
    const inferred =
      options.inferFunctionPermissions && exposedAs(meta, info) === "query" && info.volatility !== "volatile";
    const allowed = role === adminRole || inferred || meta.permissions.includes(role);
    if (allowed && tables.get(table)?.select !== undefined) {
      result.set(key, { meta, info, key, table, naming });
    }
  }
  return result;
};

interface FunctionTypes {
  readonly registry: TypeRegistry;
  readonly columns: ColumnTypes;
  readonly outputs: TableOutputs;
}

const argumentsOf = (fn: RoleFunction, types: FunctionTypes): GraphQLFieldConfigArgumentMap =>
  functionArguments(types, {
    object: `function ${fn.key}`,
    typeName: fn.naming.functionArguments(fn.meta),
    description: `input parameters for function "${fn.naming.function(fn.meta)}"`,
    inputs: fn.info.args.filter(
      (argument) => argument.name === null || argument.name !== fn.meta.sessionArgument,
    ),
  });

export const functionRoots = (
  fn: RoleFunction,
  table: RoleTable,
  types: FunctionTypes,
): readonly RootField[] => {
  const name = displayName(fn.meta.function);
  const args = { ...argumentsOf(fn, types), ...types.outputs.selectArguments(table) };
  const roots: RootField[] = [
    {
      name: fn.naming.functionRoot(fn.meta, "function"),
      field: field(
        { kind: "function", fn: fn.key, table: fn.table },
        {
          type: fn.info.returnsSet ? types.outputs.rows(table) : types.outputs.row(table),
          args,
          description:
            fn.meta.customRootFields.function?.comment ??
            fn.meta.comment ??
            fn.info.comment ??
            `execute function "${name}" which returns "${displayName(table.meta.table)}"`,
        },
      ),
    },
  ];
  // Hasura has no aggregate of a function that changes: asking for it would run the change for a count.
  if (
    fn.info.returnsSet &&
    table.select?.allowAggregations === true &&
    exposedAs(fn.meta, fn.info) === "query"
  ) {
    roots.push({
      name: fn.naming.functionRoot(fn.meta, "function_aggregate"),
      field: field(
        { kind: "function_aggregate", fn: fn.key, table: fn.table },
        {
          type: new GraphQLNonNull(types.outputs.aggregate(table)),
          args,
          description:
            fn.meta.customRootFields.function_aggregate?.comment ??
            `execute function "${name}" and query aggregates on result of table type "${displayName(table.meta.table)}"`,
        },
      ),
    });
  }
  return roots;
};
