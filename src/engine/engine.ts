import type { RequestListener, Server } from "node:http";

import { lexicographicSortSchema, printSchema, type GraphQLSchema } from "graphql";

import { systemClock, type Clock, type Database, type Logger } from "../core/index.ts";
import {
  createActionCaller,
  createAsyncActions,
  createInputValidator,
  createHttpWebhook,
  type AsyncActions,
  type Environment,
  type WebhookClient,
} from "./actions/index.ts";
import {
  createAuthenticator,
  readHeaders,
  type AuthSettings,
  type HeaderInput,
  type Session,
} from "../auth/index.ts";
import type { Metadata } from "./metadata/index.ts";
import { createMetadataApi, eventOperations, scheduledOperations } from "./metadata-api/index.ts";
import { listStatements, planOperation, type ExplainedStatement } from "./plan/index.ts";
import type { GraphQLRequest } from "./protocol/index.ts";
import {
  asynchronousActions,
  bodyLimitBytes,
  createDocumentCache,
  createGraphqlAnswerer,
  createHttpApp,
  createLeanHandler,
  createLiveState,
  createRequestRunner,
  createSocketServer,
  explainRequest,
  restHandler,
  showsInternalErrors,
  type SocketLink,
  type SocketSession,
} from "./server/index.ts";
import { createLiveQueries } from "./subscriptions/index.ts";
import {
  createCronScheduler,
  createEventTriggers,
  createScheduledEvents,
  type CronScheduler,
  type EventTriggers,
  type ScheduledEvents,
} from "./triggers/index.ts";

export interface EngineSettings extends AuthSettings {
  readonly stringifyNumericTypes?: boolean;
  /** Whether a role may call a function when it can select from the table that the function returns. */
  readonly inferFunctionPermissions?: boolean;
  /** For `{{NAME}}`, `value_from_env` and `from_env` in metadata. */
  readonly env?: Environment;
  /** Answers webhooks in the same process instead of over the network. */
  readonly actionHandler?: WebhookClient;
  /** How often live queries are asked again, and how many subscribers one statement answers. */
  readonly liveQueryIntervalMs?: number;
  readonly liveQueryBatchSize?: number;
  /** The same for streams. */
  readonly streamIntervalMs?: number;
  readonly streamBatchSize?: number;
  /** Starts although objects of the metadata do not fit the database: they are left out and listed, as in Hasura. */
  readonly allowInconsistentMetadata?: boolean;
  /** Roles other than admin may send only documents of collections on the allow list. */
  readonly enableAllowList?: boolean;
  /** Everybody's errors tell SQL, statement and webhook, not the administrator's alone. */
  readonly devMode?: boolean;
  /** False: the administrator's errors do not either. */
  readonly adminInternalErrors?: boolean;
}

export interface EngineOptions {
  /** What holds from now on; left out, what the database holds from the last time. */
  readonly metadata?: Metadata;
  readonly database: Database;
  readonly clock?: Clock;
  readonly logger: Logger;
  readonly settings: EngineSettings;
}

export interface Engine {
  /** `{"data":…}` or `{"errors":…}` as text. */
  execute(
    request: {
      readonly query: string;
      readonly variables?: GraphQLRequest["variables"];
      readonly operationName?: string;
    },
    session: Session,
    headers?: HeaderInput,
  ): Promise<string>;
  schemaFor(role: string): GraphQLSchema;
  /** The schema of a role as text, in an order that does not change between runs. */
  sdl(role: string): string;
  /** The statements that an operation of this role would send, with the origin of their parameters; runs nothing. */
  explain(
    request: {
      readonly query: string;
      readonly variables?: GraphQLRequest["variables"];
      readonly operationName?: string;
    },
    role: string,
  ): readonly ExplainedStatement[];
  /** Hasura's HTTP surface, for `createServer` or to be mounted with `app.use`. */
  readonly app: RequestListener;
  /** The same surface for `createServer`; faster, as GraphQL requests do not pass through Express. */
  readonly handler: RequestListener;
  readonly cron: CronScheduler;
  readonly events: EventTriggers;
  readonly scheduled: ScheduledEvents;
  readonly asyncActions: Pick<AsyncActions, "process">;
  attachWebSocket(server: Server, path?: string): void;
  /** Answers the body of a POST to `/v1/graphql` for a caller in the same process; never throws. */
  readonly answer: (
    headers: HeaderInput,
    body: string,
  ) => Promise<{ readonly text: string; readonly setCookies: readonly string[] }>;
  /** A WebSocket connection of `/v1/graphql` without a network: the link is the client's end. */
  openSocket(link: SocketLink, headers: HeaderInput): SocketSession;
  replaceMetadata(metadata: Metadata): Promise<void>;
  /** Reads the database again, as after a migration. */
  reload(): Promise<void>;
  /** Begins with cron triggers, event triggers, scheduled events and asynchronous actions. */
  start(): void;
  /** Ends sockets, polls and deliveries; the database stays open, it is the caller's. */
  stop(): Promise<void>;
}

