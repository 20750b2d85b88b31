import { HasuraError } from "../core/index.ts";
import type { ClaimMapEntry, JwtConfig } from "./jwt-config.ts";
import { createSession, type Session } from "./session.ts";

const defaultNamespace = "https://hasura.io/jwt/claims";
const allowedRolesClaim = "x-hasura-allowed-roles";
const defaultRoleClaim = "x-hasura-default-role";

const invalidClaims = (message: string): HasuraError =>
  new HasuraError({ message, code: "jwt-invalid-claims" });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `$.a.b`, `$['a b'].c` and `$`, the paths that claims are found by. */
export const atPath = (root: unknown, path: string): unknown => {
  let value = root;
  for (const match of path
    .replace(/^\$/, "")
    .matchAll(/\['([^']*)'\]|\["([^"]*)"\]|\[(\d+)\]|\.?([^.[\]]+)/g)) {
    const key = match[1] ?? match[2] ?? match[3] ?? match[4] ?? "";
    if (Array.isArray(value)) value = (value as readonly unknown[])[Number(key)];
    else if (isObject(value) && Object.hasOwn(value, key)) value = value[key];
    else return undefined;
  }
  return value;
};

const lowerCaseKeys = (claims: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(claims).map(([name, value]) => [name.toLowerCase(), value]));

const mapped = (payload: unknown, name: string, entry: ClaimMapEntry): unknown => {
  if (typeof entry === "string" || Array.isArray(entry)) return entry;
  const value = atPath(payload, entry.path) ?? entry.default;
  if (value === undefined) {
    throw invalidClaims(`JWT claim from claims_map, ${name}, not found at path: '${entry.path}'`);
  }
  return value;
};

const hasuraClaims = (
  payload: Readonly<Record<string, unknown>>,
  config: JwtConfig,
): Record<string, unknown> => {
  if (config.claims_map !== undefined) {
    return Object.fromEntries(
      Object.entries(config.claims_map).map(([name, entry]) => [
        name.toLowerCase(),
        mapped(payload, name, entry),
      ]),
    );
  }
  const path = config.claims_namespace_path;
  const namespace = config.claims_namespace ?? defaultNamespace;
  let claims: unknown = path === undefined ? payload[namespace] : atPath(payload, path);
  if (claims === undefined) {
    throw invalidClaims(
      path === undefined
        ? `claims key: '${namespace}' not found`
        : `claims not found at claims_namespace_path: '${path}'`,
    );
  }
  if (config.claims_format === "stringified_json") {
    if (typeof claims !== "string")
      throw invalidClaims("expecting stringified json at: 'claims_namespace', but found: json");
    try {
      claims = JSON.parse(claims);
    } catch {
      throw invalidClaims("expecting stringified json at: 'claims_namespace', but found: invalid json");
    }
  }
  if (!isObject(claims)) throw invalidClaims("expecting object at: 'claims_namespace'");
  return lowerCaseKeys(claims);
};

const textOf = (name: string, value: unknown): string => {
  if (typeof value === "string") return value;
  throw invalidClaims(`invalid ${name}; should be a string`);
};

/** The session a verified token stands for; the role is the asked-for one when the token allows it. */
export const sessionFromClaims = (
  payload: Readonly<Record<string, unknown>>,
  config: JwtConfig,
  requestedRole: string | undefined,
): Session => {
  const claims = hasuraClaims(payload, config);
  for (const name of [allowedRolesClaim, defaultRoleClaim]) {
    if (claims[name] === undefined) {
      throw new HasuraError({
        message: `JWT claim does not contain ${name}`,
        code: "jwt-missing-role-claims",
      });
    }
  }
  const allowed = claims[allowedRolesClaim];
  if (!Array.isArray(allowed) || !allowed.every((role) => typeof role === "string")) {
    throw invalidClaims(`invalid ${allowedRolesClaim}; should be a list of roles`);
  }
  const role = requestedRole ?? textOf(defaultRoleClaim, claims[defaultRoleClaim]);
  if (!allowed.includes(role)) {
    throw new HasuraError({ message: "Your requested role is not in allowed roles", code: "access-denied" });
  }
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(claims)) {
    if (!name.startsWith("x-hasura-") || name === allowedRolesClaim || name === defaultRoleClaim) continue;
    variables[name] = textOf(name, value);
  }
  const expiresAt = typeof payload["exp"] === "number" ? new Date(payload["exp"] * 1000) : undefined;
  return createSession(role, variables, { expiresAt });
};
