import {
  GraphQLBoolean,
  type GraphQLEnumType,
  type GraphQLInputObjectType,
  type GraphQLInputFieldConfigMap,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLOutputType,
  GraphQLScalarType,
  GraphQLString,
} from "graphql";
import type { Catalog, ColumnInfo, EnumValue, TableInfo } from "../catalog/types.ts";
import { type Metadata, qualifiedKey } from "../metadata/types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { isGraphqlName } from "./names.ts";
import { type Naming, namingOf } from "./naming.ts";
import { describe, type TypeRegistry } from "./registry.ts";
import { builtInScalar, elementType, isArrayType, isText, passThroughScalar, scalarName } from "./scalars.ts";
import { words } from "./words.ts";

type ColumnType = GraphQLList<GraphQLNonNull<GraphQLScalarType>> | GraphQLScalarType | GraphQLEnumType;

const listOf = <T extends GraphQLInputType>(type: T): GraphQLList<GraphQLNonNull<T>> =>
  new GraphQLList(new GraphQLNonNull(type));

interface EnumTable {
  readonly name: string;
  readonly values: readonly EnumValue[];
}

/** GraphQL types of columns and the comparisons possible on them. */
export class ColumnTypes {
  readonly #registry: TypeRegistry;
  readonly #enums: ReadonlyMap<string, EnumTable>;
  readonly naming: Naming;

  constructor(registry: TypeRegistry, metadata: Metadata, catalog: Catalog) {
    this.#registry = registry;
    const naming = namingOf(metadata);
    this.naming = naming;
    const enums = new Map<string, EnumTable>();
    for (const meta of metadata.sources.flatMap((source) => source.tables)) {
      if (meta.isEnum) {
        const key = qualifiedKey(meta.table);
        const values = catalog.enumValues.get(key) ?? [];
        const bad = values.find((value) => !isGraphqlName(value.value));
        if (values.length === 0 || bad !== undefined) {
          throw new InconsistentMetadataError(
            `table ${key}`,
            bad === undefined
              ? "an enum table needs at least one row"
              : `"${bad.value}" cannot be the value of an enum in GraphQL`,
          );
        }
        enums.set(key, { name: naming.type(naming.table(meta), "enum"), values });
      }
    }
    this.#enums = enums;
  }

  scalar(name: string): GraphQLScalarType {
    return builtInScalar(name) ?? this.#registry.type(name, GraphQLScalarType, () => passThroughScalar(name));
  }

