import {
  getNamedType,
  getNullableType,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type TypeNode,
  type ValueNode,
  type VariableDefinitionNode,
} from "graphql";
import { HasuraError, validationFailed } from "../errors.ts";
import { isGraphqlName } from "../schema/names.ts";
import { canonicalOf } from "../schema/words.ts";
import { isRawList, isRawObject, NumberLiteral, type Raw } from "../sql/raw.ts";
import type { Variables } from "../sql/builder.ts";
import { scientific } from "../sql/values.ts";

/** An argument checked against its GraphQL type. `deferred` is a variable whose value is read only at execution. */
export type Input =
  | { readonly kind: "null"; readonly type: string; readonly path: string }
  | { readonly kind: "scalar"; readonly type: string; readonly value: Raw; readonly path: string }
  | { readonly kind: "deferred"; readonly type: string; readonly variable: string; readonly path: string }
  | { readonly kind: "enum"; readonly type: string; readonly value: string; readonly path: string }
  | { readonly kind: "list"; readonly type: string; readonly items: readonly Input[]; readonly path: string }
  | {
      readonly kind: "object";
      readonly type: string;
      readonly fields: ReadonlyMap<string, Input>;
      readonly path: string;
    };

export interface InputScope {
  readonly variables: Variables;
  readonly declared: ReadonlyMap<string, VariableDefinitionNode>;
  /** Told of every variable whose value shapes the plan, so that the plan is not reused for another value. */
  readonly structural: (name: string) => void;
}

type Source = { readonly node: ValueNode } | { readonly raw: Raw };

const listOf = (names: readonly string[]): string => `[${names.map((name) => `'${name}'`).join(", ")}]`;

const describe = (source: Source): string => {
  if ("node" in source) {
    switch (source.node.kind) {
      case Kind.NULL:
        return "null";
      case Kind.INT:
        return "an integer";
      case Kind.FLOAT:
        return "a float";
      case Kind.STRING:
        return "a string";
      case Kind.BOOLEAN:
        return "a boolean";
      case Kind.ENUM:
        return "an enum value";
      case Kind.LIST:
        return "a list";
      default:
        return "an object";
    }
  }
  const { raw } = source;
  if (raw === null) return "null";
  if (typeof raw === "string") return "a string";
  if (typeof raw === "boolean") return "a boolean";
  // A literal of the document says what it is, a number of the variables does not.
  if (raw instanceof NumberLiteral) return /^-?\d+$/.test(raw.text) ? "an integer" : "a float";
  if (typeof raw === "number") return "a number";
  return Array.isArray(raw) ? "a list" : "an object";
};

const typeNodeText = (node: TypeNode): string => {
  if (node.kind === "NonNullType") return `${typeNodeText(node.type)}!`;
  return node.kind === "ListType" ? `[${typeNodeText(node.type)}]` : node.name.value;
};

/** Whether a variable of type `declared` may stand where `type` is expected. */
const fits = (declared: TypeNode, type: GraphQLInputType, hasDefault: boolean): boolean => {
  if (isNonNullType(type)) {
    if (declared.kind === "NonNullType") return fits(declared.type, type.ofType, false);
    return hasDefault && fits(declared, type.ofType, false);
  }
  if (declared.kind === "NonNullType") return fits(declared.type, type, false);
  if (isListType(type)) {
    // One value stands for a list of one only where it is written out, never as a variable.
    return declared.kind === "ListType" && fits(declared.type, type.ofType, false);
  }
  return declared.kind === "NamedType" && declared.name.value === getNamedType(type).name;
};

/** A literal, variables inside it replaced. */
export const rawOf = (scope: InputScope, node: ValueNode, path: string): Raw => {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.INT:
    case Kind.FLOAT:
      return new NumberLiteral(node.value);
    case Kind.STRING:
    case Kind.ENUM:
      return node.value;
    case Kind.BOOLEAN:
      return node.value;
    case Kind.LIST:
      return node.values.map((item) => rawOf(scope, item, path));
    case Kind.OBJECT:
      return Object.fromEntries(
        node.fields.map((field) => [field.name.value, rawOf(scope, field.value, path)]),
      );
    case Kind.VARIABLE: {
      const name = node.name.value;
      if (!scope.declared.has(name)) throw validationFailed(`unbound variable '${name}'`, path);
      scope.structural(name);
      return scope.variables.get(name) ?? null;
    }
  }
};

const isScalarList = (type: GraphQLInputType): boolean => {
  const named = getNamedType(type);
  return !isInputObjectType(named) && !isEnumType(named);
};

