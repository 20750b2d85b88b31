import {
  type GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLInputFieldConfigMap,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
} from "graphql";
import type { ColumnInfo } from "../catalog/types.ts";
import { aggregateBoolExp } from "./aggregate-bool-exp.ts";
import type { AggregateFunction } from "./bindings.ts";
import type { ColumnTypes } from "./column-types.ts";
import { columnDescription } from "./descriptions.ts";
import { functionArguments } from "./function-arguments.ts";
import { displayName } from "./names.ts";
import { describe, type TypeRegistry } from "./registry.ts";
import { isComparable, isNumeric } from "./scalars.ts";
import { type ResolvedComputedField, type RoleTable, tableType } from "./types.ts";
import { word } from "./words.ts";

export const numericFunctions: readonly AggregateFunction[] = [
  "avg",
  "stddev",
  "stddev_pop",
  "stddev_samp",
  "sum",
  "var_pop",
  "var_samp",
  "variance",
];
export const comparableFunctions: readonly AggregateFunction[] = ["max", "min"];

const orderByValues: Readonly<Record<string, string>> = {
  asc: "in ascending order, nulls last",
  asc_nulls_first: "in ascending order, nulls first",
  asc_nulls_last: "in ascending order, nulls last",
  desc: "in descending order, nulls first",
  desc_nulls_first: "in descending order, nulls first",
  desc_nulls_last: "in descending order, nulls last",
};

const jsonbOperators = [
  { name: "append", description: "append existing jsonb value of filtered columns with new jsonb value" },
  { name: "prepend", description: "prepend existing jsonb value of filtered columns with new jsonb value" },
  {
    name: "delete_key",
    description:
      "delete key/value pair or string element. key/value pairs are matched based on their key value",
  },
  {
    name: "delete_elem",
    description:
      "delete the array element with specified index (negative integers count from the end). throws an error if top level container is not an array",
  },
  {
    name: "delete_at_path",
    description:
      "delete the field or element with specified path (for JSON arrays, negative integers count from the end)",
  },
] as const;

const required = <T extends GraphQLInputType>(type: T): GraphQLInputType => new GraphQLNonNull(type);
const listOf = (type: GraphQLInputType): GraphQLInputType => new GraphQLList(new GraphQLNonNull(type));

/** Names of the columns an aggregate function takes. */
export const aggregateColumns = (table: RoleTable, fn: AggregateFunction): readonly string[] =>
  [...table.columns]
    .filter(([, column]) =>
      comparableFunctions.includes(fn) ? isComparable(column) : isNumeric(column.type),
    )
    .map(([name]) => name);

/** Scalar computed fields an aggregate function takes. */
export const aggregateComputedFields = (
  table: RoleTable,
  fn: AggregateFunction,
): readonly {
  readonly name: string;
  readonly column: ColumnInfo;
  readonly definition: ResolvedComputedField;
}[] =>
  [...table.computedFields.values()].flatMap((definition) => {
    if (!definition.selectable || definition.returns.kind !== "scalar") return [];
    const { column } = definition.returns;
    const fits = comparableFunctions.includes(fn) ? isComparable(column) : isNumeric(column.type);
    return fits ? [{ name: definition.name, column, definition }] : [];
  });

/** Input types of tables: filters, orders and what is written. */
export class TableInputs {
  readonly #registry: TypeRegistry;
  readonly #columns: ColumnTypes;
  readonly #tables: ReadonlyMap<string, RoleTable>;

  constructor(registry: TypeRegistry, columns: ColumnTypes, tables: ReadonlyMap<string, RoleTable>) {
    this.#registry = registry;
    this.#columns = columns;
    this.#tables = tables;
  }

