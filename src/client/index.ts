/**
 * Owns the typed client: one function a document of `documents/`, and live queries over `graphql-transport-ws`.
 * A leaf: applications use it against the gateway, the embedded engine or a real Hasura alike.
 */
export { type ClientOptions, createClient, type UsageClient } from "./create-client.ts";
export { createSubscriber, type Subscriber, type SubscriberOptions } from "./subscribe.ts";
export { type Token } from "./token.ts";
export type * from "./generated/sdk.ts";
