/** Owns Hasura's request and response transforms: what a template makes of a webhook's request and answer. */
export { applyRequestTransform, type OutgoingRequest } from "./request.ts";
export { applyResponseTransform, type IncomingResponse } from "./response.ts";
export type { BodyTransform, RequestTransform, ResponseTransform, SessionVariables } from "./types.ts";
export { checkTransforms } from "./validate.ts";
