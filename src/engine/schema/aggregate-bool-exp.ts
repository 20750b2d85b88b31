import {
  GraphQLBoolean,
  type GraphQLEnumType,
  type GraphQLInputFieldConfigMap,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
} from "graphql";
import type { ColumnTypes } from "./column-types.ts";
import { displayName } from "./names.ts";
import type { TypeRegistry } from "./registry.ts";
import { type RoleTable, tableType } from "./types.ts";

/** What an aggregate in a filter takes and what its result is compared as; Hasura knows float8 and boolean columns only. */
interface Signature {
  readonly takes: "any" | "one" | "pair";
  readonly type: "int4" | "bool" | "float8";
}

const signatures: Readonly<Record<string, Signature>> = {
  avg: { takes: "one", type: "float8" },
  bool_and: { takes: "one", type: "bool" },
  bool_or: { takes: "one", type: "bool" },
  corr: { takes: "pair", type: "float8" },
  count: { takes: "any", type: "int4" },
  covar_samp: { takes: "pair", type: "float8" },
  max: { takes: "one", type: "float8" },
  min: { takes: "one", type: "float8" },
  stddev_samp: { takes: "one", type: "float8" },
  sum: { takes: "one", type: "float8" },
  var_samp: { takes: "one", type: "float8" },
};

/** The `udt` name of what the function yields. */
export const predicateType = (fn: string): string | undefined => signatures[fn]?.type;

interface Types {
  readonly registry: TypeRegistry;
  readonly columns: ColumnTypes;
  readonly boolExp: (table: RoleTable) => GraphQLInputObjectType;
  readonly selectColumn: (table: RoleTable) => GraphQLEnumType | undefined;
}

const argumentsOf = (
  { registry, selectColumn }: Types,
  table: RoleTable,
  fn: string,
  { takes, type }: Signature,
): GraphQLInputType | undefined => {
  if (takes === "any") {
    const column = selectColumn(table);
    return column === undefined ? undefined : new GraphQLList(new GraphQLNonNull(column));
  }
  const { naming } = table;
  const own = naming.table(table.meta);
  const predicate = [...own.words, "aggregate", "bool", "exp", fn, "arguments"];
  const names = [...table.columns].filter(([, column]) => column.type === type).map(([name]) => name);
  if (names.length === 0) return undefined;
  const column = registry.enumeration(
    tableType(table, "select", "column", ...predicate, "columns"),
    `select "${naming.bareName({ words: predicate, custom: own.custom }, "columns")}" columns of table "${displayName(table.meta.table)}"`,
    () => Object.fromEntries(names.map((name) => [name, { description: "column name" }])),
  );
  const required = new GraphQLNonNull(column);
  if (takes === "one") return required;
  return new GraphQLNonNull(
    registry.input(naming.bareName({ words: predicate, custom: own.custom }), null, () => ({
      X: { type: required },
      Y: { type: required },
    })),
  );
};

/** The filter over the aggregates of a relationship's rows: one field per function that the role's columns allow. */
export const aggregateBoolExp = (types: Types, table: RoleTable): GraphQLInputObjectType => {
  const own = table.naming.table(table.meta);
  const words = ["aggregate", "bool", "exp"];
  const name = table.naming.bareType(own, ...words);
  return types.registry.input(name, null, () => {
    const fields: GraphQLInputFieldConfigMap = {};
    for (const [fn, signature] of Object.entries(signatures)) {
      const args = argumentsOf(types, table, fn, signature);
      if (args !== undefined) {
        fields[fn] = {
          type: types.registry.input(table.naming.bareName(own, ...words, fn), null, () => ({
            arguments: { type: args },
            distinct: { type: GraphQLBoolean },
            filter: { type: types.boolExp(table) },
            predicate: { type: new GraphQLNonNull(types.columns.comparisonOf(signature.type)) },
          })),
        };
      }
    }
    return fields;
  });
};
