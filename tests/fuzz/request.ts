import type { GraphQLSchema } from "graphql";

import { damagedBytes, damagedText, oddBodies } from "./damage.ts";
import { randomIntrospection, randomOperation, type RandomOperation } from "./operation.ts";
import type { Random } from "./random.ts";
import { bodyText, mark } from "./values.ts";

export type RequestKind =
  RandomOperation["kind"] | "introspection" | "batch" | "damaged document" | "damaged bytes" | "odd body";

export interface RandomRequest {
  readonly kind: RequestKind;
  readonly body: Buffer;
  /** The operations in the body, as far as they are known; more than one in a batch. */
  readonly operations: readonly RandomOperation[];
  readonly role: string;
  /** Headers of the session, which a token or a webhook would say. */
  readonly session: Readonly<Record<string, string>>;
}

export const roles = ["admin", "operator", "service", "workspace_admin", "user", "anonymous"] as const;

const knownSession = {
  "x-hasura-user-id": "b0000000-0000-4000-8000-000000000001",
  "x-hasura-workspace-id": "a0000000-0000-4000-8000-000000000001",
};

/** Values that no issuer of tokens would write, and one that is missing. */
const oddSession = (random: Random): Readonly<Record<string, string>> => {
  const odd = random.pick([mark, `{${mark}}`, "{}", "", "null", `'${mark}`, "00000000-0000-4000-8000"]);
  return random.pick([
    { ...knownSession, "x-hasura-workspace-id": odd },
    { ...knownSession, "x-hasura-user-id": odd },
    { "x-hasura-user-id": knownSession["x-hasura-user-id"] },
    {},
  ]);
};

const requestBody = ({ query, variables, operationName }: RandomOperation): object => ({
  query,
  variables,
  ...(operationName === undefined ? {} : { operationName }),
});

export const randomRequest = (
  schemaFor: (role: string) => GraphQLSchema,
  random: Random,
  role: string,
): RandomRequest => {
  const schema = schemaFor(role);
  const session = random.chance(0.06) ? oddSession(random) : knownSession;
  const of = (
    kind: RequestKind,
    body: string | Buffer,
    ...operations: readonly RandomOperation[]
  ): RandomRequest => ({
    kind,
    body: Buffer.from(body as string),
    operations,
    role,
    session,
  });
  const turn = random.int(100);
  if (turn < 6) {
    const operation = randomIntrospection(schema, random);
    return of("introspection", bodyText(requestBody(operation)), operation);
  }
  if (turn < 11) {
    const operations = Array.from({ length: 1 + random.int(4) }, () => randomOperation(schema, random));
    return of("batch", bodyText(operations.map(requestBody)), ...operations);
  }
  if (turn < 21) {
    const whole = randomOperation(schema, random, ["query", "mutation"]);
    const operation = { ...whole, query: damagedText(whole.query, random) };
    return of("damaged document", bodyText(requestBody(operation)), operation);
  }
  if (turn < 26) {
    const operation = randomOperation(schema, random, ["query", "mutation"]);
    return of("damaged bytes", damagedBytes(bodyText(requestBody(operation)), random));
  }
  if (turn < 29) return of("odd body", random.pick(oddBodies));
  const operation = randomOperation(schema, random);
  return of(operation.kind, bodyText(requestBody(operation)), operation);
};
