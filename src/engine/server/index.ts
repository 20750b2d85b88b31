/** Owns the surface: HTTP and WebSocket routes, and the state that a change of metadata replaces. */
export { showsInternalErrors } from "./answers.ts";
export { createDocumentCache } from "./document-cache.ts";
export { createGraphqlAnswerer } from "./graphql-answer.ts";
export { bodyLimitBytes, createHttpApp } from "./http.ts";
export { createLeanHandler } from "./lean-handler.ts";
export { asynchronousActions } from "./run-action.ts";
export { createLiveState, type LiveState } from "./live-state.ts";
export { createRequestRunner, type RequestAnswer } from "./run-request.ts";
export { type EngineState } from "./state.ts";
export { type SocketLink, type SocketSession } from "./socket-session.ts";
export { createSocketServer } from "./websocket.ts";
export { explainRequest } from "./explain.ts";
export { restHandler } from "./rest-handler.ts";
