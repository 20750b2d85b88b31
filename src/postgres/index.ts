/**
 * Owns everything that speaks to PostgreSQL itself: the pool behind the `Database` port, the embedded server and its
 * life cycle, migrations and seeds, and the description of the schema. Knows nothing of plans, usage or GraphQL.
 */
export { applySeeds, type ApplySeedsOptions } from "./apply-seeds.ts";
export { describeSchema } from "./describe-schema.ts";
export { binariesPlatform } from "./embedded-binaries.ts";
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded.ts";
export { type FilledClusterOptions, prepareFilledCluster } from "./filled-cluster.ts";
export { databaseFolder, projectDigest, readMigrations } from "./hasura-folder.ts";
export { createListener, type Listener, type ListenerDeps } from "./listen.ts";
export { migrate, type MigrateOptions, type MigrateResult } from "./migrate.ts";
export { createDatabase, type DatabaseOptions, type PooledDatabase } from "./pool.ts";
export { repeatContention } from "./repeat-contention.ts";
