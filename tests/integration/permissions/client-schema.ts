import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  type GraphQLField,
  type GraphQLSchema,
  type IntrospectionQuery,
  isInputObjectType,
  isLeafType,
  isObjectType,
} from "graphql";
import { type TestProduct } from "../../support/product.ts";

export type Headers = Readonly<Record<string, string>>;
export type RootField = GraphQLField<unknown, unknown>;

/** The schema that the role sees, by introspection through the gateway. */
export async function readSchema(product: TestProduct, headers: Headers): Promise<GraphQLSchema> {
  const answer = await product.ask(headers, getIntrospectionQuery());
  return buildClientSchema(answer.data as unknown as IntrospectionQuery);
}

export const queryFields = (schema: GraphQLSchema): readonly RootField[] =>
  Object.values(schema.getQueryType()?.getFields() ?? {});
export const mutationFields = (schema: GraphQLSchema): readonly RootField[] =>
  Object.values(schema.getMutationType()?.getFields() ?? {});
export const subscriptionFields = (schema: GraphQLSchema): readonly RootField[] =>
  Object.values(schema.getSubscriptionType()?.getFields() ?? {});

/** Names of the fields of an object or input type that hold a value, without relationships. */
export function columnsOf(schema: GraphQLSchema, typeName: string): readonly string[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInputObjectType(type)) return [];
  return Object.values(type.getFields())
    .filter((field) => isLeafType(getNamedType(field.type)))
    .map(({ name }) => name)
    .sort();
}

/** Names and types of the relationships of an object or input type. */
export function relationshipsOf(
  schema: GraphQLSchema,
  typeName: string,
): readonly { readonly name: string; readonly type: string }[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInputObjectType(type)) return [];
  return Object.values(type.getFields())
    .filter((field) => !isLeafType(getNamedType(field.type)))
    .map(({ name, type: fieldType }) => ({ name, type: String(getNamedType(fieldType)) }));
}
