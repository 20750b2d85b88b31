/** Writes a project's files all or not at all, also when the process ends in the middle. */
export { isInterrupted, journalFolder, recover, writeChanges } from "./journal.ts";
