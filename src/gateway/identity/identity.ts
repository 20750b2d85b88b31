import type { Authenticated, Authenticator } from "../../auth/index.ts";
import { createSessionNames, HasuraError, type SessionNames } from "../../core/index.ts";
import { isApiKey } from "../../domain/access/index.ts";
import type { Caller } from "../caller.ts";
import type { Access } from "./access.ts";
import type { Identified, Identity, IdentityRequest } from "./types.ts";

export interface IdentityDeps {
  readonly authenticator: Authenticator;
  /** Memberships and API keys; without it the verified claim alone decides, and there are no keys. */
  readonly access?: Access | undefined;
  /** By which the gateway speaks for the holder of an API key. */
  readonly adminSecret?: string | undefined;
  /** What the tokens call claims and roles; default the product's own names. */
  readonly sessionNames?: SessionNames | undefined;
}

/** Longer than any token that is meant; it would be held in memory, hashed and decoded before it is refused. */
const longestCredential = 16 * 1024;

type Headers = IdentityRequest["headers"];

const isSessionHeader = (name: string): boolean => name.startsWith("x-hasura-");

const textOf = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];

/** What the client's own credentials are, for an upstream that verifies them again. */
const pick = (headers: Headers, isWanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      const text = isWanted(name) ? textOf(value) : undefined;
      return text === undefined ? [] : [[name, text]];
    }),
  );

const callerOf = ({ session, by }: Authenticated, address: string, names: SessionNames): Caller => {
  const { role, variables, expiresAt } = session;
  const base = { role, address, apiKeyId: undefined } as const;
  if (by === "nothing") return { kind: "anonymous", ...base, workspaceId: undefined, userId: undefined };
  const tenant = {
    workspaceId: variables[names.tenantClaim],
    userId: variables[names.userClaim],
  };
  return by === "token"
    ? { kind: "user", ...base, ...tenant, expiresAt }
    : { kind: "admin", ...base, ...tenant };
};

/** Where a token may be, or what an action behind the upstream may ask for. */
const isOfClient = (name: string): boolean => name === "authorization" || name === "cookie";

/** The role is the one thing that the holder of a token may choose, among those that the token allows. */
const isOfToken = (name: string): boolean => isOfClient(name) || name === "x-hasura-role";

/** The key, wherever it is presented; an admin secret beside it comes first, as it does for a token. */
const apiKeyOf = (headers: Headers): string | undefined => {
  if (headers["x-hasura-admin-secret"] !== undefined || headers["x-hasura-access-key"] !== undefined)
    return undefined;
  const own = textOf(headers["x-api-key"]);
  if (own !== undefined) return own;
  const [scheme, token] = (textOf(headers["authorization"]) ?? "").split(" ");
  return scheme === "Bearer" && token !== undefined && isApiKey(token) ? token : undefined;
};

const refuseOversized = (headers: Headers): void => {
  const given = [headers["authorization"], headers["cookie"], headers["x-api-key"]];
  if (given.some((value) => (textOf(value)?.length ?? 0) > longestCredential)) {
    throw new HasuraError({ message: "the credentials are too large", code: "invalid-headers", status: 431 });
  }
};

const identifyKey = async (
  key: string,
  address: string,
  { access, adminSecret }: IdentityDeps,
  names: SessionNames,
): Promise<Identified> => {
  if (access === undefined || adminSecret === undefined) {
    throw new HasuraError({ message: "the API key is not valid", code: "invalid-api-key", status: 401 });
  }
  const { id, workspaceId, scopes, expiresAt } = await access.findKey(key);
  return {
    caller: {
      kind: "service",
      role: names.nameOf("service"),
      address,
      workspaceId,
      userId: undefined,
      apiKeyId: id,
      scopes: new Set(scopes),
      expiresAt,
    },
    upstreamHeaders: {
      "x-hasura-admin-secret": adminSecret,
      "x-hasura-role": names.nameOf("service"),
      [names.tenantClaim]: workspaceId,
    },
  };
};

export const createIdentity = (deps: IdentityDeps): Identity => {
  const names = deps.sessionNames ?? createSessionNames();
  return {
    identify: async ({ headers, address }) => {
      refuseOversized(headers);
      const key = apiKeyOf(headers);
      if (key !== undefined) return identifyKey(key, address, deps, names);
      const caller = callerOf(await deps.authenticator.authenticate(headers), address, names);
      switch (caller.kind) {
        case "admin":
          return { caller, upstreamHeaders: pick(headers, isSessionHeader) };
        case "user":
          await deps.access?.checkMember(caller);
          return { caller, upstreamHeaders: pick(headers, isOfToken) };
        default:
          return { caller, upstreamHeaders: pick(headers, isOfClient) };
      }
    },
    // Tokens are verified again by the upstream, which ends a socket with its token.
    watch: (caller, ended) => deps.access?.watch(caller, ended) ?? (() => undefined),
  };
};
