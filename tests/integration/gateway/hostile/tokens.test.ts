import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { generateKeyPairSync } from "node:crypto";
import { SignJWT, UnsecuredJWT, base64url } from "jose";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { postRaw, type RawHeaders } from "../../../support/raw-http.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";

const secret = "a-secret-of-the-door-0123456789-abcdef";
const key = new TextEncoder().encode(secret);
const namespace = "https://hasura.io/jwt/claims";
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();

let house: TestHouse;
let asymmetric: TestHouse;
let mine: Tenant;

beforeAll(async () => {
  const jwt = { audience: "door", issuer: "https://issuer.test" };
  house = await startTestHouse({ jwtSecret: { type: "HS256", key: secret, ...jwt } });
  asymmetric = await startTestHouse({
    jwtSecret: { type: "RS256", key: publicPem, ...jwt },
    test: house.test,
  });
  mine = await createTenant(house.test.database, "mine");
}, 120_000);

afterAll(async () => {
  await asymmetric.stop();
  await house.stop();
});

const claims = (): Record<string, unknown> => ({
  "x-hasura-default-role": "user",
  "x-hasura-allowed-roles": ["user"],
  "x-hasura-user-id": mine.userId,
  "x-hasura-workspace-id": mine.workspaceId,
});

const payload = (extra: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: "https://issuer.test",
  aud: "door",
  exp: Math.floor(Date.now() / 1000) + 3_600,
  [namespace]: claims(),
  ...extra,
});

const sign = (
  body: Record<string, unknown>,
  by: Uint8Array = key,
  header: Record<string, unknown> = {},
): Promise<string> => new SignJWT(body).setProtectedHeader({ alg: "HS256", ...header }).sign(by);

const seconds = (): number => Math.floor(Date.now() / 1000);
const encode = (value: unknown): string => base64url.encode(JSON.stringify(value));

