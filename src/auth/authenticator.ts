import { LRUCache } from "lru-cache";

import type { Clock } from "../core/index.ts";
import { createSecretCheck, HasuraError } from "../core/index.ts";
import {
  adminSecretOf,
  readHeaders,
  sessionVariablesOf,
  type HeaderInput,
  type HeaderMap,
} from "./headers.ts";
import { sessionFromClaims } from "./jwt-claims.ts";
import { parseJwtConfig, type JwtConfig } from "./jwt-config.ts";
import { createTokenVerifier } from "./jwt-verifier.ts";
import { createSession, type Session } from "./session.ts";

export interface AuthSettings {
  readonly adminSecret?: string | undefined;
  readonly jwtSecret?: unknown;
  readonly unauthorizedRole?: string | undefined;
}

export interface Authenticated {
  readonly session: Session;
  /** What vouches for the session; `nothing` is the unauthorized role. */
  readonly by: "admin-secret" | "token" | "nothing";
}

export interface Authenticator {
  /** Who asks and by what right, or a HasuraError. */
  authenticate(headers: HeaderInput | HeaderMap): Promise<Authenticated>;
  /** The verified session of a request, or a HasuraError. */
  resolveSession(headers: HeaderInput | HeaderMap): Promise<Session>;
}

/** Verified tokens at hand; checking a signature costs about as much as a planned query. */
const sessionsKept = 10_000;

const readToken = (headers: HeaderMap, config: JwtConfig): string | undefined => {
  const place = config.header;
  if (place.type === "CustomHeader") return headers.get(place.name.toLowerCase());
  if (place.type === "Cookie") {
    for (const part of (headers.get("cookie") ?? "").split(";")) {
      const [name, ...rest] = part.trim().split("=");
      if (name === place.name) return rest.join("=");
    }
    return undefined;
  }
  const authorization = headers.get("authorization");
  if (authorization === undefined) return undefined;
  const [scheme, token, ...rest] = authorization.split(" ");
  if (scheme !== "Bearer" || token === undefined || rest.length > 0) {
    throw new HasuraError({ message: "Malformed Authorization header", code: "invalid-headers" });
  }
  return token;
};

const trusted = (headers: HeaderMap): Authenticated => ({
  session: createSession(headers.get("x-hasura-role") ?? "admin", sessionVariablesOf(headers), {
    backendOnly: headers.get("x-hasura-use-backend-only-permissions")?.toLowerCase() === "true",
  }),
  by: "admin-secret",
});

/** Hasura's order: admin secret first, then the token, then the unauthorized role. */
export const createAuthenticator = async (settings: AuthSettings, clock: Clock): Promise<Authenticator> => {
  const { adminSecret, unauthorizedRole } = settings;
  const config = settings.jwtSecret === undefined ? undefined : parseJwtConfig(settings.jwtSecret);
  if (config !== undefined && adminSecret === undefined) {
    throw new Error("a JWT secret needs an admin secret beside it");
  }
  const verify = config === undefined ? undefined : await createTokenVerifier(config, clock);
  const isAdminSecret = adminSecret === undefined ? undefined : createSecretCheck(adminSecret);

  // Keys behind a URL may be withdrawn, so a session out of them is trusted for a minute only.
  const sessions = new LRUCache<string, Authenticated>({
    max: sessionsKept,
    ttl: config?.jwk_url === undefined ? 0 : 60_000,
  });

  const authenticate: Authenticator["authenticate"] = async (input) => {
    const headers = readHeaders(input);
    if (isAdminSecret === undefined) return trusted(headers);
    const given = adminSecretOf(headers);
    if (given !== undefined) {
      if (isAdminSecret(given)) return trusted(headers);
      throw new HasuraError({
        message: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
        code: "access-denied",
      });
    }
    const token = config === undefined ? undefined : readToken(headers, config);
    if (token !== undefined && config !== undefined && verify !== undefined) {
      const role = headers.get("x-hasura-role");
      // An empty header names a role, no header takes the default one: never one key for two sessions.
      const key = role === undefined ? `=${token}` : `${String(role.length)}:${role}${token}`;
      const known = sessions.get(key);
      // An expired token is verified again, to be refused in the verifier's words.
      const until = known?.session.expiresAt;
      if (known !== undefined && (until === undefined || until > clock.now())) return known;
      const found: Authenticated = {
        session: sessionFromClaims(await verify(token), config, role),
        by: "token",
      };
      sessions.set(key, found);
      return found;
    }
    if (unauthorizedRole !== undefined)
      return { session: createSession(unauthorizedRole, {}), by: "nothing" };
    throw config === undefined
      ? new HasuraError({
          message: "x-hasura-admin-secret/x-hasura-access-key required, but not found",
          code: "access-denied",
        })
      : new HasuraError({
          message: "Missing 'Authorization' or 'Cookie' header in JWT authentication mode",
          code: "invalid-headers",
        });
  };

  return { authenticate, resolveSession: async (headers) => (await authenticate(headers)).session };
};
