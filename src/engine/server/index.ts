/** Owns the surface: HTTP and WebSocket routes, the metadata API, and the state that a reload replaces. */
export { createDocumentCache } from "./document-cache.ts";
export { createHttpApp } from "./http.ts";
export { createMetadataApi } from "./metadata-api.ts";
export { createRequestRunner, type RequestAnswer } from "./run-request.ts";
export { buildState, type EngineState } from "./state.ts";
export { createSocketServer } from "./websocket.ts";
