import { type DocumentNode, Kind, type OperationDefinitionNode, type TypeNode } from "graphql";

import { HasuraError } from "../errors.ts";

const badRequest = (message: string): HasuraError => new HasuraError({ message, code: "bad-request" });

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The text of a path or of the query string as a value of the variable's type. */
const fromText = (name: string, type: TypeNode, text: string): unknown => {
  const nullable = type.kind !== Kind.NON_NULL_TYPE;
  const inner = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  if (inner.kind !== Kind.NAMED_TYPE) {
    throw badRequest(
      `Type of URL parameter for variable ${name} not supported - Consider putting it in the request body: ${JSON.stringify(text)}`,
    );
  }
  const scalar = inner.name.value;
  // A parameter without a value is a switch.
  if (text === "") return scalar === "Boolean" ? true : nullable ? null : text;
  const value = jsonOf(text);
  if (value === null && nullable) return null;
  if (scalar === "Boolean" && typeof value === "boolean") return value;
  if (["Int", "Float"].includes(scalar) && typeof value === "number") return value;
  // An object can only be meant as one: geometry and jsonb come as JSON.
  const plain = ["String", "ID", "uuid", "text", "citext"].includes(scalar);
  return !plain && typeof value === "object" && value !== null ? value : text;
};

export interface RestInput {
  readonly path: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The variables of an endpoint's document: from the path, else the query string, else the body. */
export const readVariables = (
  document: DocumentNode,
  input: RestInput,
): Readonly<Record<string, unknown>> => {
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const values: Record<string, unknown> = {};
  for (const { variable, type } of operation?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const text = input.path.get(name) ?? input.query.get(name) ?? undefined;
    if (text !== undefined) values[name] = fromText(name, type, text);
    else if (Object.hasOwn(input.body, name)) values[name] = input.body[name];
  }
  return values;
};

/** The body of a request that carries one: a JSON object, or a form. */
export const readRestBody = (contentType: string, text: string): Readonly<Record<string, unknown>> => {
  if (text.trim() === "") return {};
  if (contentType.includes("application/x-www-form-urlencoded")) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  const value = jsonOf(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HasuraError({ message: "the body must be a JSON object", code: "invalid-json" });
  }
  return value as Readonly<Record<string, unknown>>;
};