/** Everything that is no token of ours, with the code and the words that Hasura has for it. */
const refused: readonly (readonly [
  what: string,
  make: () => Promise<string> | string,
  code: string,
  message: string,
])[] = [
  [
    "signed by somebody else",
    () => sign(payload(), new TextEncoder().encode("x".repeat(40))),
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "changed behind its signature",
    async () => {
      const [head, , signature] = (await sign(payload())).split(".");
      return `${String(head)}.${encode(payload({ admin: true }))}.${String(signature)}`;
    },
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "without a signature",
    async () => (await sign(payload())).replace(/[^.]+$/u, ""),
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  ["expired", () => sign(payload({ exp: seconds() - 1 })), "invalid-jwt", "Could not verify JWT: JWTExpired"],
  [
    "not yet valid",
    () => sign(payload({ nbf: seconds() + 600 })),
    "invalid-jwt",
    "Could not verify JWT: JWTNotYetValid",
  ],
  [
    "with the algorithm none",
    () => new UnsecuredJWT(payload()).encode(),
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "with the algorithm nOnE, and a signature",
    async () =>
      `${encode({ alg: "nOnE" })}.${encode(payload())}.${String((await sign(payload())).split(".")[2])}`,
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "with another algorithm of the same key",
    () =>
      new SignJWT(payload())
        .setProtectedHeader({ alg: "HS512" })
        .sign(new TextEncoder().encode(secret.repeat(2))),
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "that brings its own key",
    () =>
      new SignJWT(payload())
        .setProtectedHeader({
          alg: "RS256",
          jwk: publicKey.export({ format: "jwk" }) as Record<string, string>,
        })
        .sign(privateKey),
    "invalid-jwt",
    "Could not verify JWT: JWSError JWSInvalidSignature",
  ],
  [
    "with a critical extension that nobody knows",
    async () => {
      const head = encode({ alg: "HS256", crit: ["door"], door: 1 });
      const [, body, signature] = (await sign(payload())).split(".");
      return `${head}.${String(body)}.${String(signature)}`;
    },
    "invalid-jwt",
    'Could not verify JWT: JWSError (JSONDecodeError "invalid token")',
  ],
  [
    "for another audience",
    () => sign(payload({ aud: ["window", "wall"] })),
    "invalid-jwt",
    "Could not verify JWT: JWTNotInAudience",
  ],
  [
    "for no audience",
    () => sign(payload({ aud: undefined })),
    "invalid-jwt",
    "Could not verify JWT: JWTNotInAudience",
  ],
  [
    "of another issuer",
    () => sign(payload({ iss: "https://issuer.test.evil" })),
    "invalid-jwt",
    "Could not verify JWT: JWTNotInIssuer",
  ],
  [
    "without claims",
    () => sign(payload({ [namespace]: undefined })),
    "jwt-invalid-claims",
    `claims key: '${namespace}' not found`,
  ],
  [
    "with claims as text",
    () => sign(payload({ [namespace]: JSON.stringify(claims()) })),
    "jwt-invalid-claims",
    "expecting object at: 'claims_namespace'",
  ],
  [
    "with claims as a list",
    () => sign(payload({ [namespace]: [claims()] })),
    "jwt-invalid-claims",
    "expecting object at: 'claims_namespace'",
  ],
  [
    "with claims of null",
    () => sign(payload({ [namespace]: null })),
    "jwt-invalid-claims",
    "expecting object at: 'claims_namespace'",
  ],
  [
    "without a default role",
    () => sign(payload({ [namespace]: { ...claims(), "x-hasura-default-role": undefined } })),
    "jwt-missing-role-claims",
    "JWT claim does not contain x-hasura-default-role",
  ],
  [
    "without allowed roles",
    () => sign(payload({ [namespace]: { ...claims(), "x-hasura-allowed-roles": undefined } })),
    "jwt-missing-role-claims",
    "JWT claim does not contain x-hasura-allowed-roles",
  ],
  [
    "with allowed roles in one text",
    () => sign(payload({ [namespace]: { ...claims(), "x-hasura-allowed-roles": "user,admin" } })),
    "jwt-invalid-claims",
    "invalid x-hasura-allowed-roles; should be a list of roles",
  ],
  [
    "with a default role that it does not allow",
    () => sign(payload({ [namespace]: { ...claims(), "x-hasura-default-role": "admin" } })),
    "access-denied",
    "Your requested role is not in allowed roles",
  ],
  [
    "with a workspace that is a list",
    () => sign(payload({ [namespace]: { ...claims(), "x-hasura-workspace-id": [mine.workspaceId] } })),
    "jwt-invalid-claims",
    "invalid x-hasura-workspace-id; should be a string",
  ],
  [
    "of one part",
    () => "token",
    "invalid-jwt",
    "Could not verify JWT: JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)",
  ],
  [
    "of three parts that are nothing",
    () => "..",
    "invalid-jwt",
    'Could not verify JWT: JWSError (JSONDecodeError "invalid token")',
  ],
  [
    "that is no JSON inside",
    () => `${base64url.encode("{")}.${base64url.encode("{")}.AAAA`,
    "invalid-jwt",
    'Could not verify JWT: JWSError (JSONDecodeError "invalid token")',
  ],
];

const ask = (door: string, headers: RawHeaders) =>
  postRaw(door, headers, '{"query":"{ workspaces { id } }"}');

const bearer = (token: string): RawHeaders => [["authorization", `Bearer ${token}`]];

const serves = async (door: string): Promise<void> => {
  const { status, text } = await ask(door, bearer(await sign(payload())));
  expect([status, JSON.parse(text)]).toEqual([200, { data: { workspaces: [{ id: mine.workspaceId }] } }]);
};

describe.each(doorKinds)("at the door of the %s engine a token", (kind) => {
  it.each(refused)("%s is refused and nothing else is told", async (_, make, code, message) => {
    const { url } = house.doors[kind];
    const { status, text } = await ask(url, bearer(await make()));
    // The whole body: neither the token, nor the key, nor who else there is.
    expect([status, JSON.parse(text)]).toEqual([
      200,
      { errors: [{ message, extensions: { path: "$", code } }] },
    ]);
    await serves(url);
  });

  it("signed by the public key as if it were a shared secret is refused", async () => {
    const { url } = asymmetric.doors[kind];
    for (const text of [publicPem, publicPem.trim(), publicPem.replaceAll("\n", "\\n")]) {
      const forged = await sign(payload(), new TextEncoder().encode(text));
      const answer = await ask(url, bearer(forged));
      expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: { code: "invalid-jwt" } }] });
    }
    const real = await new SignJWT(payload()).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
    expect(JSON.parse((await ask(url, bearer(real))).text)).toEqual({
      data: { workspaces: [{ id: mine.workspaceId }] },
    });
  });

  it("of twelve kilobytes is read, one beyond the head of a request is 431", async () => {
    const { url } = house.doors[kind];
    const large = await sign(payload({ note: "x".repeat(8_500) }));
    expect(large.length).toBeGreaterThan(11_000);
    expect(JSON.parse((await ask(url, bearer(large))).text)).toEqual({
      data: { workspaces: [{ id: mine.workspaceId }] },
    });
    const oversized = await sign(payload({ note: "x".repeat(20_000) }));
    const answer = await ask(url, bearer(oversized));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      431,
      {
        errors: [
          {
            message: "the headers of the request are too large",
            extensions: { path: "$", code: "invalid-headers" },
          },
        ],
      },
    ]);
    await serves(url);
  });

  it("in a header of another scheme, or with something behind it, is refused", async () => {
    const { url } = house.doors[kind];
    const token = await sign(payload());
    for (const value of [`Basic ${token}`, token, `Bearer  ${token}`, `Bearer ${token} more`, "Bearer"]) {
      const { text } = await ask(url, [["authorization", value]]);
      expect(JSON.parse(text)).toEqual({
        errors: [
          {
            message: "Malformed Authorization header",
            extensions: { path: "$", code: "invalid-headers" },
          },
        ],
      });
    }
    await serves(url);
  });
});