const readEnum = (type: GraphQLEnumType, source: Source, path: string): Input => {
  let name: string | undefined;
  if ("node" in source) name = source.node.kind === "EnumValue" ? source.node.value : undefined;
  else name = typeof source.raw === "string" ? source.raw : undefined;
  if (name === undefined) {
    throw validationFailed(
      `expected an enum value for type '${type.name}', but found ${describe(source)}`,
      path,
    );
  }
  const known = type.getValue(name);
  if (!known) {
    const values = type.getValues().map((value) => value.name);
    throw validationFailed(
      `expected one of the values ${listOf(values)} for type '${type.name}', but found '${name}'`,
      path,
    );
  }
  // An enum value may stand for another word: `ASC` for `asc` under the other naming convention.
  const value = typeof known.value === "string" ? known.value : name;
  return { kind: "enum", type: type.name, value, path };
};

const readObject = (scope: InputScope, type: GraphQLInputObjectType, source: Source, path: string): Input => {
  const entries: [string, Source][] = [];
  if ("node" in source && source.node.kind === "ObjectValue") {
    for (const field of source.node.fields) entries.push([field.name.value, { node: field.value }]);
  } else if ("raw" in source && isRawObject(source.raw)) {
    for (const [key, raw] of Object.entries(source.raw)) entries.push([key, { raw }]);
  } else {
    throw validationFailed(`expected an object for type '${type.name}', but found ${describe(source)}`, path);
  }
  const known = type.getFields();
  const fields = new Map<string, Input>();
  for (const [key] of entries) {
    if (known[key]) continue;
    if (!isGraphqlName(key)) {
      throw validationFailed(
        `variable value contains object with key "${key}", which is not a legal GraphQL name`,
        path,
      );
    }
    throw validationFailed(`field '${key}' not found in type: '${type.name}'`, `${path}.${key}`);
  }
  for (const [key, item] of entries) {
    const field = known[key];
    if (!field) continue;
    fields.set(canonicalOf(field), read(scope, field.type, item, `${path}.${key}`));
  }
  for (const field of Object.values(known)) {
    if (isNonNullType(field.type) && field.defaultValue === undefined && !fields.has(canonicalOf(field))) {
      throw validationFailed(`missing required field '${field.name}'`, `${path}.${field.name}`);
    }
  }
  return { kind: "object", type: type.name, fields, path };
};

const readVariable = (scope: InputScope, type: GraphQLInputType, name: string, path: string): Input => {
  const definition = scope.declared.get(name);
  if (!definition) throw validationFailed(`unbound variable '${name}'`, path);
  const hasDefault = definition.defaultValue !== undefined && definition.defaultValue.kind !== "NullValue";
  if (!fits(definition.type, type, hasDefault)) {
    throw validationFailed(
      `variable '${name}' is declared as '${typeNodeText(definition.type)}', but used where '${String(type)}' is expected`,
      path,
    );
  }
  const raw = scope.variables.get(name) ?? null;
  if (raw !== null && isScalarList(type)) {
    return { kind: "deferred", type: getNamedType(type).name, variable: name, path };
  }
  // Whether a variable is null is part of every cache key, its content is not.
  if (raw !== null) scope.structural(name);
  return read(scope, type, { raw }, path);
};

const isNullSource = (source: Source): boolean =>
  "node" in source ? source.node.kind === "NullValue" : source.raw === null;

const read = (scope: InputScope, type: GraphQLInputType, source: Source, path: string): Input => {
  if ("node" in source && source.node.kind === "Variable") {
    return readVariable(scope, type, source.node.name.value, path);
  }
  const inner = getNullableType(type);
  const named = getNamedType(type).name;
  if (isNullSource(source)) {
    if (!isNonNullType(type)) return { kind: "null", type: named, path };
    if (isListType(inner)) throw validationFailed("expected a list, but found null", path);
    if (isInputObjectType(inner)) {
      throw validationFailed(`expected an object for type '${named}', but found null`, path);
    }
    throw validationFailed(`unexpected null value for type '${named}'`, path);
  }
  if (isListType(inner)) {
    let items: readonly Source[] | undefined;
    if ("node" in source) {
      if (source.node.kind === "ListValue") items = source.node.values.map((node) => ({ node }));
    } else if (isRawList(source.raw)) {
      items = source.raw.map((raw) => ({ raw }));
    }
    const element = inner.ofType as GraphQLInputType;
    if (!items) {
      // A Postgres literal such as "{1,2}" is taken for an array column; anything else is a list of one.
      if (isScalarList(type)) return read(scope, element, source, path);
      return { kind: "list", type: named, items: [read(scope, element, source, `${path}[0]`)], path };
    }
    return {
      kind: "list",
      type: named,
      items: items.map((item, index) => read(scope, element, item, `${path}[${String(index)}]`)),
      path,
    };
  }
  if (isInputObjectType(inner)) return readObject(scope, inner, source, path);
  if (isEnumType(inner)) return readEnum(inner, source, path);
  const value = "node" in source ? rawOf(scope, source.node, path) : source.raw;
  return { kind: "scalar", type: named, value, path };
};

