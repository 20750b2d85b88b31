/** Owns what the database says of the right to act for a workspace: memberships and API keys. Knows no request. */
export { apiKeyScopes, hashApiKey, isApiKey, newApiKey, type ApiKeyScope } from "./key.ts";
export { createAccessStore, type AccessStore, type ApiKey } from "./store.ts";
