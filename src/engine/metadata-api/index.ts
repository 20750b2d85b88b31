/**
 * Hasura's metadata API: every command is a change of the metadata document, which is then checked, built and stored like
 * one that came as a whole.
 */
export {
  createMetadataApi,
  type MetadataApi,
  type MetadataHost,
  type MetadataView,
  type Operation,
} from "./api.ts";
export { canonicalDocument } from "./canonical.ts";
export { type Draft } from "./document.ts";
export { ChangeSession, hasEventTriggers, refuseNew } from "./session.ts";
export { refuseInconsistent } from "./replace.ts";
export { createMetadataStore, type MetadataStore, type StoredMetadata } from "./store.ts";
export { eventOperations } from "./operations/events.ts";
export { readArguments } from "./arguments.ts";
export { scheduledOperations } from "./operations/scheduled.ts";
