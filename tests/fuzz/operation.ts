import {
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

import { createRandom, type Random } from "./random.ts";
import { randomValue, valueJson, valueText } from "./values.ts";

export type OperationKind = "query" | "mutation" | "subscription";

export interface RandomOperation {
  readonly kind: OperationKind;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

interface Writer {
  readonly random: Random;
  readonly wrongness: number;
  readonly declared: string[];
  readonly variables: Record<string, unknown>;
}

const writeArgument = (writer: Writer, argument: GraphQLArgument): string => {
  const { random } = writer;
  const value = randomValue(argument.type, random, 3, writer.wrongness);
  if (random.chance(0.4)) {
    const name = `v${String(writer.declared.length)}`;
    const type = random.chance(writer.wrongness) ? "String" : String(argument.type);
    writer.declared.push(`$${name}: ${type}`);
    if (!random.chance(0.05)) writer.variables[name] = valueJson(value);
    return `${argument.name}: $${name}`;
  }
  return `${argument.name}: ${valueText(value)}`;
};

const writeArguments = (writer: Writer, args: readonly GraphQLArgument[]): string => {
  const { random } = writer;
  const given = args.filter(
    ({ type }: { type: GraphQLInputType }) =>
      (isNonNullType(type) && !random.chance(writer.wrongness)) || random.chance(0.35),
  );
  return given.length === 0 ? "" : `(${given.map((argument) => writeArgument(writer, argument)).join(", ")})`;
};

const writeDirective = (random: Random): string => {
  if (!random.chance(0.05)) return "";
  return ` @${random.pick(["include", "skip"])}(if: ${String(random.chance(0.5))})`;
};

const writeSelection = (writer: Writer, type: GraphQLObjectType, depth: number): string => {
  const { random } = writer;
  const fields = Object.values(type.getFields());
  const usable = depth <= 0 ? fields.filter((field) => isLeafType(getNamedType(field.type))) : fields;
  const parts: string[] = [];
  const count = 1 + random.int(4);
  for (let turn = 0; turn < count; turn += 1) {
    if (usable.length === 0 || random.chance(0.08)) parts.push("__typename");
    else parts.push(writeField(writer, random.pick(usable), depth));
  }
  if (random.chance(0.03)) parts.push("no_such_field");
  if (random.chance(0.06)) return `{ ... on ${type.name} { ${parts.join(" ")} } }`;
  return `{ ${parts.join(" ")} }`;
};

const writeField = (writer: Writer, field: GraphQLField<unknown, unknown>, depth: number): string => {
  const { random } = writer;
  const named = getNamedType(field.type);
  const alias = random.chance(0.25) ? `a${String(random.int(1000))}: ` : "";
  const below = isObjectType(named) ? ` ${writeSelection(writer, named, depth - 1)}` : "";
  return `${alias}${field.name}${writeArguments(writer, field.args)}${writeDirective(random)}${below}`;
};

/** An operation against the schema: most are right, some are wrong in one place or several. */
export const randomOperation = (schema: GraphQLSchema, seed: number): RandomOperation => {
  const random = createRandom(seed);
  const roots = (
    [
      ["query", schema.getQueryType()],
      ["mutation", schema.getMutationType()],
      ["subscription", schema.getSubscriptionType()],
    ] as const
  ).flatMap(([kind, type]) => (type ? [{ kind, type }] : []));
  const { kind, type } = random.pick(roots);
  const writer: Writer = {
    random,
    wrongness: random.pick([0, 0, 0.02, 0.1]),
    declared: [],
    variables: {},
  };
  const fields = Object.values(type.getFields());
  const count = kind === "subscription" ? 1 : 1 + random.int(3);
  const selected = Array.from(
    { length: count },
    (_, index) => `r${String(index)}: ${writeField(writer, random.pick(fields), 3)}`,
  );
  const declared = writer.declared.length === 0 ? "" : `(${writer.declared.join(", ")})`;
  return { kind, query: `${kind} F${declared} { ${selected.join(" ")} }`, variables: writer.variables };
};