/** The arguments of a field, checked and by name; absent and null are told apart. */
export const readArguments = (
  scope: InputScope,
  field: { readonly name: string; readonly args: readonly GraphQLArgument[] },
  given: readonly { readonly name: { readonly value: string }; readonly value: ValueNode }[],
  path: string,
): ReadonlyMap<string, Input> => {
  const inputs = new Map<string, Input>();
  if (given.length === 0 && field.args.length === 0) return inputs;
  for (const node of given) {
    const name = node.name.value;
    const argument = field.args.find((candidate) => candidate.name === name);
    if (!argument) throw validationFailed(`'${field.name}' has no argument named '${name}'`, path);
    inputs.set(
      canonicalOf(argument),
      read(scope, argument.type, { node: node.value }, `${path}.args.${name}`),
    );
  }
  for (const argument of field.args) {
    if (
      isNonNullType(argument.type) &&
      argument.defaultValue === undefined &&
      !inputs.has(canonicalOf(argument))
    ) {
      throw validationFailed(`missing required field '${argument.name}'`, `${path}.args.${argument.name}`);
    }
  }
  return inputs;
};

const plainFailure = (expected: string, type: string, value: Raw, path: string): Error =>
  validationFailed(`expected ${expected} for type '${type}', but found ${describe({ raw: value })}`, path);

/** A literal must be spelled like that; a number of the variables is measured by its value. */
const isWritten = (value: Raw, pattern: RegExp): boolean =>
  typeof value === "number" || (value instanceof NumberLiteral && pattern.test(value.text));

const boundedInteger = (value: Raw, path: string, bound = 2n ** 31n): Raw => {
  const text = value instanceof NumberLiteral ? value.text : String(value);
  const number = Number(text);
  const whole = /^-?\d+$/.test(text) ? BigInt(text) : Number.isInteger(number) ? BigInt(number) : undefined;
  if (whole !== undefined && whole >= -bound && whole < bound) return value;
  throw new HasuraError({
    message: `The value ${scientific(text)} lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?`,
    code: "parse-failed",
    path,
  });
};

/** Checks a value of one of GraphQL's own scalars; other scalars pass. */
export const checkPlainScalar = (type: string, value: Raw, path: string): Raw => {
  const number = typeof value === "number" || value instanceof NumberLiteral;
  switch (type) {
    case "Int": {
      if (!isWritten(value, /^-?\d+$/)) throw plainFailure("a 32-bit integer", type, value, path);
      return boundedInteger(value, path);
    }
    case "Float":
      if (!number) throw plainFailure("a float", type, value, path);
      return value;
    case "String":
      if (typeof value !== "string") throw plainFailure("a string", type, value, path);
      return value;
    case "ID":
      if (typeof value !== "string" && !number)
        throw plainFailure("a String or a 32-bit integer", type, value, path);
      return value;
    case "Boolean":
      if (typeof value !== "boolean") throw plainFailure("a boolean", type, value, path);
      return value;
    default:
      return value;
  }
};

/** limit: `expected a non-negative 32-bit integer`. */
export const checkNonNegative = (value: Raw, path: string): Raw => {
  const negative = typeof value === "number" && value < 0;
  if (negative || !isWritten(value, /^\d+$/)) {
    throw plainFailure("a non-negative 32-bit integer", "Int", value, path);
  }
  return boundedInteger(value, path);
};

/** offset: 64 bits, and as text too; below zero is Postgres's to refuse. */
export const checkOffset = (value: Raw, path: string): Raw => {
  const text = typeof value === "string" && /^\d+$/.test(value);
  if (!text && !isWritten(value, /^-?\d+$/)) {
    throw plainFailure("a 32-bit integer, or a 64-bit integer represented as a string", "Int", value, path);
  }
  return text ? value : boundedInteger(value, path, 2n ** 63n);
};

/** The value of an input as plain JSON; GraphQL's own scalars are checked on the way. */
export const inputToRaw = (input: Input, variables: Variables): Raw => {
  switch (input.kind) {
    case "null":
      return null;
    case "scalar":
      return checkPlainScalar(input.type, input.value, input.path);
    case "deferred": {
      const value = variables.get(input.variable) ?? null;
      if (isRawList(value)) {
        return value.map((item, index) =>
          item === null ? null : checkPlainScalar(input.type, item, `${input.path}[${String(index)}]`),
        );
      }
      return value === null ? null : checkPlainScalar(input.type, value, input.path);
    }
    case "enum":
      return input.value;
    case "list":
      return input.items.map((item) => inputToRaw(item, variables));
    case "object":
      return Object.fromEntries([...input.fields].map(([key, item]) => [key, inputToRaw(item, variables)]));
  }
};
