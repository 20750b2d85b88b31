import { GraphQLList, GraphQLNonNull } from "graphql";
import type { SelectRootField, TableRootField } from "../metadata/types.ts";
import { displayName, rootFieldName } from "./names.ts";
import { field, type Field } from "./registry.ts";
import type { TableInputs } from "./table-inputs.ts";
import type { TableOutputs } from "./table-outputs.ts";
import type { RoleTable } from "./types.ts";

export interface RootField {
  readonly name: string;
  readonly field: Field;
}

export interface TableTypes {
  readonly inputs: TableInputs;
  readonly outputs: TableOutputs;
}

type Description = string;

const comment = (table: RoleTable, root: TableRootField, fallback: Description): Description =>
  table.meta.customRootFields[root]?.comment ?? fallback;

/** Root fields that read a table, for the query or the subscription root. */
export const selectRoots = (
  table: RoleTable,
  { inputs, outputs }: TableTypes,
  allowed: readonly SelectRootField[] | null | undefined,
): readonly RootField[] => {
  if (table.select === undefined) {
    return [];
  }
  const shown = (root: SelectRootField): boolean => allowed?.includes(root) ?? true;
  const name = displayName(table.meta.table);
  const roots: RootField[] = [];
  if (shown("select")) {
    roots.push({
      name: rootFieldName(table.meta, "select"),
      field: field(
        { kind: "select", table: table.key },
        {
          type: outputs.rows(table),
          args: outputs.selectArguments(table),
          description: comment(table, "select", `fetch data from the table: "${name}"`),
        },
      ),
    });
  }
  if (shown("select_aggregate") && table.select.allowAggregations) {
    roots.push({
      name: rootFieldName(table.meta, "select_aggregate"),
      field: field(
        { kind: "select_aggregate", table: table.key },
        {
          type: new GraphQLNonNull(outputs.aggregate(table)),
          args: outputs.selectArguments(table),
          description: comment(
            table,
            "select_aggregate",
            `fetch aggregated fields from the table: "${name}"`,
          ),
        },
      ),
    });
  }
  const key = inputs.primaryKey(table);
  if (shown("select_by_pk") && key !== undefined) {
    roots.push({
      name: rootFieldName(table.meta, "select_by_pk"),
      field: field(
        { kind: "select_by_pk", table: table.key },
        {
          type: outputs.row(table),
          args: key,
          description: comment(
            table,
            "select_by_pk",
            `fetch data from the table: "${name}" using primary key columns`,
          ),
        },
      ),
    });
  }
  return roots;
};

const insertRoots = (table: RoleTable, { inputs, outputs }: TableTypes): readonly RootField[] => {
  if (table.insert === undefined) {
    return [];
  }
  const name = displayName(table.meta.table);
  const input = new GraphQLNonNull(inputs.insertInput(table));
  const roots: RootField[] = [
    {
      name: rootFieldName(table.meta, "insert"),
      field: field(
        { kind: "insert", table: table.key },
        {
          type: outputs.mutationResponse(table),
          args: {
            objects: {
              type: new GraphQLNonNull(new GraphQLList(input)),
              description: "the rows to be inserted",
            },
            ...inputs.onConflictField(table),
          },
          description: comment(table, "insert", `insert data into the table: "${name}"`),
        },
      ),
    },
  ];
  if (table.select !== undefined) {
    roots.push({
      name: rootFieldName(table.meta, "insert_one"),
      field: field(
        { kind: "insert_one", table: table.key },
        {
          type: outputs.row(table),
          args: {
            object: { type: input, description: "the row to be inserted" },
            ...inputs.onConflictField(table),
          },
          description: comment(table, "insert_one", `insert a single row into the table: "${name}"`),
        },
      ),
    });
  }
  return roots;
};

const updateRoots = (table: RoleTable, { inputs, outputs }: TableTypes): readonly RootField[] => {
  if (table.update === undefined) {
    return [];
  }
  const operators = inputs.updateOperators(table);
  if (Object.keys(operators).length === 0 && Object.keys(table.update.set).length === 0) {
    return [];
  }
  const name = displayName(table.meta.table);
  const roots: RootField[] = [
    {
      name: rootFieldName(table.meta, "update"),
      field: field(
        { kind: "update", table: table.key },
        {
          type: outputs.mutationResponse(table),
          args: {
            ...operators,
            where: {
              type: new GraphQLNonNull(inputs.boolExp(table)),
              description: "filter the rows which have to be updated",
            },
          },
          description: comment(table, "update", `update data of the table: "${name}"`),
        },
      ),
    },
    {
      name: rootFieldName(table.meta, "update_many"),
      field: field(
        { kind: "update_many", table: table.key },
        {
          type: new GraphQLList(outputs.mutationResponse(table)),
          args: {
            updates: {
              type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(inputs.updates(table)))),
              description: "updates to execute, in order",
            },
          },
          description: comment(table, "update_many", `update multiples rows of table: "${name}"`),
        },
      ),
    },
  ];
  const key = inputs.primaryKey(table);
  if (key !== undefined) {
    roots.push({
      name: rootFieldName(table.meta, "update_by_pk"),
      field: field(
        { kind: "update_by_pk", table: table.key },
        {
          type: outputs.row(table),
          args: { ...operators, pk_columns: { type: new GraphQLNonNull(inputs.pkColumns(table, key)) } },
          description: comment(table, "update_by_pk", `update single row of the table: "${name}"`),
        },
      ),
    });
  }
  return roots;
};

const deleteRoots = (table: RoleTable, { inputs, outputs }: TableTypes): readonly RootField[] => {
  if (table.delete === undefined) {
    return [];
  }
  const name = displayName(table.meta.table);
  const roots: RootField[] = [
    {
      name: rootFieldName(table.meta, "delete"),
      field: field(
        { kind: "delete", table: table.key },
        {
          type: outputs.mutationResponse(table),
          args: {
            where: {
              type: new GraphQLNonNull(inputs.boolExp(table)),
              description: "filter the rows which have to be deleted",
            },
          },
          description: comment(table, "delete", `delete data from the table: "${name}"`),
        },
      ),
    },
  ];
  const key = inputs.primaryKey(table);
  if (key !== undefined) {
    roots.push({
      name: rootFieldName(table.meta, "delete_by_pk"),
      field: field(
        { kind: "delete_by_pk", table: table.key },
        {
          type: outputs.row(table),
          args: key,
          description: comment(table, "delete_by_pk", `delete single row from the table: "${name}"`),
        },
      ),
    });
  }
  return roots;
};

export const mutationRoots = (table: RoleTable, types: TableTypes): readonly RootField[] => [
  ...insertRoots(table, types),
  ...updateRoots(table, types),
  ...deleteRoots(table, types),
];
