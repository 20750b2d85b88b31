/**
 * Owns `hasura/sql`, the source of every routine, view and trigger: reads and orders the files, describes what a database has
 * of them, compares the two and writes the migration between them. Knows none of their names.
 */
export { lintReport } from "./lint-report.ts";
export { type LintFinding, lintRoutines, type LintRoutinesOptions } from "./lint-routines.ts";
export { orderSources } from "./order-sources.ts";
export { type Definition, type Source, type SourceFile, type SourceStatement } from "./parse-source.ts";
export { readSources } from "./read-sources.ts";
