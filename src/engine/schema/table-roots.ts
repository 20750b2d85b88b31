import { GraphQLList, GraphQLNonNull } from "graphql";
import type { SelectRootField, TableRootField } from "../metadata/types.ts";
import { displayName } from "./names.ts";
import { field, type Field } from "./registry.ts";
import type { TableInputs } from "./table-inputs.ts";
import type { TableOutputs } from "./table-outputs.ts";
import type { RoleTable } from "./types.ts";
import { word } from "./words.ts";

export interface RootField {
  readonly name: string;
  readonly field: Field;
}

export interface TableTypes {
  readonly inputs: TableInputs;
  readonly outputs: TableOutputs;
}

/** One root field of a table: its binding, its name and its comment all follow from the kind. */
export const rootOf = (
  table: RoleTable,
  kind: TableRootField,
  shape: Pick<Field, "type" | "args">,
  description: string,
): RootField => ({
  name: table.naming.tableRoot(table.meta, kind),
  field: field(
    { kind, table: table.key },
    { ...shape, description: table.meta.customRootFields[kind]?.comment ?? description },
  ),
});

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
    roots.push(
      rootOf(
        table,
        "select",
        {
          type: outputs.rows(table),
          args: outputs.selectArguments(table),
        },
        `fetch data from the table: "${name}"`,
      ),
    );
  }
  if (shown("select_aggregate") && table.select.allowAggregations) {
    roots.push(
      rootOf(
        table,
        "select_aggregate",
        {
          type: new GraphQLNonNull(outputs.aggregate(table)),
          args: outputs.selectArguments(table),
        },
        `fetch aggregated fields from the table: "${name}"`,
      ),
    );
  }
  const key = inputs.primaryKey(table);
  if (shown("select_by_pk") && key !== undefined) {
    roots.push(
      rootOf(
        table,
        "select_by_pk",
        {
          type: outputs.row(table),
          args: key,
        },
        `fetch data from the table: "${name}" using primary key columns`,
      ),
    );
  }
  return roots;
};

const insertRoots = (table: RoleTable, { inputs, outputs }: TableTypes): readonly RootField[] => {
  if (table.insert === undefined || !table.info.insertable) {
    return [];
  }
  const name = displayName(table.meta.table);
  const input = new GraphQLNonNull(inputs.insertInput(table));
  const roots: RootField[] = [
    rootOf(
      table,
      "insert",
      {
        type: outputs.mutationResponse(table),
        args: {
          objects: {
            type: new GraphQLNonNull(new GraphQLList(input)),
            description: "the rows to be inserted",
          },
          ...inputs.onConflictField(table),
        },
      },
      `insert data into the table: "${name}"`,
    ),
  ];
  if (table.select !== undefined) {
    roots.push(
      rootOf(
        table,
        "insert_one",
        {
          type: outputs.row(table),
          args: {
            object: { type: input, description: "the row to be inserted" },
            ...inputs.onConflictField(table),
          },
        },
        `insert a single row into the table: "${name}"`,
      ),
    );
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
    rootOf(
      table,
      "update",
      {
        type: outputs.mutationResponse(table),
        args: {
          ...operators,
          where: {
            type: new GraphQLNonNull(inputs.boolExp(table)),
            description: "filter the rows which have to be updated",
          },
        },
      },
      `update data of the table: "${name}"`,
    ),
    rootOf(
      table,
      "update_many",
      {
        type: new GraphQLList(outputs.mutationResponse(table)),
        args: {
          updates: {
            type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(inputs.updates(table)))),
            description: "updates to execute, in order",
          },
        },
      },
      `update multiples rows of table: "${name}"`,
    ),
  ];
  const key = inputs.primaryKey(table);
  if (key !== undefined) {
    roots.push(
      rootOf(
        table,
        "update_by_pk",
        {
          type: outputs.row(table),
          args: {
            ...operators,
            ...word(table.naming, "pk_columns", {
              type: new GraphQLNonNull(inputs.pkColumns(table, key)),
            }),
          },
        },
        `update single row of the table: "${name}"`,
      ),
    );
  }
  return roots;
};

const deleteRoots = (table: RoleTable, { inputs, outputs }: TableTypes): readonly RootField[] => {
  if (table.delete === undefined) {
    return [];
  }
  const name = displayName(table.meta.table);
  const roots: RootField[] = [
    rootOf(
      table,
      "delete",
      {
        type: outputs.mutationResponse(table),
        args: {
          where: {
            type: new GraphQLNonNull(inputs.boolExp(table)),
            description: "filter the rows which have to be deleted",
          },
        },
      },
      `delete data from the table: "${name}"`,
    ),
  ];
  const key = inputs.primaryKey(table);
  if (key !== undefined) {
    roots.push(
      rootOf(
        table,
        "delete_by_pk",
        {
          type: outputs.row(table),
          args: key,
        },
        `delete single row from the table: "${name}"`,
      ),
    );
  }
  return roots;
};

export const mutationRoots = (table: RoleTable, types: TableTypes): readonly RootField[] => [
  ...insertRoots(table, types),
  ...updateRoots(table, types),
  ...deleteRoots(table, types),
];
