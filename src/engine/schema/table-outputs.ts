import {
  GraphQLBoolean,
  type GraphQLFieldConfigArgumentMap,
  GraphQLFloat,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from "graphql";
import { ColumnTypes } from "./column-types.ts";
import { columnDescription, computedFieldDescription, tableDescription } from "./descriptions.ts";
import { displayName } from "./names.ts";
import { describe, type Field, field, type Fields, type TypeRegistry } from "./registry.ts";
import { isJson } from "./scalars.ts";
import {
  aggregateColumns,
  aggregateComputedFields,
  comparableFunctions,
  numericFunctions,
  type TableInputs,
} from "./table-inputs.ts";
import { type ResolvedComputedField, type ResolvedRelationship, type RoleTable, tableType } from "./types.ts";
import { word } from "./words.ts";

/** Whether some parent of an inherited role does not show the column. */
const isRedacted = (table: RoleTable, column: string): boolean =>
  (table.select?.parents ?? []).some(({ columns }) => columns !== "*" && !columns.includes(column));

const rowsOf = (type: GraphQLObjectType): GraphQLOutputType =>
  new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));

/** Output types of tables: rows, aggregates and what a mutation answers. */
export class TableOutputs {
  readonly #registry: TypeRegistry;
  readonly #columns: ColumnTypes;
  readonly #inputs: TableInputs;
  readonly #tables: ReadonlyMap<string, RoleTable>;

  constructor(
    registry: TypeRegistry,
    columns: ColumnTypes,
    inputs: TableInputs,
    tables: ReadonlyMap<string, RoleTable>,
  ) {
    this.#registry = registry;
    this.#columns = columns;
    this.#inputs = inputs;
    this.#tables = tables;
  }

  rows(table: RoleTable): GraphQLOutputType {
    return rowsOf(this.row(table));
  }

