/** Owns the surface: HTTP and WebSocket routes, the metadata API, and the state that a reload replaces. */
export { createDocumentCache } from "./document-cache.ts";
export { createGraphqlAnswerer } from "./graphql-answer.ts";
export { bodyLimitBytes, createHttpApp } from "./http.ts";
export { createLeanHandler } from "./lean-handler.ts";
export { createMetadataApi } from "./metadata-api.ts";
export { asynchronousActions } from "./run-action.ts";
export { createRequestRunner, type RequestAnswer } from "./run-request.ts";
export { buildState, type EngineState } from "./state.ts";
export { createSocketServer } from "./websocket.ts";
