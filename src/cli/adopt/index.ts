/**
 * Puts the product into another Hasura project's folder, beside what is there: one migration for each release, metadata merged
 * into the project's files, and `hasura-usage.json`, which says what is ours. Knows how to upgrade it and to take it out.
 */
export { adopt, type AdoptDeps, type Adopted, type AdoptOptions } from "./adopt.ts";
export { scratchServerAt, withEmbeddedServer, type WithScratchServer } from "./database/index.ts";
export { AdoptionRefused, type Fault } from "./fault.ts";
export { parseClaim, parseMembers, parseRole, parseTable } from "./options.ts";
export { renderReport, reportJson } from "./report.ts";
