/** A foreign Hasura project on disk: what it has, where its lists are, and changes to its files that are not written yet. */
export { createFileSet, type FileChange, type FileSet } from "./file-set.ts";
export { type Json } from "./include.ts";
export {
  findSource,
  listMigrations,
  locateTracked,
  nextVersion,
  type Project,
  type ProjectSource,
  readProject,
  type TrackedList,
} from "./read-project.ts";
export { withFolderOf } from "./migrations-copy.ts";