/** A Hasura v2 server over one Postgres database. Refuses to start on metadata that does not fit it. */
export const createEngine = async (options: EngineOptions): Promise<Engine> => {
  const { database, logger, settings } = options;
  const clock = options.clock ?? systemClock;
  const environment = settings.env ?? {};
  const client = settings.actionHandler ?? createHttpWebhook();
  const schemaOptions = {
    stringifyNumericTypes: settings.stringifyNumericTypes ?? false,
    inferFunctionPermissions: settings.inferFunctionPermissions ?? true,
  };

  const showsInternal = showsInternalErrors(settings);
  const authenticator = await createAuthenticator(settings, clock);
  const cron = await createCronScheduler({ database, clock, logger, client, environment });
  const { stringifyNumericTypes } = schemaOptions;
  const events = createEventTriggers({ database, clock, logger, client, environment, stringifyNumericTypes });
  const scheduled = createScheduledEvents({ database, clock, logger, client, environment });
  const live = await createLiveState({
    database,
    logger,
    environment,
    options: schemaOptions,
    metadata: options.metadata,
    allowInconsistentMetadata: settings.allowInconsistentMetadata ?? false,
    install: async ({ metadata, catalog }) => {
      await cron.install(metadata.cronTriggers);
      await events.install(metadata, catalog);
    },
  });

  const parseDocument = createDocumentCache();
  const callAction = createActionCaller({ client, environment, logger });
  const asyncActions = createAsyncActions({
    database,
    clock,
    logger,
    callAction,
    actions: () => asynchronousActions(live.current()),
  });
  const runner = createRequestRunner({
    database,
    logger,
    callAction,
    asyncActions,
    callInputValidation: createInputValidator({ client, environment, logger }),
    stringifyNumericTypes: schemaOptions.stringifyNumericTypes,
    parse: parseDocument,
    state: live.current,
    allowListEnabled: settings.enableAllowList ?? false,
    showsInternal,
    written: () => {
      events.wake();
      asyncActions.wake();
    },
  });
  const liveQueries = createLiveQueries({
    database,
    clock,
    logger,
    live: {
      intervalMs: settings.liveQueryIntervalMs ?? 1_000,
      batchSize: settings.liveQueryBatchSize ?? 100,
    },
    stream: {
      intervalMs: settings.streamIntervalMs ?? 1_000,
      batchSize: settings.streamBatchSize ?? 100,
    },
    epoch: live.current,
  });
  const sockets = createSocketServer({ authenticator, runner, liveQueries, clock, logger, showsInternal });
  const metadataApi = createMetadataApi({
    database,
    operations: { ...eventOperations(events), ...scheduledOperations(database, scheduled) },
    current: live.current,
    change: live.change,
    check: live.check,
  });

  const answer = createGraphqlAnswerer({ authenticator, runner, logger, showsInternal });
  const requests = { database, parse: parseDocument, stringifyNumericTypes, state: live.current };
  const app = createHttpApp({
    authenticator,
    answer,
    metadataApi,
    explain: (body) => explainRequest(requests, body),
    rest: restHandler({
      authenticator,
      runner,
      parse: parseDocument,
      state: live.current,
      logger,
      showsInternal,
    }),
    database,
    logger,
    showsInternal,
  });

  return {
    execute: async (request, session, headers = {}) => {
      const complete = {
        query: request.query,
        variables: request.variables ?? {},
        operationName: request.operationName,
      };
      return (await runner.answer(complete, session, readHeaders(headers))).text;
    },
    schemaFor: (role) => live.current().schemaFor(role, false).schema,
    sdl: (role) => printSchema(lexicographicSortSchema(live.current().schemaFor(role, false).schema)),
    explain: (request, role) =>
      listStatements(
        planOperation({
          roleSchema: live.current().schemaFor(role, false),
          document: parseDocument(request.query),
          operationName: request.operationName,
          variables: request.variables,
          stringifyNumericTypes: schemaOptions.stringifyNumericTypes,
        }),
      ),
    app,
    handler: createLeanHandler({ answer, fallback: app, bodyLimitBytes }),
    cron,
    events,
    scheduled,
    asyncActions,
    attachWebSocket: (server, path) => {
      sockets.attach(server, path);
    },
    answer,
    openSocket: sockets.open,
    replaceMetadata: live.replaceMetadata,
    reload: live.reload,
    start: () => {
      cron.start();
      events.start();
      scheduled.start();
      asyncActions.start();
    },
    stop: async () => {
      liveQueries.stop();
      await sockets.close();
      await cron.stop();
      await events.stop();
      await scheduled.stop();
      await asyncActions.stop();
    },
  };
};
