import {
  __Schema,
  __Type,
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isLeafType,
  isNonNullType,
  isObjectType,
} from "graphql";

import type { Random } from "./random.ts";
import { mark, randomValue, valueJson, valueText, type Wrongness } from "./values.ts";

export type OperationKind = "query" | "mutation" | "subscription";

export interface RandomOperation {
  readonly kind: OperationKind;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}

interface Writer {
  readonly random: Random;
  readonly wrongness: Wrongness;
  readonly declared: string[];
  readonly variables: Record<string, unknown>;
  /** Selection sets that were moved out, with the type that they are on. */
  readonly fragments: string[];
}

/** Everything that a request may hold is in reach of one seed, so that few operations need to be large. */
const deepestValue = 4;

const writeArgument = (writer: Writer, argument: GraphQLArgument): string => {
  const { random } = writer;
  const value = randomValue(argument.type, random, deepestValue, writer.wrongness);
  if (random.chance(0.4)) {
    const name = `v${String(writer.declared.length)}`;
    const type = random.chance(writer.wrongness.share) ? "String" : String(argument.type);
    const preset = random.chance(0.1) ? ` = ${valueText(value)}` : "";
    writer.declared.push(`$${name}: ${type}${preset}`);
    if (!random.chance(writer.wrongness.share)) writer.variables[name] = valueJson(value);
    return `${argument.name}: $${name}`;
  }
  return `${argument.name}: ${valueText(value)}`;
};

const writeArguments = (writer: Writer, args: readonly GraphQLArgument[]): string => {
  const { random } = writer;
  const given = args.filter(
    ({ type }: { type: GraphQLInputType }) =>
      (isNonNullType(type) && !random.chance(writer.wrongness.share)) || random.chance(0.35),
  );
  return given.length === 0 ? "" : `(${given.map((argument) => writeArgument(writer, argument)).join(", ")})`;
};

const writeDirective = (writer: Writer): string => {
  const { random } = writer;
  if (!random.chance(0.05)) return "";
  if (random.chance(writer.wrongness.share * 3)) {
    return random.pick([
      " @nobody",
      " @include",
      ' @skip(if: "no")',
      " @skip(if: true) @skip(if: false)",
      " @include(if: null)",
    ]);
  }
  const name = random.pick(["include", "skip"]);
  if (random.chance(0.5)) return ` @${name}(if: ${String(random.chance(0.5))})`;
  const variable = `v${String(writer.declared.length)}`;
  writer.declared.push(`$${variable}: Boolean!`);
  writer.variables[variable] = random.chance(0.5);
  return ` @${name}(if: $${variable})`;
};

/** A spread of a new fragment, or of one that is already there: with wrongness even of the one that it stands in. */
const writeFragment = (writer: Writer, type: GraphQLObjectType, selection: string): string => {
  const { random, fragments } = writer;
  const name = `f${String(fragments.length)}`;
  const on = random.chance(writer.wrongness.share)
    ? random.pick(["users", "query_root", "Nobody", "String"])
    : type.name;
  const inner = random.chance(writer.wrongness.share)
    ? selection.replace("{", `{ ...f${String(random.int(fragments.length + 2))} `)
    : selection;
  fragments.push(`fragment ${name} on ${on}${writeDirective(writer)} ${inner}`);
  return random.chance(0.2) ? `{ ...${name} ...${name}${writeDirective(writer)} }` : `{ ...${name} }`;
};

const writeSelection = (writer: Writer, type: GraphQLObjectType, depth: number): string => {
  const { random } = writer;
  const fields = Object.values(type.getFields());
  const usable = depth <= 0 ? fields.filter((field) => isLeafType(getNamedType(field.type))) : fields;
  const parts: string[] = [];
  const taken = new Set<string>();
  const count = 1 + random.int(4);
  for (let turn = 0; turn < count; turn += 1) {
    if (usable.length === 0 || random.chance(0.08)) parts.push("__typename");
    else {
      const field = random.pick(usable);
      // The same name with other arguments is refused, so it is rare.
      const alias = taken.has(field.name) && !random.chance(0.1) ? `b${String(turn)}: ` : randomAlias(random);
      taken.add(field.name);
      parts.push(writeField(writer, field, depth, alias));
    }
  }
  if (random.chance(writer.wrongness.share)) parts.push("no_such_field");
  const selection = `{ ${parts.join(" ")} }`;
  if (random.chance(0.06))
    return `{ ...${random.chance(0.7) ? ` on ${type.name}` : ""}${writeDirective(writer)} ${selection} }`;
  return random.chance(0.08) ? writeFragment(writer, type, selection) : selection;
};

