/**
 * Which objects of the metadata do not fit the database, in the words and shapes of Hasura's `get_inconsistent_metadata`,
 * and the document without them.
 */
export { type Checked, checkConsistency } from "./check.ts";
export { segmentsOf } from "./collections.ts";
export { removeObject } from "./remove-object.ts";
export { inheritanceConflict, type Inconsistency } from "./inconsistency.ts";
