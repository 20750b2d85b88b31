/** Owns live queries: asks again every second and tells listeners only of results that changed. */
export {
  createLiveQueries,
  type LiveQueries,
  type LiveQueriesDeps,
  type LiveQueryListener,
} from "./live-queries.ts";
