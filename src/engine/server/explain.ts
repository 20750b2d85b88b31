import type { DocumentNode } from "graphql";
import { z } from "zod";

import type { Database } from "../../core/index.ts";
import { createSession } from "../../auth/index.ts";
import { HasuraError } from "../errors.ts";
import { bindAll, fromPostgresError } from "../execute/index.ts";
import { readArguments } from "../metadata-api/index.ts";
import { planOperation } from "../plan/index.ts";
import type { EngineState } from "./state.ts";

export interface ExplainDeps {
  readonly database: Database;
  readonly parse: (query: string) => DocumentNode;
  readonly stringifyNumericTypes: boolean;
  readonly state: () => EngineState;
}

const body = z.object({
  query: z.object({
    query: z.string(),
    variables: z.record(z.string(), z.unknown()).nullish(),
    operationName: z.string().nullish(),
  }),
  user: z.record(z.string(), z.string()).nullish(),
});

interface Explained {
  readonly field: string;
  readonly sql: string | null;
  readonly plan: readonly string[] | null;
}

/** The statement of each root field as a role would send it, with Postgres's plan for it. */
export const explainRequest = async (deps: ExplainDeps, input: unknown): Promise<unknown> => {
  const { query, user } = readArguments(body, input, "$");
  const given = Object.entries(user ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  const variables: Readonly<Record<string, string>> = Object.fromEntries(given);
  const session = createSession(variables["x-hasura-role"] ?? "admin", variables);
  const planned = planOperation({
    roleSchema: deps.state().schemaFor(session.role, false),
    document: deps.parse(query.query),
    variables: query.variables ?? {},
    ...(query.operationName === null || query.operationName === undefined
      ? {}
      : { operationName: query.operationName }),
    stringifyNumericTypes: deps.stringifyNumericTypes,
  });
  if (planned.operation === "mutation") {
    throw new HasuraError({ message: "only queries can be explained", code: "invalid-params" });
  }
  const explained: Explained[] = [];
  for (const { alias, plan } of planned.fields) {
    if (plan.kind !== "sql") {
      explained.push({ field: alias, sql: null, plan: null });
      continue;
    }
    const { statement } = plan;
    const values = bindAll(statement, { variables: planned.variables, session });
    try {
      const rows = await deps.database.query<{ readonly "QUERY PLAN": string }>(
        `explain (format text) ${statement.text}`,
        values,
      );
      explained.push({ field: alias, sql: statement.text, plan: rows.map((row) => row["QUERY PLAN"]) });
    } catch (error) {
      throw fromPostgresError(error, "$");
    }
  }
  if (planned.operation === "query") return explained;
  const [first] = explained;
  return { sql: first?.sql ?? null, plan: first?.plan ?? null, variables: query.variables ?? {} };
};
