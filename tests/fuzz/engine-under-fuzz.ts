import { join } from "node:path";

import { type Database, silentLogger, systemClock, type Transaction } from "../../src/core/index.ts";
import {
  createEngine,
  createSession,
  type Engine,
  loadMetadataFolder,
  type Session,
} from "../../src/engine/index.ts";
import { multiplex, multiplexedValues } from "../../src/engine/subscriptions/multiplex.ts";
import { randomOperation, type RandomOperation } from "./operation.ts";
import { mark, markedNumber } from "./values.ts";

export interface FuzzedEngine {
  /** Runs the operation that the seed stands for; an empty list when the engine behaved. */
  check(seed: number): Promise<readonly string[]>;
  readonly slowestPlanMs: () => number;
  stop(): Promise<void>;
}

/** Planning is bounded; the bound leaves room for a machine that does other things beside. */
const planLimitMs = 250;

const roles = ["admin", "operator", "service", "workspace_admin", "user", "anonymous"];

const sessionOf = (role: string): Session =>
  createSession(role, {
    "x-hasura-user-id": "b0000000-0000-4000-8000-000000000001",
    "x-hasura-workspace-id": "a0000000-0000-4000-8000-000000000001",
  });

class Undone extends Error {}

const settle = async <T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> => {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
};

/** Every statement is looked at, and no transaction stays, so that each operation meets the same rows. */
const watchedDatabase = (
  database: Database,
  onStatement: (text: string) => void,
  onFailure: (error: unknown) => void,
): Database => ({
  close: () => database.close(),
  query: (text, values, options) => {
    onStatement(text);
    return database.query<never>(text, values, options).catch((error: unknown) => {
      onFailure(error);
      throw error;
    });
  },
  transaction: async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    await database
      .transaction(async (tx) => {
        outcome = await settle(async () => {
          const value = await work({
            ...tx,
            query: (text, values, options) => {
              onStatement(text);
              return tx.query(text, values, options);
            },
          });
          await tx.query("set constraints all immediate");
          return value;
        });
        throw new Undone("nothing is kept");
      })
      .catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error;
      });
    if (outcome === undefined) throw new Error("the transaction did not run");
    if ("error" in outcome) {
      onFailure(outcome.error);
      throw outcome.error;
    }
    return outcome.value;
  },
});

interface AnsweredError {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly internal?: unknown };
}

/** Codes that say that the engine, not the client, was wrong. */
const isBroken = ({ message, extensions }: AnsweredError): boolean =>
  ["unexpected", "postgres-error"].includes(extensions.code) || message === "database query error";

export const createFuzzedEngine = async (database: Database): Promise<FuzzedEngine> => {
  let leaks: string[] = [];
  let isSetUp = false;
  let slowestPlanMs = 0;
  let failures: string[] = [];
  const onStatement = (text: string): void => {
    if (isSetUp && (text.includes(mark) || text.includes(String(markedNumber)))) leaks.push(text);
  };
  const watched = watchedDatabase(database, onStatement, (error) => {
    const { code, message } = error as { readonly code?: string; readonly message?: string };
    failures.push(`${code ?? ""} ${message ?? ""}`);
  });
  const engine: Engine = await createEngine({
    metadata: await loadMetadataFolder(join(process.cwd(), "hasura", "metadata")),
    database: watched,
    clock: systemClock,
    logger: silentLogger,
    settings: {
      adminSecret: "fuzz",
      env: { PG_DATABASE_URL: "", ACTIONS_BASE_URL: "http://actions", ACTION_SECRET: "0123456789abcdef" },
      actionHandler: () =>
        Promise.resolve(
          new Response(JSON.stringify({ message: "refused", extensions: { code: "fuzz" } }), { status: 400 }),
        ),
    },
  });
  isSetUp = true;

  const plan = (operation: RandomOperation, role: string) => {
    const before = process.cpuUsage();
    try {
      return engine.explain(operation, role);
    } catch {
      return [];
    } finally {
      const spent = process.cpuUsage(before);
      slowestPlanMs = Math.max(slowestPlanMs, (spent.user + spent.system) / 1000);
    }
  };

  /** The statement that a hundred subscribers would share, for two of them. */
  const runShared = async (operation: RandomOperation, session: Session): Promise<readonly string[]> => {
    const problems: string[] = [];
    for (const { sql, parameters } of plan(operation, session.role)) {
      const values = parameters.map((parameter) => {
        if (parameter.from === "value") return parameter.value;
        if (parameter.from === "session") return session.variables[parameter.name] ?? null;
        return JSON.stringify(session.variables);
      });
      const statement = { text: sql, params: values.map((value) => ({ kind: "value" as const, value })) };
      const shared = multiplex(statement);
      if (shared.text.includes(mark)) leaks.push(shared.text);
      const outcome = await settle(() =>
        database.query(shared.text, multiplexedValues(values.length, [{ values }, { values }])),
      );
      if (!("error" in outcome)) continue;
      const { code, message } = outcome.error as { readonly code?: string; readonly message: string };
      // Class 22 is a value that does not fit its type, which the client chose.
      if (code?.startsWith("22") !== true) problems.push(`shared statement: ${code ?? ""} ${message}`);
    }
    return problems;
  };

  return {
    check: async (seed) => {
      const role = roles[seed % roles.length] ?? "user";
      const session = sessionOf(role);
      const operation = randomOperation(engine.schemaFor(role), seed);
      leaks = [];
      failures = [];
      const slowestBefore = slowestPlanMs;
      slowestPlanMs = 0;
      plan(operation, role);
      const spent = slowestPlanMs;
      slowestPlanMs = Math.max(slowestBefore, spent);
      const problems: string[] = spent > planLimitMs ? [`planned for ${spent.toFixed(0)} ms`] : [];
      const text = await engine.execute(operation, session);
      const answer = JSON.parse(text) as { readonly errors?: readonly AnsweredError[] };
      for (const error of answer.errors ?? []) {
        if (isBroken(error)) problems.push(`${JSON.stringify(error)} ${failures.join("; ")}`);
      }
      if (operation.kind === "subscription") problems.push(...(await runShared(operation, session)));
      problems.push(...leaks.map((leak) => `a value stands in the statement: ${leak}`));
      return problems.map(
        (problem) =>
          `seed ${String(seed)}, ${role}: ${problem}\n${operation.query}\n${JSON.stringify(operation.variables)}`,
      );
    },
    slowestPlanMs: () => slowestPlanMs,
    stop: () => engine.stop(),
  };
};
