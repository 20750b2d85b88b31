import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

import { type Database, type Logger, silentLogger } from "../core/index.ts";
import {
  createEngine,
  type CronFiring,
  type Engine,
  type EngineSettings,
  type ExplainedStatement,
  loadMetadataFolder,
  type Metadata,
  type WebhookClient,
} from "../engine/index.ts";
import { mountWebhooks, refuseWebhooks } from "./mount-webhooks.ts";
import { requireFolders } from "./project-folders.ts";
import { createTestClock, momentOf, type TestClock } from "./test-clock.ts";
import { createTestDatabase } from "./test-database.ts";
import { createTestEvents, type EventDelivery, type TestEvent } from "./test-events.ts";
import { prepareTemplateDatabase, templateName } from "./template-database.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import { recordWebhooks, type WebhookCall } from "./webhook-calls.ts";
import { createTestSession, type SessionSettings, type TestSession, type Variables } from "./test-session.ts";

/** What handlers may want from the test: the same database, the same time. */
export interface WebhookContext {
  readonly database: Database;
  /** For handlers with a pool of their own; `reset` ends its sessions. */
  readonly databaseUrl: string;
  readonly clock: TestClock;
}

export interface TestEngineOptions {
  /** The project's `metadata` folder (config version 3), or metadata that was read already. */
  readonly metadata: string | Metadata;
  /** The project's `migrations` folder. */
  readonly migrations?: string;
  /** The project's `seeds` folder. */
  readonly seeds?: string;
  /**
   * Makes the Express app, or any listener of `node:http`, that answers actions, cron and event triggers in this process.
   * An app that needs nothing is given as `() => app`.
   */
  readonly webhooks?: (context: WebhookContext) => RequestListener;
  /** Answers webhooks instead of an app. */
  readonly webhookClient?: WebhookClient;
  /** Values for `{{NAME}}`, `value_from_env` and `from_env` in metadata. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the engine's clock stands at first; default the present second. */
  readonly now?: Date | string;
  /**
   * URL of a PostgreSQL server whose user may create databases, as of `startTestServer`. The database in the URL is left
   * alone. Without it an embedded server starts and ends with this engine.
   */
  readonly database?: string;
  /** Settings of the engine under Hasura's names in camel case: adminSecret, jwtSecret, unauthorizedRole, ... */
  readonly settings?: Omit<EngineSettings, "env" | "actionHandler">;
  readonly logger?: Logger;
}

export interface FireCronOptions {
  /** Default the engine's present moment. May lie anywhere, and earlier than one before. */
  readonly scheduledTime?: Date | string;
  /** Deliveries of the same scheduled time, one after the other; default 1. */
  readonly times?: number;
}

export interface TestEngine {
  readonly engine: Engine;
  readonly clock: TestClock;
  /** The present database with all rights and past every permission: to arrange rows and to look at them. */
  readonly database: Database;
  /** Stays the same after a `reset`. */
  readonly databaseUrl: string;
  /** Acts as a role, the way a token or the admin secret would say. */
  as(
    role: string,
    sessionVariables?: Readonly<Record<string, string | number>>,
    settings?: SessionSettings,
  ): TestSession;
  /** Delivers a cron trigger's webhook now, with what it answered; twice, late or out of order, as Hasura may. */
  fireCron(name: string, options?: FireCronOptions): Promise<readonly CronFiring[]>;
  /** Events that triggers of tables have written, oldest first; unlike Hasura's tables without those delivered, by default. */
  events(options?: { readonly delivered?: boolean }): Promise<readonly TestEvent[]>;
  /** Delivers all events that are due, and those that their handlers cause, with what each try was answered. */
  deliverEvents(): Promise<readonly EventDelivery[]>;
  /**
   * Delivers everything that is due at the clock's time: asynchronous actions, cron triggers, one-off scheduled events, events
   * of tables, and what follows from them. Resolves with the number of tries.
   */
  deliverDue(): Promise<number>;
  /** Delivers one event, even one that was delivered: again, or before an older one. */
  fireEvent(id: string, options?: { readonly times?: number }): Promise<readonly EventDelivery[]>;
  /**
   * What the engine sent to the handlers and what they answered, oldest first, since the start or the last `reset`: also why a
   * call failed, which the answer of an action does not say.
   */
  webhookCalls(): readonly WebhookCall[];
  /** The schema of a role in an order that does not change, for snapshots of permissions. */
  sdl(role: string): string;
  /** The SQL that a role's operation becomes, with the origin of each parameter; runs nothing. */
  explainSql(role: string, document: string, variables?: Variables): readonly ExplainedStatement[];
  /** Throws the database away and goes on with a fresh copy: of migrations and seeds, or of the last `freeze`. */
  reset(): Promise<void>;
  /** Makes the present rows what `reset` returns to, as after the set-up of a suite. */
  freeze(): Promise<void>;
  /** Listens on a free port with GraphQL over HTTP and WebSocket, for clients that need an address. */
  listen(): Promise<string>;
  stop(): Promise<void>;
}

