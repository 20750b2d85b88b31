import {
  GraphQLEnumType,
  GraphQLInputObjectType,
  GraphQLObjectType,
  type GraphQLEnumValueConfigMap,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
  type GraphQLNamedType,
} from "graphql";
import type { FieldBinding } from "./bindings.ts";
import { InconsistentMetadataError } from "./errors.ts";

export type Field = GraphQLFieldConfig<unknown, unknown>;
export type Fields = GraphQLFieldConfigMap<unknown, unknown>;

export const field = (
  binding: FieldBinding,
  config: Omit<Field, "extensions"> & { readonly description?: string | null | undefined },
): Field => ({ ...config, extensions: { binding } });

/** Object keys in alphabetical order, so that the schema is the same text on every run. */
export const sorted = <V>(map: Readonly<Record<string, V>>): Record<string, V> =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Only what is there: `exactOptionalPropertyTypes` forbids an undefined description. */
export const describe = (description: string | null | undefined): { description?: string } =>
  description === null || description === undefined || description === "" ? {} : { description };

export const twoTypes = (name: string): InconsistentMetadataError =>
  new InconsistentMetadataError(`type ${name}`, "two different types have this name");

/** The named types of one role's schema, each built when first asked for. */
export class TypeRegistry {
  readonly #types = new Map<string, GraphQLNamedType>();

  /** What is asked for under one name must be one thing; what it is for tells tables from custom types. */
  type<T extends GraphQLNamedType>(
    name: string,
    kind: new (...args: never[]) => T,
    build: () => T,
    description?: string | null,
  ): T {
    const known = this.#types.get(name);
    if (known === undefined) {
      const built = build();
      this.#types.set(name, built);
      return built;
    }
    const meant =
      description === undefined || describe(description).description === (known.description ?? undefined);
    if (!(known instanceof kind) || !meant) throw twoTypes(name);
    return known;
  }

  object(name: string, description: string | null | undefined, fields: () => Fields): GraphQLObjectType {
    return this.type(
      name,
      GraphQLObjectType,
      () => new GraphQLObjectType({ name, ...describe(description), fields: () => sorted(fields()) }),
      description ?? null,
    );
  }

  input(
    name: string,
    description: string | null | undefined,
    fields: () => GraphQLInputFieldConfigMap,
  ): GraphQLInputObjectType {
    return this.type(
      name,
      GraphQLInputObjectType,
      () => new GraphQLInputObjectType({ name, ...describe(description), fields: () => sorted(fields()) }),
      description ?? null,
    );
  }

  enumeration(
    name: string,
    description: string | null | undefined,
    values: () => GraphQLEnumValueConfigMap,
  ): GraphQLEnumType {
    return this.type(
      name,
      GraphQLEnumType,
      () => new GraphQLEnumType({ name, ...describe(description), values: sorted(values()) }),
      description ?? null,
    );
  }
}
