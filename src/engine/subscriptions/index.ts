/**
 * Owns live queries and streams: subscriptions of one statement are asked for together, in turns, and listeners are told of
 * results that changed.
 */
export {
  createLiveQueries,
  type LiveQueries,
  type LiveQueriesDeps,
  type PollSettings,
} from "./live-queries.ts";
export type { LiveQueryListener, LiveSource } from "./types.ts";
