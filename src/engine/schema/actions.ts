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
import {
  type ActionMeta,
  type CustomObjectType,
  type CustomTypes,
  type Metadata,
  qualifiedKey,
  type TypedField,
  type TypeRelationship,
} from "../metadata/types.ts";
import type { ColumnTypes } from "./column-types.ts";
import { InconsistentMetadataError } from "./errors.ts";
import { describe, field, type Fields, type TypeRegistry } from "./registry.ts";
import { adminRole } from "./role-tables.ts";
import { builtInScalar, isPostgresScalar, passThroughScalar } from "./scalars.ts";
import type { TableOutputs } from "./table-outputs.ts";
import type { RootField } from "./table-roots.ts";
import type { RoleTable } from "./types.ts";

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
  readonly #outputs: TableOutputs;
  readonly #tables: ReadonlyMap<string, RoleTable>;

  constructor(
    registry: TypeRegistry,
    columns: ColumnTypes,
    types: CustomTypes,
    outputs: TableOutputs,
    tables: ReadonlyMap<string, RoleTable>,
  ) {
    this.#registry = registry;
    this.#columns = columns;
    this.#types = types;
    this.#outputs = outputs;
    this.#tables = tables;
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
        for (const relationship of object.relationships) this.#addRelationship(fields, object, relationship);
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

  /** A table on a field of the output; the role sees it where it sees the table. */
  #addRelationship(fields: Fields, object: CustomObjectType, relationship: TypeRelationship): void {
    const { name, kind } = relationship;
    const where = `relationship ${name} of type ${object.name}`;
    const target = qualifiedKey(relationship.remoteTable);
    const table = this.#tables.get(target);
    if (table === undefined) throw new InconsistentMetadataError(where, `table ${target} is not tracked`);
    if (Object.hasOwn(fields, name)) throw new InconsistentMetadataError(where, "a field has this name");
    for (const [from, to] of relationship.mapping) {
      if (!object.fields.some((entry) => entry.name === from)) {
        throw new InconsistentMetadataError(where, `the type has no field ${from}`);
      }
      if (!table.info.columns.has(to)) {
        throw new InconsistentMetadataError(where, `column ${to} does not exist in ${target}`);
      }
    }
    if (table.select === undefined) return;
    const binding = { type: object.name, name, target, relationship: kind };
    if (kind === "object") {
      fields[name] = field({ ...binding, kind: "action_relationship" }, { type: this.#outputs.row(table) });
      return;
    }
    fields[name] = field(
      { ...binding, kind: "action_relationship" },
      {
        type: this.#outputs.rows(table),
        args: this.#outputs.selectArguments(table),
        description: "An array relationship",
      },
    );
    if (!table.select.allowAggregations) return;
    fields[`${name}_aggregate`] = field(
      { ...binding, kind: "action_relationship_aggregate" },
      {
        type: new GraphQLNonNull(this.#outputs.aggregate(table)),
        args: this.#outputs.selectArguments(table),
        description: "An aggregate relationship",
      },
    );
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

  /** The field that calls the action; an asynchronous one answers with the id of the call. */
  root(action: ActionMeta): RootField {
    const where = `action ${action.name}`;
    const args: GraphQLFieldConfigArgumentMap = this.#inputs(action.arguments, where);
    const type =
      action.kind === "asynchronous"
        ? new GraphQLNonNull(this.#columns.scalar("uuid"))
        : this.#output(action.outputType, where);
    return {
      name: action.name,
      field: field({ kind: "action", action: action.name }, { type, args, ...describe(action.comment) }),
    };
  }

  /** Hasura joins the stored output as a flat row. */
  #refuseMixedOutput(action: ActionMeta): void {
    const named = (type: string): CustomObjectType | undefined => {
      const name = type.replaceAll(/[[\]!\s]/g, "");
      return this.#types.objects.find((object) => object.name === name);
    };
    const output = named(action.outputType);
    if (output === undefined || output.relationships.length === 0) return;
    const nested = output.fields.filter((entry) => named(entry.type) !== undefined);
    if (nested.length === 0) return;
    const names = nested.map((entry) => `"${entry.name}"`).join(", ");
    throw new InconsistentMetadataError(
      `action ${action.name}`,
      `Async action relations cannot be used with object fields: ${names}`,
    );
  }

  /** The field, of queries and subscriptions, that tells what became of an asynchronous action. */
  result(action: ActionMeta): RootField {
    this.#refuseMixedOutput(action);
    const uuid = new GraphQLNonNull(this.#columns.scalar("uuid"));
    const leaf = { kind: "action_output" } as const;
    const type = this.#registry.object(action.name, `fields of action: "${action.name}"`, () => ({
      created_at: field(leaf, {
        type: new GraphQLNonNull(this.#columns.scalar("timestamptz")),
        description: "the time at which this action was created",
      }),
      errors: field(leaf, {
        type: this.#columns.scalar("json"),
        description: "errors related to the invocation",
      }),
      id: field(leaf, { type: uuid, description: "the unique id of an action" }),
      output: field(leaf, {
        type: this.#output(action.outputType, `action ${action.name}`),
        description: "the output fields of this action",
      }),
    }));
    return {
      name: action.name,
      field: field(
        { kind: "action_result", action: action.name },
        {
          type,
          args: { id: { type: uuid, description: "the unique id of an action" } },
          ...describe(action.comment),
        },
      ),
    };
  }
}
