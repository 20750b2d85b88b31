import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { type Database, type Logger, silentLogger, systemClock } from "../../src/core/index.ts";
import {
  createEngine,
  createSession,
  type Engine,
  type ExplainedStatement,
  loadMetadataFolder,
} from "../../src/engine/index.ts";
import { multiplex, multiplexedValues } from "../../src/engine/subscriptions/multiplex.ts";
import { createDatabase } from "../../src/postgres/index.ts";
import { hasMarkedName, judgeAnswer } from "./detectors.ts";
import { createFuzzClient } from "./fuzz-client.ts";
import type { RandomOperation } from "./operation.ts";
import { createRandom } from "./random.ts";
import { randomRequest, type RandomRequest, type RequestKind, roles } from "./request.ts";
import { bodyText, isLeaked, mark } from "./values.ts";
import { settle, watchedDatabase } from "./watched-database.ts";

export interface Checked {
  readonly kind: RequestKind;
  readonly outcomes: readonly ("ok" | "refused")[];
  /** Empty when the engine behaved. */
  readonly problems: readonly string[];
}

export interface FuzzedEngine {
  /** Sends the request that the seed stands for and looks at all that the engine does. */
  check(seed: number): Promise<Checked>;
  readonly slowestPlanMs: () => number;
  /** What must not be left when nothing is under way. */
  leftovers(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/**
 * CPU to parse and plan one document of at most some ten kilobytes; a usual one takes less than a millisecond. The rest is
 * room for the collector's pauses and for a machine that does other things beside.
 */
export const planLimitMs = 250;
const statementTimeoutMs = 5_000;
const answerTimeoutMs = 20_000;
const connections = 2;
/** Of the engine alone: the scratch database has a pool too. */
const application = "hasura-usage-engine-under-fuzz";

/** What webhooks answer, from right to hopeless. */
const webhookAnswers: readonly (() => Response)[] = [
  () => Response.json({ message: "refused by the webhook", extensions: { code: "fuzz" } }, { status: 400 }),
  () => Response.json({ message: "refused by the webhook" }, { status: 403 }),
  () => Response.json({ allowed: true, metric: mark, amount: 1, used: 1e300, limit: null, reason: mark }),
  () => Response.json([{ allowed: null }]),
  () => Response.json(null),
  () => Response.json(mark),
  () => new Response(`{"allowed":tru`, { status: 200 }),
  () => new Response("", { status: 200 }),
  () => Response.json({ wrong: mark }, { status: 400 }),
];

const withTimeout = (url: string): string => {
  const timed = new URL(url);
  timed.searchParams.set("options", `-c statement_timeout=${String(statementTimeoutMs)}`);
  return timed.href;
};

/** No answer is a finding too. */
const inTime = async <T>(work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), answerTimeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

export const createFuzzedEngine = async (
  url: string,
  options: { readonly planLimitMs: number },
): Promise<FuzzedEngine> => {
  const database: Database = createDatabase({
    connectionString: withTimeout(url),
    maxConnections: connections,
    applicationName: application,
  });
  let leaks: string[] = [];
  let failures: string[] = [];
  let logged: string[] = [];
  let isSetUp = false;
  let slowestPlanMs = 0;
  let answerOfWebhook = 0;
  let settled = (): void => undefined;

  const watched = watchedDatabase(database, {
    onStatement: (text) => {
      if (isSetUp && isLeaked(text)) leaks.push(text);
    },
    onFailure: (error) => {
      const { code, message } = error as { readonly code?: string; readonly message?: string };
      failures.push(`${code ?? ""} ${message ?? ""}`);
    },
    onSettled: () => settled(),
  });
  const logger: Logger = {
    ...silentLogger,
    error: (context, message) => {
      const { error } = context as { readonly error?: unknown };
      logged.push(`${message}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    },
  };
  const engine: Engine = await createEngine({
    metadata: await loadMetadataFolder(join(process.cwd(), "hasura", "metadata")),
    database: watched,
    clock: systemClock,
    logger,
    settings: {
      adminSecret: "fuzz",
      env: { PG_DATABASE_URL: "", ACTIONS_BASE_URL: "http://actions", ACTION_SECRET: "0123456789abcdef" },
      actionHandler: () => Promise.resolve((webhookAnswers[answerOfWebhook] ?? Response.error)()),
      // A subscription is asked once, when it begins.
      liveQueryIntervalMs: 3_600_000,
      streamIntervalMs: 3_600_000,
    },
  });
  const server = createServer(engine.handler);
  engine.attachWebSocket(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = createFuzzClient(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  isSetUp = true;

  /** Plans once more, without running: the stage alone, by the CPU that it takes. */
  const plan = (
    operation: RandomOperation,
    role: string,
  ): readonly [readonly ExplainedStatement[], number] => {
    const before = process.cpuUsage();
    let statements: readonly ExplainedStatement[] = [];
    try {
      statements = engine.explain(operation, role);
    } catch {
      // A refusal; it is judged where the request is answered.
    }
    const { user, system } = process.cpuUsage(before);
    const spent = (user + system) / 1000;
    slowestPlanMs = Math.max(slowestPlanMs, spent);
    return [statements, spent];
  };

  /** The statement that a hundred subscribers would share, for two of them. */
  const runShared = async (
    statements: readonly ExplainedStatement[],
    { role, session }: RandomRequest,
  ): Promise<readonly string[]> => {
    const problems: string[] = [];
    const { variables } = createSession(role, session);
    for (const { sql, parameters } of statements) {
      const values = parameters.map((parameter) => {
        if (parameter.from === "value") return parameter.value;
        if (parameter.from === "session") return variables[parameter.name] ?? null;
        return JSON.stringify(variables);
      });
      const shared = multiplex({
        text: sql,
        params: values.map((value) => ({ kind: "value" as const, value })),
      });
      if (isLeaked(shared.text)) leaks.push(shared.text);
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

  const send = async (request: RandomRequest) => {
    const headers = { ...request.session, "x-hasura-admin-secret": "fuzz", "x-hasura-role": request.role };
    if (request.kind !== "subscription") return client.post(request.body, headers);
    const quiet = new Promise<void>((resolve) => {
      settled = resolve;
    });
    return client.subscribe(request.body.toString(), headers, quiet);
  };

  const examine = async (request: RandomRequest): Promise<Omit<Checked, "kind">> => {
    const problems: string[] = [];
    for (const operation of request.operations) {
      const [statements, spent] = plan(operation, request.role);
      if (spent > options.planLimitMs) problems.push(`planned for ${spent.toFixed(0)} ms`);
      if (operation.kind === "subscription") problems.push(...(await runShared(statements, request)));
    }
    const outcome = await settle(() => inTime(send(request)));
    if ("error" in outcome) return { outcomes: [], problems: [...problems, String(outcome.error)] };
    // A stream without rows says nothing, which is right.
    const judged = outcome.value === undefined ? undefined : judgeAnswer(outcome.value, request.role);
    problems.push(...(judged?.problems ?? []));
    return { outcomes: judged?.outcomes ?? ["ok"], problems };
  };

  return {
    check: async (seed) => {
      const role = roles[seed % roles.length] ?? "user";
      const random = createRandom(seed);
      answerOfWebhook = random.int(webhookAnswers.length);
      const request = randomRequest(engine.schemaFor, random, role);
      leaks = [];
      failures = [];
      logged = [];
      const { outcomes, problems } = await examine(request);
      const isRenamed =
        request.kind.startsWith("damaged") && request.operations.every(({ query }) => hasMarkedName(query));
      const found = [
        ...problems,
        ...logged.map((entry) => `logged as an error: ${entry}`),
        ...(isRenamed ? [] : leaks.map((leak) => `a value stands in the statement: ${leak}`)),
      ];
      return {
        kind: request.kind,
        outcomes,
        problems: found.map(
          (problem) =>
            `seed ${String(seed)}, ${role}, ${request.kind}: ${problem}\n${failures.join("; ")}\n` +
            `${JSON.stringify(request.session)}\n` +
            (request.operations
              .map(({ query, variables }) => `${query}\n${bodyText(variables)}`)
              .join("\n") || request.body.toString()),
        ),
      };
    },
    slowestPlanMs: () => slowestPlanMs,
    leftovers: async () => {
      const sessions = await database.query<{ readonly state: string; readonly query: string }>(
        `select state, query
         from pg_stat_activity
         where application_name = $1 and pid <> pg_backend_pid()`,
        [application],
      );
      const [names] = await database.query<{ readonly count: string }>(
        "select count(*) from pg_prepared_statements",
      );
      const prepared = Number(names?.count ?? 0);
      return [
        ...(sessions.length >= connections ? [`${String(sessions.length + 1)} sessions`] : []),
        ...sessions
          .filter(({ state }) => state !== "idle")
          .map(({ state, query }) => `a session is ${state}: ${query}`),
        ...(prepared > 2_100 ? [`${String(prepared)} prepared statements`] : []),
      ];
    },
    stop: async () => {
      client.close();
      await engine.stop();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
      await database.close();
    },
  };
};
