import {
  getNamedType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from "graphql";

import { HasuraError } from "../errors.ts";
import { NumberLiteral } from "../json/index.ts";

const unexpected = (message: string): HasuraError => new HasuraError({ message, code: "unexpected" });

type JsonObject = Readonly<Record<string, unknown>>;

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return "array";
  if (typeof value === "object" && !(value instanceof NumberLiteral)) return "object";
  const scalar = typeof value === "string" ? "String" : typeof value === "boolean" ? "Boolean" : "Number";
  return `scalar ${scalar}`;
};

const mismatch = (value: unknown, expected: string): HasuraError =>
  unexpected(`got ${kindOf(value)} for the action webhook response, expecting ${expected}`);

const checkObject = (value: JsonObject, type: GraphQLObjectType): void => {
  for (const field of Object.values(type.getFields())) {
    const binding = field.extensions["binding"] as { readonly kind?: string } | undefined;
    // A table hangs there; the webhook knows nothing of it.
    if (binding?.kind?.startsWith("action_relationship") === true) continue;
    const inner = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (inner === undefined || inner === null) {
      if (!isNonNullType(field.type)) continue;
      throw unexpected(
        inner === undefined
          ? `field "${field.name}" expected in webhook response, but not found`
          : `expecting not null value for field "${field.name}"`,
      );
    }
    // Hasura takes scalars as they come: only the shape of objects is looked at.
    if (isObjectType(getNamedType(field.type))) checkOutput(inner, field.type);
  }
};

/** Refuses an answer whose shape is not the declared one, with Hasura's words. */
export const checkOutput = (value: unknown, type: GraphQLOutputType): void => {
  if (value === null || value === undefined) {
    if (isNonNullType(type)) throw unexpected("got null for the action webhook response");
    return;
  }
  const nullable = isNonNullType(type) ? type.ofType : type;
  if (isListType(nullable)) {
    if (!Array.isArray(value)) throw unexpected("expecting array for the action webhook response");
    for (const item of value) checkOutput(item, nullable.ofType as GraphQLOutputType);
    return;
  }
  if (isObjectType(nullable)) {
    if (typeof value !== "object" || Array.isArray(value) || value instanceof NumberLiteral)
      throw mismatch(value, nullable.name);
    checkObject(value as JsonObject, nullable);
    return;
  }
  if (!isSpecifiedScalarType(nullable)) return;
  const fits =
    typeof value === "number" || value instanceof NumberLiteral
      ? nullable.name === "Int" || nullable.name === "Float" || nullable.name === "ID"
      : typeof value === "boolean"
        ? nullable.name === "Boolean"
        : typeof value === "string" && (nullable.name === "String" || nullable.name === "ID");
  if (!fits) throw mismatch(value, getNamedType(nullable).name);
};