const randomAlias = (random: Random): string => (random.chance(0.25) ? `a${String(random.int(1000))}: ` : "");

const writeField = (
  writer: Writer,
  field: GraphQLField<unknown, unknown>,
  depth: number,
  alias: string,
): string => {
  const named = getNamedType(field.type);
  const below = isObjectType(named) ? ` ${writeSelection(writer, named, depth - 1)}` : "";
  return `${alias}${field.name}${writeArguments(writer, field.args)}${writeDirective(writer)}${below}`;
};

const newWriter = (random: Random): Writer => ({
  random,
  wrongness: { share: random.pick([0, 0, 0, 0.02, 0.1]), hostile: random.chance(0.5) },
  declared: [],
  variables: {},
  fragments: [],
});

const documentOf = (writer: Writer, kind: OperationKind, selected: readonly string[]): RandomOperation => {
  const { random, declared, variables, fragments } = writer;
  const head = declared.length === 0 ? "" : `(${declared.join(", ")})`;
  const cached = random.chance(kind === "query" ? 0.03 : writer.wrongness.share / 4)
    ? " @cached(ttl: 5)"
    : "";
  const operation = `${kind} F${head}${cached} { ${selected.join(" ")} }`;
  const others = random.chance(0.05) ? ["query Other { __typename }"] : [];
  const query = [operation, ...fragments, ...others].join("\n");
  if (others.length === 0 && !random.chance(0.05)) return { kind, query, variables };
  return {
    kind,
    query,
    variables,
    operationName: random.chance(writer.wrongness.share * 4) ? random.pick(["Other", "Nobody", ""]) : "F",
  };
};

const roots = (schema: GraphQLSchema) => ({
  query: schema.getQueryType(),
  mutation: schema.getMutationType(),
  subscription: schema.getSubscriptionType(),
});

/** An operation against the schema: most are right, some are wrong in one place or several. */
export const randomOperation = (
  schema: GraphQLSchema,
  random: Random,
  kinds: readonly OperationKind[] = [
    "query",
    "query",
    "query",
    "mutation",
    "mutation",
    "mutation",
    "subscription",
  ],
): RandomOperation => {
  const wanted = random.pick(kinds);
  const type = roots(schema)[wanted] ?? schema.getQueryType();
  if (type === null || type === undefined) throw new Error("the schema has no queries");
  const kind = roots(schema)[wanted] ? wanted : "query";
  const writer = newWriter(random);
  const fields = Object.values(type.getFields());
  const count = kind === "subscription" ? 1 : 1 + random.int(3);
  const selected = Array.from({ length: count }, (_, index) =>
    writeField(writer, random.pick(fields), 3, `r${String(index)}: `),
  );
  return documentOf(writer, kind, selected);
};

/** A look at the schema itself, alone or beside a field of data. */
export const randomIntrospection = (schema: GraphQLSchema, random: Random): RandomOperation => {
  const writer = newWriter(random);
  const names = [...Object.keys(schema.getTypeMap()), mark, ""];
  const parts = [
    random.chance(0.5)
      ? `__schema ${writeSelection(writer, __Schema, 4)}`
      : `t: __type(name: ${JSON.stringify(random.pick(names))}) ${writeSelection(writer, __Type, 5)}`,
  ];
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {});
  if (random.chance(0.2) && fields.length > 0) parts.push(writeField(writer, random.pick(fields), 2, "r: "));
  return documentOf(writer, "query", parts);
};
