import type { Authenticated, Authenticator } from "../../auth/index.ts";
import type { Caller } from "../caller.ts";
import type { Identity, IdentityRequest } from "./types.ts";

export interface IdentityDeps {
  readonly authenticator: Authenticator;
}

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

const callerOf = ({ session, by }: Authenticated, address: string): Caller => {
  const { role, variables, expiresAt } = session;
  const base = { role, address, apiKeyId: undefined } as const;
  if (by === "nothing") return { kind: "anonymous", ...base, workspaceId: undefined, userId: undefined };
  const tenant = {
    workspaceId: variables["x-hasura-workspace-id"],
    userId: variables["x-hasura-user-id"],
  };
  return by === "token"
    ? { kind: "user", ...base, ...tenant, expiresAt }
    : { kind: "admin", ...base, ...tenant };
};

/** Where a token may be, or what an action behind the upstream may ask for. */
const isOfClient = (name: string): boolean => name === "authorization" || name === "cookie";

/** The role is the one thing that the holder of a token may choose, among those that the token allows. */
const isOfToken = (name: string): boolean => isOfClient(name) || name === "x-hasura-role";

export const createIdentity = ({ authenticator }: IdentityDeps): Identity => ({
  identify: async ({ headers, address }) => {
    const authenticated = await authenticator.authenticate(headers);
    const caller = callerOf(authenticated, address);
    switch (caller.kind) {
      case "admin":
        return { caller, upstreamHeaders: pick(headers, isSessionHeader) };
      case "user":
        return { caller, upstreamHeaders: pick(headers, isOfToken) };
      default:
        return { caller, upstreamHeaders: pick(headers, isOfClient) };
    }
  },
  // Tokens are verified again by the upstream, which ends a socket with its token.
  watch: () => () => undefined,
});
