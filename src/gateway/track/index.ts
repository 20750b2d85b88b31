/** The way in for analytics events over HTTP. Owns formats and status codes; what an event is, is the domain's. */
export { createTrackRouter, trackPath, type TrackRouterDeps } from "./track-router.ts";
