import {
  astFromValue,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  print,
} from "graphql";

import { compareRoles } from "./roles.ts";

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;

const describeInput = ({ name, type, defaultValue }: GraphQLArgument | GraphQLInputField): string => {
  const value = defaultValue === undefined ? undefined : astFromValue(defaultValue, type);
  return `${name}: ${String(type)}${value ? ` = ${print(value)}` : ""}`;
};

const describeField = ({ name, args, type }: GraphQLField<unknown, unknown>): string => {
  const list = [...args].sort(byName).map(describeInput);
  return `${name}${list.length === 0 ? "" : `(${list.join(", ")})`}: ${String(type)}`;
};

const describeType = (type: GraphQLNamedType): string => {
  if (isObjectType(type)) {
    const fields = Object.values(type.getFields()).sort(byName).map(describeField);
    return `type ${type.name} { ${fields.join(", ")} }`;
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).sort(byName).map(describeInput);
    return `input ${type.name} { ${fields.join(", ")} }`;
  }
  if (isEnumType(type)) {
    const values = type.getValues().map(({ name }) => name);
    return `enum ${type.name} { ${values.join(", ")} }`;
  }
  return `scalar ${type.name}`;
};

/** A letter for each role: its first, as a capital when another role has it, else the first one that is free. */
const lettersOf = (roles: readonly string[]): ReadonlyMap<string, string> => {
  const letters = new Map<string, string>();
  for (const role of roles) {
    const first = role.slice(0, 1);
    const taken = new Set(letters.values());
    const free = [first, first.toUpperCase(), ...role].find((letter) => !taken.has(letter));
    if (free === undefined) throw new Error(`no letter is left for role ${role}`);
    letters.set(role, free);
  }
  return letters;
};

export interface Surface {
  /** By role. */
  readonly schemas: ReadonlyMap<string, GraphQLSchema>;
  /** Names of the types of actions and of the arguments of functions. */
  readonly types: readonly string[];
}

/**
 * The root fields of every role and the named types, one line each, led by the letters of the roles that have it. A field
 * that one role sees with other arguments has a line of its own.
 */
export const renderSurface = ({ schemas, types }: Surface): string => {
  const letters = lettersOf([
    ...[...schemas.keys()].filter((role) => role !== "admin").sort(compareRoles),
    "admin",
  ]);
  const marksOf = (describe: (schema: GraphQLSchema) => readonly string[]): ReadonlyMap<string, string> => {
    const roles = new Map<string, string[]>();
    for (const [role, schema] of schemas) {
      for (const text of describe(schema)) roles.set(text, [...(roles.get(text) ?? []), role]);
    }
    return new Map(
      [...roles].map(([text, having]) => [
        text,
        [...letters].map(([role, letter]) => (having.includes(role) ? letter : ".")).join(""),
      ]),
    );
  };
  const fieldsOf = (root: GraphQLObjectType | null | undefined): readonly string[] =>
    Object.values(root?.getFields() ?? {}).map(describeField);

  const none = ".".repeat(letters.size);
  const queries = marksOf((schema) => fieldsOf(schema.getQueryType()));
  const subscriptions = marksOf((schema) => fieldsOf(schema.getSubscriptionType()));
  const lines = (marks: ReadonlyMap<string, string>): readonly string[] =>
    [...marks.keys()].sort().map((text) => `${marks.get(text) ?? none} ${text}`);
  const reads = new Map(
    [...queries.keys(), ...subscriptions.keys()].map((text) => [
      text,
      `${queries.get(text) ?? none} ${subscriptions.get(text) ?? none}`,
    ]),
  );
  return [
    "# What every role may call. Written by npm run golden. A letter stands for a role that has the field or the type:",
    `# ${[...letters].map(([role, letter]) => `${letter} ${role}`).join(", ")}`,
    "",
    "# Queries (left), subscriptions (right)",
    ...lines(reads),
    "",
    "# Mutations",
    ...lines(marksOf((schema) => fieldsOf(schema.getMutationType()))),
    "",
    "# Types of actions, arguments of functions",
    ...lines(
      marksOf((schema) =>
        types.flatMap((name) => {
          const type = schema.getType(name);
          return type === undefined ? [] : [describeType(type)];
        }),
      ),
    ),
    "",
  ].join("\n");
};
