/**
 * A Hasura v2 server for Postgres: metadata in, GraphQL out. Knows no plan, no limit and no table of this product;
 * stages go one way: metadata, catalog, schema per role, plan, SQL, execution.
 */
export { type WebhookClient, type WebhookRequest } from "./actions/index.ts";
export { createSession, type Session } from "../auth/index.ts";
export { type CronFiring } from "./triggers/index.ts";
export { createEngine, type Engine, type EngineOptions, type EngineSettings } from "./engine.ts";
export { HasuraError } from "./errors.ts";
export { loadMetadataFolder, type Metadata, MetadataError, parseMetadata } from "./metadata/index.ts";
export { type ExplainedParameter, type ExplainedStatement } from "./plan/index.ts";
export { InconsistentMetadataError } from "./schema/index.ts";
