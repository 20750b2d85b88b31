/**
 * Owns `hasura/sql`, the source of every routine, view and trigger: reads and orders the files, describes what a database has
 * of them, compares the two and writes the migration between them. Knows none of their names.
 */
export { type CatalogObject, type Description } from "./catalog-object.ts";
export { checkMigrations } from "./check-migrations.ts";
export { type Difference } from "./compare.ts";
export {
  createMigration,
  type CreateMigrationOptions,
  type SourcesOptions,
  type WrittenMigration,
} from "./create-migration.ts";
export { describeObjects, type DescribeSettings, type GeneratedRoutines } from "./describe-objects.ts";
export { lintReport } from "./lint-report.ts";
export { type LintFinding, lintRoutines, type LintRoutinesOptions } from "./lint-routines.ts";
export {
  readManifest,
  type SampleManifest,
  type Series,
  seriesOfMigration,
  seriesOfSource,
} from "./manifest.ts";
export { orderSources } from "./order-sources.ts";
export { type Definition, type Source, type SourceFile, type SourceStatement } from "./parse-source.ts";
export { planReplacement, type Replacement, type ReplacementRequest } from "./plan-replacement.ts";
export { type ProjectFiles } from "./project.ts";
export { readSources } from "./read-sources.ts";