/** Everything that was begun, ended in reverse. */
type Undo = () => Promise<unknown>;

const listenOn = async (engine: Engine, undo: Undo[]): Promise<string> => {
  const server = createServer(engine.app);
  engine.attachWebSocket(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  undo.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
};

const deliverDue = async (engine: Engine): Promise<number> => {
  let tries = 0;
  for (;;) {
    await engine.cron.generate();
    let round = await engine.asyncActions.process();
    round += await engine.cron.process();
    round += await engine.scheduled.deliver();
    round += await engine.events.deliver();
    if (round === 0) return tries;
    tries += round;
  }
};

const webhookClientOf = (
  { webhooks, webhookClient }: TestEngineOptions,
  context: WebhookContext,
): WebhookClient =>
  webhookClient ?? (webhooks === undefined ? refuseWebhooks : mountWebhooks(webhooks(context)));

/**
 * Starts a Hasura project for tests: its migrations, seeds and metadata on an embedded PostgreSQL of its own, its handlers
 * in this process, its clock in the test's hand. Nothing is polled in the background; what is due is delivered when the
 * test says so.
 */
export const startTestEngine = async (options: TestEngineOptions): Promise<TestEngine> => {
  const logger = options.logger ?? silentLogger;
  const undo: Undo[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await requireFolders({
      metadata: typeof options.metadata === "string" ? options.metadata : undefined,
      migrations: options.migrations,
      seeds: options.seeds,
    });
    // The metadata is read while the server starts.
    const reading =
      typeof options.metadata === "string"
        ? loadMetadataFolder(options.metadata)
        : Promise.resolve(options.metadata);
    // Reported where it is awaited; a server that fails first must not leave it unhandled.
    reading.catch(() => undefined);
    const project = { migrationsDir: options.migrations, seedsDir: options.seeds, logger };
    const own = options.database === undefined ? await startServer() : undefined;
    const serverUrl = own?.url ?? options.database ?? "";
    const template = own === undefined ? prepareTemplateDatabase(serverUrl, project) : templateName(project);
    const test = await createTestDatabase({
      serverUrl,
      template: await template,
      ownsServer: own !== undefined,
    });
    undo.push(() => test.close());
    const clock = createTestClock(options.now);
    const context = { database: test.database, databaseUrl: test.url, clock };
    const webhooks = recordWebhooks(webhookClientOf(options, context));
    const engine = await createEngine({
      metadata: await reading,
      database: test.database,
      clock,
      logger,
      settings: {
        ...options.settings,
        env: { HASURA_GRAPHQL_DATABASE_URL: test.url, PG_DATABASE_URL: test.url, ...options.env },
        actionHandler: webhooks.client,
      },
    });
    undo.push(() => engine.stop());
    // From here on a copy holds what the engine has installed, so a reset does not install it again.
    await test.freeze();
    const events = createTestEvents(engine, test.database);
    let address: Promise<string> | undefined;

    return {
      engine,
      clock,
      database: test.database,
      databaseUrl: test.url,
      as: (role, variables = {}, settings = {}) => createTestSession(engine, role, variables, settings),
      fireCron: async (name, { scheduledTime, times = 1 } = {}) => {
        const moment = scheduledTime === undefined ? clock.now() : new Date(momentOf(scheduledTime));
        const firings: CronFiring[] = [];
        for (let count = 0; count < times; count += 1) firings.push(await engine.cron.fire(name, moment));
        return firings;
      },
      events: events.list,
      deliverEvents: events.deliver,
      deliverDue: () => deliverDue(engine),
      fireEvent: events.fire,
      webhookCalls: webhooks.calls,
      sdl: (role) => engine.sdl(role),
      explainSql: (role, document, variables = {}) => engine.explain({ query: document, variables }, role),
      reset: async () => {
        await test.reset();
        webhooks.clear();
      },
      freeze: () => test.freeze(),
      listen: () => (address ??= listenOn(engine, undo)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }

  async function startServer(): Promise<TestServer> {
    const server = await startTestServer({ migrations: options.migrations, seeds: options.seeds, logger });
    undo.push(() => server.stop());
    return server;
  }
};
