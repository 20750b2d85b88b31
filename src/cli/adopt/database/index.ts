/** What a project's database has: after its migrations on a scratch server, or as a live one is. */
export { checkFacts } from "./check-facts.ts";
export { type DatabaseFacts } from "./facts.ts";
export { applyMigrations, type ProjectDatabaseOptions, readProjectFacts } from "./project-database.ts";
export {
  type ScratchServer,
  scratchServerAt,
  withEmbeddedServer,
  type WithScratchServer,
} from "./scratch.ts";
