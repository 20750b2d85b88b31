import { describe, expect, it } from "@jest/globals";
import { exportSPKI, generateKeyPair, SignJWT } from "jose";

import { createAuthenticator } from "../../../src/auth/index.ts";
import { HasuraError } from "../../../src/engine/errors.ts";

const secret = "0123456789abcdef0123456789abcdef";
const key = new TextEncoder().encode(secret);
const at = new Date("2026-06-01T12:00:00Z");
const clock = { now: () => at, schedule: () => () => undefined };
const namespace = "https://hasura.io/jwt/claims";
const claims = {
  "x-hasura-default-role": "user",
  "x-hasura-allowed-roles": ["user", "workspace_admin"],
  "X-Hasura-User-Id": "u1",
};

const token = (payload: Record<string, unknown>, expiresIn = 60): Promise<string> =>
  new SignJWT(payload)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(at.getTime() / 1000 + expiresIn)
    .sign(key);

const jwtMode = (extra: object = {}, unauthorizedRole?: string) =>
  createAuthenticator(
    { adminSecret: "s3cret", jwtSecret: { type: "HS256", key: secret, ...extra }, unauthorizedRole },
    clock,
  );

const refusal = async (work: Promise<unknown>): Promise<{ code: string; message: string }> => {
  const error: unknown = await work.then(
    () => new Error("was not refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HasuraError)) throw error;
  return { code: error.code, message: error.message };
};

describe("admin secret", () => {
  it("makes the caller admin and takes the session variables from headers", async () => {
    const auth = await jwtMode();
    const session = await auth.resolveSession({
      "X-Hasura-Admin-Secret": "s3cret",
      "X-Hasura-User-Id": "u9",
      authorization: "Bearer nonsense",
    });
    expect(session).toEqual({
      role: "admin",
      isAdmin: true,
      backendOnly: false,
      variables: { "x-hasura-role": "admin", "x-hasura-user-id": "u9" },
    });
  });

  it("lets the caller act as any role, with the backend-only fields when asked", async () => {
    const auth = await jwtMode();
    const session = await auth.resolveSession({
      "x-hasura-access-key": "s3cret",
      "x-hasura-role": "user",
      "x-hasura-use-backend-only-permissions": "true",
    });
    expect(session).toMatchObject({ role: "user", isAdmin: false, backendOnly: true });
  });

  it("refuses a wrong one even beside a good token", async () => {
    const auth = await jwtMode({}, "anonymous");
    const work = auth.resolveSession({
      "x-hasura-admin-secret": "wrong",
      authorization: `Bearer ${await token({ [namespace]: claims })}`,
    });
    expect(await refusal(work)).toEqual({
      code: "access-denied",
      message: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
    });
  });

  it("is needed when no other way in is set", async () => {
    const auth = await createAuthenticator({ adminSecret: "s3cret" }, clock);
    expect((await refusal(auth.resolveSession({}))).message).toBe(
      "x-hasura-admin-secret/x-hasura-access-key required, but not found",
    );
  });

  it("makes everyone admin when none is set", async () => {
    const auth = await createAuthenticator({}, clock);
    expect(await auth.resolveSession({})).toMatchObject({ role: "admin", isAdmin: true });
  });
});

describe("JSON web tokens", () => {
  it("gives the default role, lower-cased variables and the end of the token", async () => {
    const auth = await jwtMode();
    const session = await auth.resolveSession({
      authorization: `Bearer ${await token({ [namespace]: claims })}`,
      "x-hasura-user-id": "someone-else",
    });
    expect(session).toEqual({
      role: "user",
      isAdmin: false,
      backendOnly: false,
      expiresAt: new Date(at.getTime() + 60_000),
      variables: { "x-hasura-role": "user", "x-hasura-user-id": "u1" },
    });
  });

  it("takes an allowed role from the header and refuses another", async () => {
    const auth = await jwtMode();
    const authorization = `Bearer ${await token({ [namespace]: claims })}`;
    expect((await auth.resolveSession({ authorization, "x-hasura-role": "workspace_admin" })).role).toBe(
      "workspace_admin",
    );
    expect(await refusal(auth.resolveSession({ authorization, "x-hasura-role": "admin" }))).toEqual({
      code: "access-denied",
      message: "Your requested role is not in allowed roles",
    });
  });

  it("keeps sessions of one token apart by the role asked, an empty one too", async () => {
    const auth = await jwtMode();
    const authorization = `Bearer ${await token({ [namespace]: claims })}`;
    const roleOf = async (headers: Record<string, string>) =>
      (await auth.resolveSession({ authorization, ...headers })).role;
    expect(await roleOf({})).toBe("user");
    expect(await roleOf({ "x-hasura-role": "workspace_admin" })).toBe("workspace_admin");
    expect(await roleOf({})).toBe("user");
    const empty = auth.resolveSession({ authorization, "x-hasura-role": "" });
    expect((await refusal(empty)).code).toBe("access-denied");
  });

  it("reads stringified claims, a namespace path and a claims map", async () => {
    const stringified = await jwtMode({ claims_format: "stringified_json" });
    const first = await token({ [namespace]: JSON.stringify(claims) });
    expect((await stringified.resolveSession({ authorization: `Bearer ${first}` })).role).toBe("user");
    const nested = await jwtMode({ claims_namespace_path: "$.hasura['all claims']" });
    const second = await token({ hasura: { "all claims": claims } });
    expect(
      (await nested.resolveSession({ authorization: `Bearer ${second}` })).variables["x-hasura-user-id"],
    ).toBe("u1");
    const mapping = await jwtMode({
      claims_map: {
        "x-hasura-default-role": "user",
        "x-hasura-allowed-roles": ["user"],
        "x-hasura-user-id": { path: "$.who.id" },
        "x-hasura-tier": { path: "$.tier", default: "basic" },
      },
    });
    const third = await token({ who: { id: "u7" } });
    expect((await mapping.resolveSession({ authorization: `Bearer ${third}` })).variables).toEqual({
      "x-hasura-role": "user",
      "x-hasura-user-id": "u7",
      "x-hasura-tier": "basic",
    });
  });

  it("honours the allowed skew", async () => {
    const expired = `Bearer ${await token({ [namespace]: claims }, -5)}`;
    expect((await refusal((await jwtMode()).resolveSession({ authorization: expired }))).message).toBe(
      "Could not verify JWT: JWTExpired",
    );
    expect(
      (await (await jwtMode({ allowed_skew: 10 })).resolveSession({ authorization: expired })).role,
    ).toBe("user");
  });

  it.each([
    [
      "Bearer a",
      "invalid-jwt",
      "Could not verify JWT: JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)",
    ],
    ["Basic a", "invalid-headers", "Malformed Authorization header"],
    [undefined, "invalid-headers", "Missing 'Authorization' or 'Cookie' header in JWT authentication mode"],
  ])("refuses %s", async (authorization, code, message) => {
    expect(await refusal((await jwtMode()).resolveSession({ authorization }))).toEqual({ code, message });
  });

  it("refuses a foreign signature, audience and issuer", async () => {
    const foreign = await new SignJWT({ [namespace]: claims })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode("another secret of thirty-two bytes"));
    expect(
      (await refusal((await jwtMode()).resolveSession({ authorization: `Bearer ${foreign}` }))).message,
    ).toBe("Could not verify JWT: JWSError JWSInvalidSignature");
    const good = `Bearer ${await token({ [namespace]: claims, aud: "a", iss: "i" })}`;
    expect(
      (await refusal((await jwtMode({ audience: "b" })).resolveSession({ authorization: good }))).message,
    ).toBe("Could not verify JWT: JWTNotInAudience");
    expect(
      (await refusal((await jwtMode({ issuer: "j" })).resolveSession({ authorization: good }))).message,
    ).toBe("Could not verify JWT: JWTNotInIssuer");
    expect(
      (await (await jwtMode({ audience: ["a"], issuer: "i" })).resolveSession({ authorization: good })).role,
    ).toBe("user");
  });

  it("names missing claims", async () => {
    const auth = await jwtMode();
    expect(await refusal(auth.resolveSession({ authorization: `Bearer ${await token({})}` }))).toEqual({
      code: "jwt-invalid-claims",
      message: `claims key: '${namespace}' not found`,
    });
    const roleless = await token({ [namespace]: { "x-hasura-default-role": "user" } });
    expect((await refusal(auth.resolveSession({ authorization: `Bearer ${roleless}` }))).code).toBe(
      "jwt-missing-role-claims",
    );
  });

  it.each([
    ["RS256", "RS256"],
    ["ES256", "ES256"],
    ["Ed25519", "EdDSA"],
  ])("verifies %s with a public key", async (type, alg) => {
    const pair = await generateKeyPair(alg, { extractable: true });
    const auth = await createAuthenticator(
      { adminSecret: "s", jwtSecret: JSON.stringify({ type, key: await exportSPKI(pair.publicKey) }) },
      clock,
    );
    const signed = await new SignJWT({ [namespace]: claims })
      .setProtectedHeader({ alg })
      .sign(pair.privateKey);
    expect((await auth.resolveSession({ authorization: `Bearer ${signed}` })).role).toBe("user");
  });

  it("reads the token from a cookie or a header of its own", async () => {
    const value = await token({ [namespace]: claims });
    const cookie = await jwtMode({ header: { type: "Cookie", name: "session" } });
    expect((await cookie.resolveSession({ cookie: `a=b; session=${value}` })).role).toBe("user");
    const custom = await jwtMode({ header: { type: "CustomHeader", name: "X-Token" } });
    expect((await custom.resolveSession({ "x-token": value })).role).toBe("user");
  });
});

describe("the unauthorized role", () => {
  it("is given without a token, and takes no variables from the caller", async () => {
    const auth = await jwtMode({}, "anonymous");
    expect(await auth.resolveSession({ "x-hasura-workspace-id": "w1", "x-hasura-role": "admin" })).toEqual({
      role: "anonymous",
      isAdmin: false,
      backendOnly: false,
      variables: { "x-hasura-role": "anonymous" },
    });
  });
});

describe("settings", () => {
  it.each([
    ["{", "not valid JSON"],
    [{ type: "HS256", key: secret, claims_namspace: "x" }, "claims_namspace"],
    [{ type: "HS256", key: "short" }, "too short"],
    [{ type: "HS256" }, "exactly one of key and jwk_url"],
  ])("refuses %p", async (jwtSecret, message) => {
    await expect(createAuthenticator({ adminSecret: "s", jwtSecret }, clock)).rejects.toThrow(message);
  });
});
