import {
  type GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLScalarType,
  isInputType,
  isNonNullType,
  isOutputType,
  Kind,
  parseType,
  type TypeNode,
} from "graphql";
import type { ActionMeta, CustomTypes, Metadata, TypedField } from "../metadata/types.ts";
import type { ColumnTypes } from "./column-types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { describe, field, type Fields, type TypeRegistry } from "./registry.ts";
import { adminRole } from "./role-tables.ts";
import { builtInScalar, isPostgresScalar, passThroughScalar } from "./scalars.ts";
import type { RootField } from "./table-roots.ts";

export const buildRoleActions = (metadata: Metadata, role: string): ReadonlyMap<string, ActionMeta> =>
  new Map(
    metadata.actions
      .filter((action) => role === adminRole || action.permissions.includes(role))
      .map((action) => [action.name, action]),
  );

type NamedType = GraphQLObjectType | GraphQLInputObjectType | GraphQLEnumType | GraphQLScalarType;

/** Types of action arguments and outputs: declared ones first, then GraphQL's and Postgres's scalars. */
export class ActionTypes {
  readonly #registry: TypeRegistry;
  readonly #columns: ColumnTypes;
  readonly #types: CustomTypes;

  constructor(registry: TypeRegistry, columns: ColumnTypes, types: CustomTypes) {
    this.#registry = registry;
    this.#columns = columns;
    this.#types = types;
  }

  #named(name: string, where: string): NamedType {
    const object = this.#types.objects.find((type) => type.name === name);
    if (object !== undefined) {
      return this.#registry.object(name, object.description, () => {
        const fields: Fields = {};
        for (const entry of object.fields) {
          fields[entry.name] = field(
            { kind: "action_output" },
            {
              type: this.#output(entry.type, `type ${name}`),
              ...describe(entry.description),
            },
          );
        }
        return fields;
      });
    }
    const input = this.#types.inputObjects.find((type) => type.name === name);
    if (input !== undefined) {
      return this.#registry.input(name, input.description, () => this.#inputs(input.fields, `type ${name}`));
    }
    const enumeration = this.#types.enums.find((type) => type.name === name);
    if (enumeration !== undefined) {
      return this.#registry.enumeration(name, enumeration.description, () =>
        Object.fromEntries(enumeration.values.map((value) => [value.value, describe(value.description)])),
      );
    }
    const scalar = this.#types.scalars.find((type) => type.name === name);
    if (scalar !== undefined && builtInScalar(name) === undefined) {
      return this.#registry.type(name, GraphQLScalarType, () => passThroughScalar(name, scalar.description));
    }
    if (builtInScalar(name) !== undefined || isPostgresScalar(name)) {
      return this.#columns.scalar(name);
    }
    throw new InconsistentMetadataError(where, `the type "${name}" is not defined`);
  }

  #resolveOutput(node: TypeNode, where: string): GraphQLOutputType {
    switch (node.kind) {
      case Kind.NON_NULL_TYPE: {
        const inner = this.#resolveOutput(node.type, where);
        return isNonNullType(inner) ? inner : new GraphQLNonNull(inner);
      }
      case Kind.LIST_TYPE:
        return new GraphQLList(this.#resolveOutput(node.type, where));
      case Kind.NAMED_TYPE: {
        const type = this.#named(node.name.value, where);
        if (!isOutputType(type)) {
          throw new InconsistentMetadataError(where, `"${node.name.value}" cannot be an output`);
        }
        return type;
      }
    }
  }

  #resolveInput(node: TypeNode, where: string): GraphQLInputType {
    switch (node.kind) {
      case Kind.NON_NULL_TYPE: {
        const inner = this.#resolveInput(node.type, where);
        return isNonNullType(inner) ? inner : new GraphQLNonNull(inner);
      }
      case Kind.LIST_TYPE:
        return new GraphQLList(this.#resolveInput(node.type, where));
      case Kind.NAMED_TYPE: {
        const type = this.#named(node.name.value, where);
        if (!isInputType(type)) {
          throw new InconsistentMetadataError(where, `"${node.name.value}" cannot be an argument`);
        }
        return type;
      }
    }
  }

  #parse(type: string, where: string): TypeNode {
    try {
      return parseType(type, { noLocation: true });
    } catch {
      throw new InconsistentMetadataError(where, `"${type}" is no GraphQL type`);
    }
  }

  #output(type: string, where: string): GraphQLOutputType {
    return this.#resolveOutput(this.#parse(type, where), where);
  }

  #inputs(
    entries: readonly TypedField[],
    where: string,
  ): Record<string, { type: GraphQLInputType; description?: string }> {
    return Object.fromEntries(
      entries.map((entry) => [
        entry.name,
        {
          type: this.#resolveInput(this.#parse(entry.type, where), where),
          ...describe(entry.description),
        },
      ]),
    );
  }

  root(action: ActionMeta): RootField {
    const where = `action ${action.name}`;
    const args: GraphQLFieldConfigArgumentMap = this.#inputs(action.arguments, where);
    return {
      name: action.name,
      field: field(
        { kind: "action", action: action.name },
        { type: this.#output(action.outputType, where), args, ...describe(action.comment) },
      ),
    };
  }
}
