import {
  type GraphQLSchema,
  isInputType,
  type TypeNode,
  typeFromAST,
  type VariableDefinitionNode,
} from "graphql";
import { validationFailed } from "../errors.ts";
import type { Variables } from "../sql/builder.ts";
import type { Raw } from "../sql/raw.ts";
import type { PreparedDocument } from "./document.ts";
import { rawOf } from "./input.ts";

const namedType = (node: TypeNode): string => {
  if (node.kind === "NamedType") return node.name.value;
  return namedType(node.type);
};

/** Definitions that name an input type of a schema: looked at once, not for every request. */
const inputTyped = new WeakMap<GraphQLSchema, WeakSet<VariableDefinitionNode>>();

const refuseOutputType = (schema: GraphQLSchema, name: string, definition: VariableDefinitionNode): void => {
  let known = inputTyped.get(schema);
  if (known === undefined) {
    known = new WeakSet();
    inputTyped.set(schema, known);
  }
  if (known.has(definition)) return;
  const { type } = definition;
  const named = namedType(type);
  // A type no field of this role uses may still be declared for an argument of another role's field.
  if (schema.getType(named) && !isInputType(typeFromAST(schema, type as never))) {
    throw validationFailed(`unexpected output type '${named}' for variable "${name}"`);
  }
  known.add(definition);
};

/** Checks the variables of a request against the operation and fills in defaults. */
export const resolveVariables = (
  schema: GraphQLSchema,
  prepared: PreparedDocument,
  given: Readonly<Record<string, unknown>>,
): Variables => {
  const resolved = new Map<string, Raw>();
  for (const [name, definition] of prepared.declared) {
    const { type } = definition;
    refuseOutputType(schema, name, definition);
    const value = Object.hasOwn(given, name) ? (given[name] as Raw) : undefined;
    if (value !== undefined && value !== null) {
      resolved.set(name, value);
    } else if (value === null) {
      if (type.kind === "NonNullType")
        throw validationFailed(`null value found for non-nullable variable: "${name}"`);
      resolved.set(name, null);
    } else if (definition.defaultValue) {
      const scope = { variables: resolved, declared: prepared.declared, structural: () => undefined };
      resolved.set(name, rawOf(scope, definition.defaultValue, "$"));
    } else if (type.kind === "NonNullType") {
      throw validationFailed(`expecting a value for non-nullable variable: "${name}"`);
    }
  }
  const unexpected = Object.keys(given).filter(
    (name) => !prepared.used.has(name) || !prepared.declared.has(name),
  );
  if (unexpected.length > 0) {
    throw validationFailed(`unexpected variables in variableValues: ${unexpected.join(", ")}`);
  }
  return resolved;
};
