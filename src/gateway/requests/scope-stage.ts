import type { GatewayStage } from "../stage.ts";
import { refuse } from "./refusal.ts";

const needed: Readonly<Record<string, readonly string[]>> = {
  query: ["graphql:read"],
  subscription: ["graphql:read"],
  mutation: ["graphql:write"],
  // What cannot be read here is passed to an upstream that may read it.
  unknown: ["graphql:read", "graphql:write"],
};

/** Lets an API key do what its scopes say; `routeScopes` are those of mounted routes by path. */
export const createScopeStage = (routeScopes: ReadonlyMap<string, string>): GatewayStage => ({
  name: "scopes",
  admit: ({ caller, path, operations }) => {
    if (caller.kind !== "service") return { allowed: true };
    const route = [...routeScopes].find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
    const wanted = route === undefined ? operations.flatMap(({ type }) => needed[type] ?? []) : [route[1]];
    const missing = wanted.find((scope) => !caller.scopes.has(scope));
    return missing === undefined
      ? { allowed: true }
      : refuse(403, "scope-missing", `the API key lacks the scope ${missing}`);
  },
});
