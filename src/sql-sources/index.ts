/**
 * Owns `hasura/sql`, the source of every routine, view and trigger: reads and orders the files, describes what a database has
 * of them, compares the two and writes the migration between them. Knows none of their names.
 */
export { orderSources } from "./order-sources.ts";
export { type Definition, type Source, type SourceFile, type SourceStatement } from "./parse-source.ts";
