import { type GraphQLFieldConfigArgumentMap, type GraphQLInputFieldConfigMap, GraphQLNonNull } from "graphql";
import type { FunctionArgument } from "../catalog/types.ts";
import type { ColumnTypes } from "./column-types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { isGraphqlName } from "./names.ts";
import type { TypeRegistry } from "./registry.ts";

/**
 * The fields of `args` by position; undefined where the engine fills the argument in. Unnamed arguments are counted
 * among themselves, so that a named one in between moves nothing.
 */
export const argumentNames = (
  args: readonly FunctionArgument[],
  isFilled: (argument: FunctionArgument, index: number) => boolean,
): readonly (string | undefined)[] => {
  let unnamed = 0;
  return args.map((argument, index) => {
    if (isFilled(argument, index)) return undefined;
    if (argument.name !== null) return argument.name;
    unnamed += 1;
    return `arg_${String(unnamed)}`;
  });
};

export interface FunctionArgumentsInput {
  /** What to blame when an argument cannot be named in GraphQL. */
  readonly object: string;
  readonly typeName: string;
  readonly description: string;
  /** Without the session argument and, for a computed field, without the row. */
  readonly inputs: readonly FunctionArgument[];
}

/** The argument `args` with the function's own arguments inside; functions without any have none. */
export const functionArguments = (
  types: { readonly registry: TypeRegistry; readonly columns: ColumnTypes },
  { object, typeName, description, inputs }: FunctionArgumentsInput,
): GraphQLFieldConfigArgumentMap => {
  if (inputs.length === 0) return {};
  const names = argumentNames(inputs, () => false);
  const type = types.registry.input(typeName, null, () => {
    const fields: GraphQLInputFieldConfigMap = {};
    for (const [index, argument] of inputs.entries()) {
      fields[names[index] ?? ""] = {
        type: argument.isRow
          ? types.columns.scalar(`${argument.type}_scalar`)
          : types.columns.ofType(argument.type),
      };
    }
    return fields;
  });
  const bad = names.find((name) => name !== undefined && !isGraphqlName(name));
  if (bad !== undefined) {
    throw new InconsistentMetadataError(object, `"${bad}" cannot be the name of an argument in GraphQL`);
  }
  const mandatory = inputs.some((argument) => !argument.hasDefault);
  return { args: { type: mandatory ? new GraphQLNonNull(type) : type, description } };
};
