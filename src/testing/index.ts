/**
 * The package entry `hasura-usage/engine`: the embedded engine, and a harness that runs any Hasura v2 project with it in
 * tests. Composes core, postgres and engine; knows nothing of plans, usage or this project's own tables.
 */
export { type Clock, type Database, type Logger, silentLogger, systemClock } from "../core/index.ts";
export {
  createEngine,
  createSession,
  type CronFiring,
  type Engine,
  type EngineOptions,
  type EngineSettings,
  type ExplainedParameter,
  type ExplainedStatement,
  HasuraError,
  InconsistentMetadataError,
  loadMetadataFolder,
  type Metadata,
  MetadataError,
  parseMetadata,
  type Session,
  type WebhookClient,
  type WebhookRequest,
} from "../engine/index.ts";
export { createDatabase, type DatabaseOptions, migrate, type MigrateOptions } from "../postgres/index.ts";
export { formatSql } from "./format-sql.ts";
export { mountWebhooks } from "./mount-webhooks.ts";
export {
  type FireCronOptions,
  startTestEngine,
  type TestEngine,
  type TestEngineOptions,
  type WebhookContext,
} from "./start-test-engine.ts";
export { type WebhookCall } from "./webhook-calls.ts";
export { type ClockStep, createTestClock, type TestClock } from "./test-clock.ts";
export { type EventDelivery, type TestEvent } from "./test-events.ts";
export { startTestServer, type TestServer, type TestServerOptions } from "./test-server.ts";
export {
  type GraphQLAnswer,
  type GraphQLError,
  type SessionSettings,
  type TestSession,
  UnexpectedErrorsError,
  type Variables,
} from "./test-session.ts";
