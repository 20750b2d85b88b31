/**
 * Events on their way in: checks each, binds it to its caller, and stores the good ones once, durably. Owns the shapes of
 * events; knows no transport. What is counted from them is the database's.
 */
export { limits as eventLimits } from "./limits.ts";
export { copyEvents, eventRows } from "./copy-rows.ts";
export { eventKey } from "./event-key.ts";
export { parseEvent } from "./parse-event.ts";
export { storeEvents, type StoreOutcome } from "./store-events.ts";
export { createTracker, type Tracker, type TrackerDeps, type TrackOptions } from "./tracker.ts";
export {
  type EventOutcome,
  type EventRecord,
  type EventShape,
  type Invalid,
  type TrackCaller,
  type TrackReport,
} from "./types.ts";