  #target(key: string): RoleTable {
    const table = this.#tables.get(key);
    if (table === undefined) {
      throw new Error(`table ${key} is not tracked`);
    }
    return table;
  }

  #selectableRelationships(table: RoleTable) {
    return table.select === undefined
      ? []
      : [...table.relationships.values()].filter((relationship) => relationship.selectable);
  }

  /** Filters and orders can hand no arguments to a function. */
  #plainComputedFields(table: RoleTable): readonly ResolvedComputedField[] {
    return [...table.computedFields.values()].filter(
      (computed) => computed.selectable && computed.inputs.length === 0,
    );
  }

  /** The `args` of a computed field; none when the function takes only the row and the session. */
  computedFieldArguments(table: RoleTable, computed: ResolvedComputedField): GraphQLFieldConfigArgumentMap {
    return functionArguments(
      { registry: this.#registry, columns: this.#columns },
      {
        object: `computed field ${computed.name} of table ${table.key}`,
        typeName: this.#argumentsType(table, computed.name),
        description: `input parameters for computed field "${computed.name}" defined on table "${displayName(table.meta.table)}"`,
        inputs: computed.inputs,
      },
    );
  }

  #argumentsType(table: RoleTable, computedField: string): string {
    const { words: own } = table.naming.table(table.meta);
    return table.naming.type({ words: [computedField, ...own], custom: false }, "args");
  }

  boolExp(table: RoleTable): GraphQLInputObjectType {
    const name = tableType(table, "bool", "exp");
    const description = `Boolean expression to filter rows from the table "${displayName(table.meta.table)}". All fields are combined with a logical 'AND'.`;
    return this.#registry.input(name, description, () => {
      const self = this.boolExp(table);
      const fields: GraphQLInputFieldConfigMap = {
        _and: { type: listOf(self) },
        _not: { type: self },
        _or: { type: listOf(self) },
      };
      for (const [column, info] of table.columns) {
        fields[column] = { type: this.#columns.comparison(table.info, info) };
      }
      for (const relationship of this.#selectableRelationships(table)) {
        const target = this.#target(relationship.target);
        fields[relationship.name] = { type: this.boolExp(target) };
        if (relationship.kind === "array" && target.select?.allowAggregations === true) {
          this.#addAggregate(fields, table, relationship.name, this.#aggregateBoolExp(target));
        }
      }
      for (const { name: computed, returns } of this.#plainComputedFields(table)) {
        fields[computed] = {
          type:
            returns.kind === "scalar"
              ? this.#columns.comparisonOf(returns.column.type)
              : this.boolExp(this.#target(returns.target)),
        };
      }
      return fields;
    });
  }

  #addAggregate(
    fields: GraphQLInputFieldConfigMap,
    table: RoleTable,
    name: string,
    type: GraphQLInputObjectType,
  ): void {
    Object.assign(fields, word(table.naming, `${name}_aggregate`, { type }, table.naming.aggregate(name)));
  }

  #aggregateBoolExp(table: RoleTable): GraphQLInputObjectType {
    return aggregateBoolExp(
      {
        registry: this.#registry,
        columns: this.#columns,
        boolExp: (target) => this.boolExp(target),
        selectColumn: (target) => this.selectColumn(target),
      },
      table,
    );
  }

  direction(): GraphQLEnumType {
    const { naming } = this.#columns;
    return this.#registry.enumeration(naming.plainType("order_by"), "column ordering options", () =>
      Object.fromEntries(
        Object.entries(orderByValues).map(([value, description]) => [
          naming.enumValue(value),
          { description, value },
        ]),
      ),
    );
  }

  orderBy(table: RoleTable): GraphQLInputObjectType {
    const description = `Ordering options when selecting data from "${displayName(table.meta.table)}".`;
    return this.#registry.input(tableType(table, "order", "by"), description, () => {
      const fields: GraphQLInputFieldConfigMap = {};
      for (const column of table.columns.keys()) {
        fields[column] = { type: this.direction() };
      }
      for (const relationship of this.#selectableRelationships(table)) {
        const target = this.#target(relationship.target);
        if (relationship.kind === "object") {
          fields[relationship.name] = { type: this.orderBy(target) };
        } else if (target.select?.allowAggregations === true) {
          this.#addAggregate(fields, table, relationship.name, this.#aggregateOrderBy(target));
        }
      }
      for (const { name: computed, returns } of this.#plainComputedFields(table)) {
        if (returns.kind === "scalar") {
          fields[computed] = { type: this.direction() };
        } else if (this.#target(returns.target).select?.allowAggregations === true) {
          this.#addAggregate(fields, table, computed, this.#aggregateOrderBy(this.#target(returns.target)));
        }
      }
      return fields;
    });
  }

  #aggregateOrderBy(table: RoleTable): GraphQLInputObjectType {
    const name = tableType(table, "aggregate", "order", "by");
    const description = `order by aggregate values of table "${displayName(table.meta.table)}"`;
    return this.#registry.input(name, description, () => {
      const fields: GraphQLInputFieldConfigMap = { count: { type: this.direction() } };
      for (const fn of [...numericFunctions, ...comparableFunctions]) {
        const columns = aggregateColumns(table, fn);
        if (columns.length > 0) {
          const type = this.#registry.input(
            tableType(table, ...fn.split("_"), "order", "by"),
            `order by ${fn}() on columns of table "${displayName(table.meta.table)}"`,
            () => Object.fromEntries(columns.map((column) => [column, { type: this.direction() }])),
          );
          Object.assign(fields, word(table.naming, fn, { type }));
        }
      }
      return fields;
    });
  }

  /** Undefined when the role can read no column: such an enum would be empty. */
  selectColumn(table: RoleTable): GraphQLEnumType | undefined {
    if (table.columns.size === 0) {
      return undefined;
    }
    const description = `select columns of table "${displayName(table.meta.table)}"`;
    return this.#registry.enumeration(tableType(table, "select", "column"), description, () =>
      Object.fromEntries([...table.columns.keys()].map((column) => [column, { description: "column name" }])),
    );
  }

  insertInput(table: RoleTable): GraphQLInputObjectType {
    const description = `input type for inserting data into table "${displayName(table.meta.table)}"`;
    return this.#registry.input(tableType(table, "insert", "input"), description, () => {
      const fields: GraphQLInputFieldConfigMap = {};
      for (const [name, column] of table.insertColumns) {
        fields[name] = {
          type: this.#columns.of(table.info, column),
          ...describe(columnDescription(table, column)),
        };
      }
      for (const relationship of table.relationships.values()) {
        const target = this.#target(relationship.target);
        if (target.insert !== undefined) {
          fields[relationship.name] = {
            type:
              relationship.kind === "object"
                ? this.#objectInsertInput(target)
                : this.#arrayInsertInput(target),
          };
        }
      }
      if (Object.keys(fields).length === 0) {
        fields["_PLACEHOLDER"] = { type: GraphQLString };
      }
      return fields;
    });
  }

  #objectInsertInput(table: RoleTable): GraphQLInputObjectType {
    const description = `input type for inserting object relation for remote table "${displayName(table.meta.table)}"`;
    return this.#registry.input(tableType(table, "obj", "rel", "insert", "input"), description, () => ({
      data: { type: required(this.insertInput(table)) },
      ...this.onConflictField(table),
    }));
  }

  #arrayInsertInput(table: RoleTable): GraphQLInputObjectType {
    const description = `input type for inserting array relation for remote table "${displayName(table.meta.table)}"`;
    return this.#registry.input(tableType(table, "arr", "rel", "insert", "input"), description, () => ({
      data: { type: required(listOf(this.insertInput(table))) },
      ...this.onConflictField(table),
    }));
  }

  /** The `on_conflict` argument; tables without a key have none. */
  onConflictField(
    table: RoleTable,
  ): Record<
    string,
    { type: GraphQLInputType; description: string; extensions?: Readonly<Record<string, string>> }
  > {
    const constraints = [
      ...(table.info.primaryKey === undefined ? [] : [table.info.primaryKey]),
      ...table.info.uniqueConstraints,
    ];
    if (constraints.length === 0) {
      return {};
    }
    const description = `on_conflict condition type for table "${displayName(table.meta.table)}"`;
    const type = this.#registry.input(tableType(table, "on", "conflict"), description, () => ({
      constraint: {
        type: required(
          this.#registry.enumeration(
            tableType(table, "constraint"),
            `unique or primary key constraints on table "${displayName(table.meta.table)}"`,
            () =>
              Object.fromEntries(
                constraints.map((constraint) => [
                  constraint.name,
                  {
                    description: `unique or primary key constraint on columns ${constraint.columns
                      .map((column) => `"${table.naming.column(table.meta, column)}"`)
                      .sort()
                      .join(", ")}`,
                  },
                ]),
              ),
          ),
        ),
      },
      ...word(table.naming, "update_columns", {
        type: required(listOf(this.#updateColumn(table))),
        defaultValue: [],
      }),
      where: { type: this.boolExp(table) },
    }));
    return word(table.naming, "on_conflict", { type, description: "upsert condition" });
  }

  #updateColumn(table: RoleTable): GraphQLEnumType {
    const name = tableType(table, "update", "column");
    if (table.updateColumns.size === 0) {
      return this.#registry.enumeration(
        name,
        `placeholder for update columns of table "${displayName(table.meta.table)}" (current role has no relevant permissions)`,
        () => ({ _PLACEHOLDER: { description: "placeholder (do not use)" } }),
      );
    }
    return this.#registry.enumeration(
      name,
      `update columns of table "${displayName(table.meta.table)}"`,
      () =>
        Object.fromEntries(
          [...table.updateColumns.keys()].map((column) => [column, { description: "column name" }]),
        ),
    );
  }

  /** `_set`, `_inc` and the jsonb operators, as arguments of updates and fields of `x_updates`. */
  updateOperators(table: RoleTable): GraphQLInputFieldConfigMap {
    const updatable = [...table.updateColumns];
    if (updatable.length === 0) {
      return {};
    }
    const fields: GraphQLInputFieldConfigMap = {
      _set: {
        description: "sets the columns of the filtered rows to the given values",
        type: this.#registry.input(
          tableType(table, "set", "input"),
          `input type for updating data in table "${displayName(table.meta.table)}"`,
          () =>
            Object.fromEntries(
              updatable.map(([name, column]) => [
                name,
                {
                  type: this.#columns.of(table.info, column),
                  ...describe(columnDescription(table, column)),
                },
              ]),
            ),
        ),
      },
    };
    const numbers = updatable.filter(([, column]) => isNumeric(column.type));
    if (numbers.length > 0) {
      const description = "increments the numeric columns with given value of the filtered values";
      fields["_inc"] = {
        description,
        type: this.#registry.input(
          tableType(table, "inc", "input"),
          `input type for incrementing numeric columns in table "${displayName(table.meta.table)}"`,
          () =>
            Object.fromEntries(
              numbers.map(([name, column]) => [name, { type: this.#columns.of(table.info, column) }]),
            ),
        ),
      };
    }
    const documents = updatable.filter(([, column]) => column.type === "jsonb");
    if (documents.length > 0) {
      for (const { name: operator, description } of jsonbOperators) {
        const type: GraphQLInputType =
          operator === "delete_key"
            ? GraphQLString
            : operator === "delete_elem"
              ? GraphQLInt
              : operator === "delete_at_path"
                ? listOf(GraphQLString)
                : this.#columns.scalar("jsonb");
        const operand = {
          description,
          type: this.#registry.input(tableType(table, ...operator.split("_"), "input"), description, () =>
            Object.fromEntries(documents.map(([name]) => [name, { type }])),
          ),
        };
        Object.assign(fields, word(table.naming, `_${operator}`, operand));
      }
    }
    return fields;
  }

  /** The primary key as arguments; undefined when there is none or the role cannot read all of it. */
  primaryKey(table: RoleTable): GraphQLInputFieldConfigMap | undefined {
    const key = table.info.primaryKey;
    if (key === undefined || table.select === undefined) {
      return undefined;
    }
    const fields: GraphQLInputFieldConfigMap = {};
    for (const name of key.columns) {
      const graphqlName = table.naming.column(table.meta, name);
      const column = table.columns.get(graphqlName);
      if (column === undefined) {
        return undefined;
      }
      fields[graphqlName] = {
        type: required(this.#columns.of(table.info, column)),
        ...describe(columnDescription(table, column)),
      };
    }
    return fields;
  }

  pkColumns(table: RoleTable, fields: GraphQLInputFieldConfigMap): GraphQLInputObjectType {
    const description = `primary key columns input for table: ${table.graphqlName}`;
    return this.#registry.input(tableType(table, "pk", "columns", "input"), description, () => fields);
  }

  updates(table: RoleTable): GraphQLInputObjectType {
    return this.#registry.input(tableType(table, "updates"), null, () => ({
      ...this.updateOperators(table),
      where: {
        type: required(this.boolExp(table)),
        description: "filter the rows which have to be updated",
      },
    }));
  }
}
