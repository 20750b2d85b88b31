import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createAuthenticator } from "../../../src/auth/index.ts";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import type { AccessStore } from "../../../src/domain/access/index.ts";
import { createAccess, createIdentity, type AccessDeps } from "../../../src/gateway/index.ts";
import {
  startTestGateway,
  startTestUpstream,
  testAdminSecret,
  testJwtSecret,
  testToken,
  type TestGateway,
  type TestUpstream,
} from "../../support/gateway.ts";
import { postRaw, type RawHeaders } from "../../support/raw-http.ts";

/** The database is away for every question. */
const outage = (): Promise<never> => Promise.reject(new Error("connect ECONNREFUSED 10.0.0.1:5432"));
const store: AccessStore = { memberRole: outage, findKey: outage };

let upstream: TestUpstream;
const gateways: Partial<Record<AccessDeps["onOutage"], TestGateway>> = {};

beforeAll(async () => {
  upstream = await startTestUpstream();
  const authenticator = await createAuthenticator(
    { adminSecret: testAdminSecret, jwtSecret: testJwtSecret, unauthorizedRole: "anonymous" },
    systemClock,
  );
  for (const onOutage of ["refuse", "trust"] as const) {
    const access = createAccess({ store, onOutage, clock: systemClock, logger: silentLogger });
    gateways[onOutage] = await startTestGateway({
      upstream: { kind: "url", url: upstream.url },
      identity: createIdentity({ authenticator, access, adminSecret: testAdminSecret }),
    });
  }
});
afterAll(async () => {
  for (const gateway of Object.values(gateways)) await gateway.stop();
  await upstream.stop();
});

const ask = async (
  onOutage: AccessDeps["onOutage"],
  headers: RawHeaders,
): Promise<readonly [number, unknown]> => {
  const { status, text } = await postRaw(gateways[onOutage]?.url ?? "", headers, '{"query":"{ a }"}');
  return [status, JSON.parse(text)];
};

const passed = [200, { data: {} }];
const unavailable = [
  503,
  {
    errors: [
      {
        message: "who asks cannot be checked at the moment",
        extensions: { path: "$", code: "access-unavailable" },
      },
    ],
  },
];
const bearer = async (claims?: Readonly<Record<string, unknown>>): Promise<RawHeaders> => [
  ["authorization", `Bearer ${await testToken(claims)}`],
];

it("refuses a member while memberships cannot be looked up, unless verified tokens are trusted", async () => {
  expect(await ask("refuse", await bearer())).toEqual(unavailable);
  expect(await ask("trust", await bearer())).toEqual(passed);
});

it("trusts no token whose workspace or user is none, and no key", async () => {
  const nowhere = await bearer({ "x-hasura-workspace-id": "x" });
  const nobody = await bearer({ "x-hasura-user-id": "' or true --" });
  for (const headers of [nowhere, nobody]) {
    expect(await ask("trust", headers)).toMatchObject([
      403,
      { errors: [{ extensions: { code: "workspace-forbidden" } }] },
    ]);
  }
  for (const onOutage of ["refuse", "trust"] as const) {
    expect(await ask(onOutage, [["x-api-key", "hu_0123456789"]])).toEqual(unavailable);
  }
});

it("asks for no membership of who has none to show", async () => {
  for (const onOutage of ["refuse", "trust"] as const) {
    expect(await ask(onOutage, [["x-hasura-admin-secret", testAdminSecret]])).toEqual(passed);
    expect(await ask(onOutage, [])).toEqual(passed);
  }
});
