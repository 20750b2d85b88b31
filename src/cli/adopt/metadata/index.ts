/** The product's metadata beside a project's own: what is added, under which names, and what the project changed of it. */
export { checkNames, checkTrackedSchemas, rolesOfProject } from "./check-names.ts";
export { type Kept, type MergedMetadata, mergeMetadata, type MergeInput } from "./merge.ts";
export { findReferences, type TableReference } from "./references.ts";
export { releaseUnits, type Unit } from "./units.ts";
