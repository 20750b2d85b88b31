import {
  type GraphQLInputFieldConfigMap,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLInputObjectType,
} from "graphql";
import type { SelectRootField } from "../metadata/types.ts";
import type { ColumnTypes } from "./column-types.ts";
import { columnDescription } from "./descriptions.ts";
import { displayName } from "./names.ts";
import { describe, type TypeRegistry } from "./registry.ts";
import { rootOf, type RootField, type TableTypes } from "./table-roots.ts";
import { type RoleTable, tableType } from "./types.ts";
import { word } from "./words.ts";

export interface StreamTypes extends TableTypes {
  readonly registry: TypeRegistry;
  readonly columns: ColumnTypes;
}

const cursorInput = (table: RoleTable, { registry, columns }: StreamTypes): GraphQLInputObjectType => {
  const { graphqlName } = table;
  const description = `Streaming cursor of the table "${graphqlName}"`;
  return registry.input(tableType(table, "stream", "cursor", "input"), description, () => ({
    ...word(table.naming, "initial_value", {
      description: "Stream column input with initial value",
      type: new GraphQLNonNull(
        registry.input(
          tableType(table, "stream", "cursor", "value", "input"),
          "Initial value of the column from where the streaming should start",
          () => {
            const fields: GraphQLInputFieldConfigMap = {};
            for (const [name, column] of table.columns) {
              fields[name] = {
                type: columns.of(table.info, column),
                ...describe(columnDescription(table, column)),
              };
            }
            return fields;
          },
        ),
      ),
    }),
    ordering: {
      description: "cursor ordering",
      type: registry.enumeration(
        table.naming.plainType("cursor_ordering"),
        "ordering argument of a cursor",
        () => ({
          ASC: { description: "ascending ordering of the cursor" },
          DESC: { description: "descending ordering of the cursor" },
        }),
      ),
    },
  }));
};

/** `x_stream`, which only subscriptions have: new rows in the order of a column, batch after batch. */
export const streamRoots = (
  table: RoleTable,
  types: StreamTypes,
  allowed: readonly SelectRootField[] | null | undefined,
): readonly RootField[] => {
  if (table.select === undefined || table.columns.size === 0) return [];
  if (allowed?.includes("select_stream") === false) return [];
  return [
    rootOf(
      table,
      "select_stream",
      {
        type: types.outputs.rows(table),
        args: {
          ...word(table.naming, "batch_size", {
            type: new GraphQLNonNull(GraphQLInt),
            description: "maximum number of rows returned in a single batch",
          }),
          cursor: {
            type: new GraphQLNonNull(new GraphQLList(cursorInput(table, types))),
            description: "cursor to stream the results returned by the query",
          },
          where: { type: types.inputs.boolExp(table), description: "filter the rows returned" },
        },
      },
      `fetch data from the table in a streaming manner: "${displayName(table.meta.table)}"`,
    ),
  ];
};
