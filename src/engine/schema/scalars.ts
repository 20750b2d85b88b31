import {
  GraphQLBoolean,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  GraphQLScalarType,
  GraphQLString,
} from "graphql";
import type { ColumnInfo } from "../catalog/types.ts";

const builtIn: Readonly<Record<string, GraphQLScalarType>> = {
  Int: GraphQLInt,
  Float: GraphQLFloat,
  String: GraphQLString,
  Boolean: GraphQLBoolean,
  ID: GraphQLID,
};

/** Where a scalar has another name in GraphQL than in pg_type. */
const renamed: Readonly<Record<string, string>> = {
  int2: "smallint",
  int4: "Int",
  int8: "bigint",
  float4: "Float",
  bool: "Boolean",
  text: "String",
  varchar: "String",
};

const numeric: ReadonlySet<string> = new Set([
  "int2",
  "int4",
  "int8",
  "float4",
  "float8",
  "numeric",
  "money",
]);
const text: ReadonlySet<string> = new Set(["text", "varchar", "bpchar", "citext"]);
/** Types that Hasura gives min and max; one that it does not know by name has neither, whatever Postgres can do. */
const comparable: ReadonlySet<string> = new Set([
  ...numeric,
  ...text,
  "date",
  "timestamp",
  "timestamptz",
  "timetz",
  "raster",
  "uuid",
  "ltree",
  "lquery",
  "ltxtquery",
]);

/** Scalars that an action may use without declaring them. */
const usableUndeclared: ReadonlySet<string> = new Set([
  "smallint",
  "bigint",
  "float8",
  "numeric",
  "money",
  "bpchar",
  "citext",
  "date",
  "time",
  "timetz",
  "timestamp",
  "timestamptz",
  "interval",
  "json",
  "jsonb",
  "uuid",
  "bytea",
  "inet",
]);

export const isArrayType = (type: string): boolean => type.startsWith("_");
export const elementType = (type: string): string => type.replace(/^_/u, "");
export const isNumeric = (type: string): boolean => numeric.has(type);
export const isText = (type: string): boolean => text.has(type);
export const isComparable = ({ type, isEnumType }: Pick<ColumnInfo, "type" | "isEnumType">): boolean =>
  isEnumType === true || isArrayType(type) || comparable.has(type);
export const isJson = (type: string): boolean => type === "json" || type === "jsonb";
export const isPostgresScalar = (name: string): boolean => usableUndeclared.has(name);
export const builtInScalar = (name: string): GraphQLScalarType | undefined =>
  Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;

/** The GraphQL name of a type that is no array: `int8` is `bigint`. */
export const scalarName = (type: string): string => renamed[type] ?? type;

/** Values pass as they are: Postgres reads and prints them. */
export const passThroughScalar = (name: string, description?: string): GraphQLScalarType =>
  new GraphQLScalarType({ name, ...(description === undefined ? {} : { description }) });