  /** A column that references an enum table by one column takes its rows as values. */
  #enumOf(table: TableInfo, column: ColumnInfo): EnumTable | undefined {
    const key = table.foreignKeys.find(
      (candidate) =>
        candidate.columns.length === 1 &&
        candidate.columns[0] === column.name &&
        this.#enums.has(qualifiedKey(candidate.target)),
    );
    return key === undefined ? undefined : this.#enums.get(qualifiedKey(key.target));
  }

  #enumeration(table: EnumTable): GraphQLEnumType {
    return this.#registry.enumeration(table.name, null, () =>
      Object.fromEntries(
        table.values.map(({ value, comment }) => [
          this.naming.enumValue(value),
          { ...describe(comment), value },
        ]),
      ),
    );
  }

  /** The type of a bare Postgres type, as function arguments have it. */
  ofType(type: string): ColumnType {
    const scalar = this.scalar(scalarName(elementType(type)));
    return isArrayType(type) ? listOf(scalar) : scalar;
  }

  of(table: TableInfo, column: ColumnInfo): ColumnType {
    const enumTable = this.#enumOf(table, column);
    return enumTable === undefined ? this.ofType(column.type) : this.#enumeration(enumTable);
  }

  /** `redacted`: a column that not every parent of an inherited role may see can be null for any row. */
  output(table: TableInfo, column: ColumnInfo, redacted = false): GraphQLOutputType {
    const type = this.of(table, column);
    return column.nullable || redacted ? type : new GraphQLNonNull(type);
  }

  comparison(table: TableInfo, column: ColumnInfo): GraphQLInputObjectType {
    const enumTable = this.#enumOf(table, column);
    if (enumTable !== undefined) {
      const type = this.#enumeration(enumTable);
      return this.#registry.input(
        this.naming.plainType(`${enumTable.name}_comparison_exp`),
        `Boolean expression to compare columns of type "${enumTable.name}". All fields are combined with logical 'AND'.`,
        () =>
          words(this.naming, {
            _eq: { type },
            _in: { type: listOf(type) },
            _is_null: { type: GraphQLBoolean },
            _neq: { type },
            _nin: { type: listOf(type) },
          }),
      );
    }
    return this.comparisonOf(column.type);
  }

  /** The comparisons of a bare Postgres type, as computed fields have it. */
  comparisonOf(type: string): GraphQLInputObjectType {
    return isArrayType(type) ? this.#arrayComparison(type) : this.#scalarComparison(type);
  }

  #arrayComparison(type: string): GraphQLInputObjectType {
    const element = scalarName(elementType(type));
    const list = listOf(this.scalar(element));
    return this.#registry.input(
      this.naming.plainType(`${element}_array_comparison_exp`),
      `Boolean expression to compare columns of type "${element}". All fields are combined with logical 'AND'.`,
      () =>
        words(this.naming, {
          ...basicComparisons(list),
          _contained_in: {
            type: list,
            description: "is the array contained in the given array value",
          },
          _contains: { type: list, description: "does the array contain the given value" },
        }),
    );
  }

  #scalarComparison(type: string): GraphQLInputObjectType {
    const name = scalarName(type);
    const scalar = this.scalar(name);
    return this.#registry.input(
      this.naming.plainType(`${name}_comparison_exp`),
      `Boolean expression to compare columns of type "${name}". All fields are combined with logical 'AND'.`,
      () =>
        words(this.naming, {
          ...basicComparisons(scalar),
          ...(isText(type) ? textComparisons(scalar) : {}),
          ...(type === "jsonb" ? this.#jsonbComparisons(scalar) : {}),
          ...(type === "ltree" ? this.#ltreeComparisons(scalar) : {}),
        }),
    );
  }

  #jsonbComparisons(scalar: GraphQLScalarType): GraphQLInputFieldConfigMap {
    const cast = this.#registry.input(this.naming.plainType("jsonb_cast_exp"), null, () => ({
      String: { type: this.#scalarComparison("text") },
    }));
    return {
      _cast: { type: cast },
      _contained_in: { type: scalar, description: "is the column contained in the given json value" },
      _contains: {
        type: scalar,
        description: "does the column contain the given json value at the top level",
      },
      _has_key: {
        type: GraphQLString,
        description: "does the string exist as a top-level key in the column",
      },
      _has_keys_all: {
        type: listOf(GraphQLString),
        description: "do all of these strings exist as top-level keys in the column",
      },
      _has_keys_any: {
        type: listOf(GraphQLString),
        description: "do any of these strings exist as top-level keys in the column",
      },
    };
  }

  #ltreeComparisons(scalar: GraphQLScalarType): GraphQLInputFieldConfigMap {
    return {
      _ancestor: {
        type: scalar,
        description: "is the left argument an ancestor of right (or equal)?",
      },
      _ancestor_any: {
        type: listOf(scalar),
        description: "does array contain an ancestor of `ltree`?",
      },
      _descendant: {
        type: scalar,
        description: "is the left argument a descendant of right (or equal)?",
      },
      _descendant_any: {
        type: listOf(scalar),
        description: "does array contain a descendant of `ltree`?",
      },
      _matches: { type: this.scalar("lquery"), description: "does `ltree` match `lquery`?" },
      _matches_any: {
        type: listOf(GraphQLString),
        description: "does `ltree` match any `lquery` in array?",
      },
      _matches_fulltext: {
        type: this.scalar("ltxtquery"),
        description: "does `ltree` match `ltxtquery`?",
      },
    };
  }

  /** Arguments of a json column: a path into the value. */
  static readonly jsonPath = { path: { type: GraphQLString, description: "JSON select path" } };
}

const basicComparisons = (type: GraphQLInputType): GraphQLInputFieldConfigMap => ({
  _eq: { type },
  _gt: { type },
  _gte: { type },
  _in: { type: listOf(type) },
  _is_null: { type: GraphQLBoolean },
  _lt: { type },
  _lte: { type },
  _neq: { type },
  _nin: { type: listOf(type) },
});

const textDescriptions: Readonly<Record<string, string>> = {
  _ilike: "does the column match the given case-insensitive pattern",
  _iregex: "does the column match the given POSIX regular expression, case insensitive",
  _like: "does the column match the given pattern",
  _nilike: "does the column NOT match the given case-insensitive pattern",
  _niregex: "does the column NOT match the given POSIX regular expression, case insensitive",
  _nlike: "does the column NOT match the given pattern",
  _nregex: "does the column NOT match the given POSIX regular expression, case sensitive",
  _nsimilar: "does the column NOT match the given SQL regular expression",
  _regex: "does the column match the given POSIX regular expression, case sensitive",
  _similar: "does the column match the given SQL regular expression",
};

const textComparisons = (type: GraphQLInputType): GraphQLInputFieldConfigMap =>
  Object.fromEntries(
    Object.entries(textDescriptions).map(([name, description]) => [name, { type, description }]),
  );