  row(table: RoleTable): GraphQLObjectType {
    return this.#registry.object(table.graphqlName, tableDescription(table), () => {
      const fields: Fields = {};
      for (const [name, column] of table.columns) {
        fields[name] = field(
          { kind: "column", column: column.name },
          {
            type: this.#columns.output(table.info, column, isRedacted(table, column.name)),
            ...describe(columnDescription(table, column)),
            ...(isJson(column.type) ? { args: ColumnTypes.jsonPath } : {}),
          },
        );
      }
      for (const relationship of table.relationships.values()) {
        if (relationship.selectable) {
          this.#addRelationship(fields, table, relationship);
        }
      }
      for (const computed of table.computedFields.values()) {
        if (computed.selectable) fields[computed.name] = this.#computedField(table, computed);
      }
      return fields;
    });
  }

  #addRelationship(fields: Fields, table: RoleTable, relationship: ResolvedRelationship): void {
    const { name, target: key, kind } = relationship;
    const target = this.#tables.get(key);
    if (target === undefined) {
      return;
    }
    const meta = [...table.meta.objectRelationships, ...table.meta.arrayRelationships].find(
      (candidate) => candidate.name === name,
    );
    const binding = { kind: "relationship", name, target: key, relationship: kind } as const;
    if (kind === "object") {
      const type = this.row(target);
      fields[name] = field(binding, {
        type: relationship.nullable ? type : new GraphQLNonNull(type),
        description: meta?.comment ?? "An object relationship",
      });
      return;
    }
    fields[name] = field(binding, {
      type: this.rows(target),
      args: this.selectArguments(target),
      description: meta?.comment ?? "An array relationship",
    });
    if (target.select?.allowAggregations === true) {
      fields[table.naming.aggregate(name)] = field(
        { kind: "relationship_aggregate", name, target: key },
        {
          type: new GraphQLNonNull(this.aggregate(target)),
          args: this.selectArguments(target),
          description: "An aggregate relationship",
        },
      );
    }
  }

  #computedField(table: RoleTable, computed: ResolvedComputedField): Field {
    const binding = { kind: "computed_field", name: computed.name } as const;
    const description = computedFieldDescription(computed);
    const args = this.#inputs.computedFieldArguments(table, computed);
    if (computed.returns.kind === "scalar") {
      const { type } = computed.returns.column;
      return field(binding, {
        type: this.#columns.ofType(type),
        args: { ...args, ...(isJson(type) ? ColumnTypes.jsonPath : {}) },
        description,
      });
    }
    const target = this.#tables.get(computed.returns.target);
    if (target === undefined) throw new Error(`table ${computed.returns.target} is not tracked`);
    return field(binding, {
      type: new GraphQLList(new GraphQLNonNull(this.row(target))),
      args: { ...args, ...this.selectArguments(target) },
      description,
    });
  }

  selectArguments(table: RoleTable): GraphQLFieldConfigArgumentMap {
    const column = this.#inputs.selectColumn(table);
    const sortable = Object.keys(this.#inputs.orderBy(table).getFields()).length > 0;
    return {
      ...(column === undefined
        ? {}
        : {
            ...word(table.naming, "distinct_on", {
              type: new GraphQLList(new GraphQLNonNull(column)),
              description: "distinct select on columns",
            }),
          }),
      limit: { type: GraphQLInt, description: "limit the number of rows returned" },
      offset: { type: GraphQLInt, description: "skip the first n rows. Use only with order_by" },
      ...(sortable
        ? {
            ...word(table.naming, "order_by", {
              type: new GraphQLList(new GraphQLNonNull(this.#inputs.orderBy(table))),
              description: "sort the rows by one or more columns",
            }),
          }
        : {}),
      where: { type: this.#inputs.boolExp(table), description: "filter the rows returned" },
    };
  }

  aggregate(table: RoleTable): GraphQLObjectType {
    const name = tableType(table, "aggregate");
    const description = `aggregated selection of "${displayName(table.meta.table)}"`;
    return this.#registry.object(name, description, () => ({
      aggregate: field({ kind: "aggregate" }, { type: this.#aggregateFields(table) }),
      nodes: field({ kind: "nodes" }, { type: this.rows(table) }),
    }));
  }

  #aggregateFields(table: RoleTable): GraphQLObjectType {
    const name = tableType(table, "aggregate", "fields");
    const description = `aggregate fields of "${displayName(table.meta.table)}"`;
    return this.#registry.object(name, description, () => {
      const column = this.#inputs.selectColumn(table);
      const fields: Fields = {
        count: field(
          { kind: "aggregate_count" },
          {
            type: new GraphQLNonNull(GraphQLInt),
            args: {
              ...(column === undefined
                ? {}
                : { columns: { type: new GraphQLList(new GraphQLNonNull(column)) } }),
              distinct: { type: GraphQLBoolean },
            },
          },
        ),
      };
      for (const fn of [...numericFunctions, ...comparableFunctions]) {
        const columns = aggregateColumns(table, fn);
        const computed = aggregateComputedFields(table, fn);
        if (columns.length > 0 || computed.length > 0) {
          // sum, min and max stay in the column's type, the statistical ones are floats.
          const keepsType = fn === "sum" || comparableFunctions.includes(fn);
          const type = this.#registry.object(
            tableType(table, ...fn.split("_"), "fields"),
            `aggregate ${fn} on columns`,
            () => {
              const inner: Fields = {};
              for (const columnKey of columns) {
                const info = table.columns.get(columnKey);
                if (info !== undefined) {
                  inner[columnKey] = field(
                    { kind: "column", column: info.name },
                    {
                      type: keepsType ? this.#columns.ofType(info.type) : GraphQLFloat,
                      ...describe(columnDescription(table, info)),
                    },
                  );
                }
              }
              for (const { name: key, column, definition } of computed) {
                inner[key] = field(
                  { kind: "computed_field", name: key },
                  {
                    type: keepsType ? this.#columns.ofType(column.type) : GraphQLFloat,
                    args: this.#inputs.computedFieldArguments(table, definition),
                    description: computedFieldDescription(definition),
                  },
                );
              }
              return inner;
            },
          );
          fields[table.naming.field(fn)] = field({ kind: "aggregate_fn", fn }, { type });
        }
      }
      return fields;
    });
  }

  mutationResponse(table: RoleTable): GraphQLObjectType {
    const name = tableType(table, "mutation", "response");
    const description = `response of any mutation on the table "${displayName(table.meta.table)}"`;
    return this.#registry.object(name, description, () => ({
      [table.naming.field("affected_rows")]: field(
        { kind: "affected_rows" },
        {
          type: new GraphQLNonNull(GraphQLInt),
          description: "number of rows affected by the mutation",
        },
      ),
      ...(table.select === undefined
        ? {}
        : {
            returning: field(
              { kind: "returning" },
              { type: this.rows(table), description: "data from the rows affected by the mutation" },
            ),
          }),
    }));
  }
}
