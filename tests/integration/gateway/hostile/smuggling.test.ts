import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { startTestGateway, startTestUpstream, testAdminSecret, testToken } from "../../../support/gateway.ts";
import { postRaw, type RawHeaders } from "../../../support/raw-http.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";

let house: TestHouse;
let mine: Tenant;
let theirs: Tenant;
let authorization: string;

beforeAll(async () => {
  house = await startTestHouse();
  mine = await createTenant(house.test.database, "mine");
  theirs = await createTenant(house.test.database, "theirs");
  authorization = `Bearer ${await tokenOf(mine)}`;
}, 120_000);

afterAll(() => house.stop());

const tokenOf = ({ userId, workspaceId }: Pick<Tenant, "userId" | "workspaceId">): Promise<string> =>
  testToken({
    "x-hasura-allowed-roles": ["user"],
    "x-hasura-user-id": userId,
    "x-hasura-workspace-id": workspaceId,
  });

const ask = async (url: string, headers: RawHeaders): Promise<readonly [number, unknown]> => {
  const { status, text } = await postRaw(url, headers, '{"query":"{ workspaces { id } }"}');
  return [status, JSON.parse(text)];
};

const error = (code: string, message: string): unknown => ({
  errors: [{ message, extensions: { path: "$", code } }],
});
const roleRefused = error("access-denied", "Your requested role is not in allowed roles");
const secretRefused = error("access-denied", 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"');
const forbidden = error("workspace-forbidden", "this session may not act for that workspace");

describe.each(doorKinds)("at the door of the %s engine", (kind) => {
  const url = (): string => house.doors[kind].url;

  it.each([
    "x-hasura-workspace-id",
    "X-Hasura-Workspace-Id",
    "X-HASURA-WORKSPACE-ID",
    "x_hasura_workspace_id",
    "x-hasura_workspace-id",
    "X_Hasura-Workspace_Id",
    "x-hasura-user-id",
    "x-hasura-default-role",
    "x-hasura-allowed-roles",
    "x-hasura-use-backend-only-permissions",
    "x_hasura_role",
    "x-hasura_role",
    "x_hasura_admin_secret",
  ])("the header %s of a client changes nothing", async (name) => {
    const rows = [200, { data: { workspaces: [{ id: mine.workspaceId }] } }];
    for (const value of [theirs.workspaceId, theirs.userId, "admin", testAdminSecret]) {
      const twice: RawHeaders = [
        [name, value],
        [name, value],
      ];
      expect(await ask(url(), [["authorization", authorization], ...twice])).toEqual(rows);
      expect(await ask(url(), [...twice, ["authorization", authorization]])).toEqual(rows);
    }
  });

  it.each(["x-hasura-role", "X-Hasura-Role", "X-HASURA-ROLE"])(
    "%s is held against the token, once or twice, and empty",
    async (name) => {
      for (const values of [
        ["admin"],
        ["operator"],
        ["user", "admin"],
        ["admin", "user"],
        [""],
        ["user,admin"],
      ]) {
        const roles = values.map((value) => [name, value] as const);
        expect(await ask(url(), [["authorization", authorization], ...roles])).toEqual([200, roleRefused]);
      }
    },
  );

  it("an admin secret that is none is refused, beside a good token and twice", async () => {
    for (const name of ["x-hasura-admin-secret", "X-Hasura-Access-Key"]) {
      for (const values of [["wrong"], [""], [testAdminSecret, "x"], [testAdminSecret, testAdminSecret]]) {
        const secrets = values.map((value) => [name, value] as const);
        expect(await ask(url(), [["authorization", authorization], ...secrets])).toEqual([
          200,
          secretRefused,
        ]);
      }
    }
  });

  it("the first of two tokens counts, for the engine too", async () => {
    const other = `Bearer ${await tokenOf(theirs)}`;
    const both = (first: string, second: string): RawHeaders => [
      ["authorization", first],
      ["Authorization", second],
    ];
    expect(await ask(url(), both(authorization, other))).toEqual([
      200,
      { data: { workspaces: [{ id: mine.workspaceId }] } },
    ]);
    expect(await ask(url(), both("Bearer a.b.c", authorization))).toEqual([
      200,
      error("invalid-jwt", 'Could not verify JWT: JWSError (JSONDecodeError "invalid token")'),
    ]);
  });

  it("a connection header cannot take the credentials off on the way", async () => {
    const named: RawHeaders = [
      ["authorization", authorization],
      ["connection", "authorization, x-hasura-role, x-forwarded-for"],
    ];
    expect(await ask(url(), named)).toEqual([200, { data: { workspaces: [{ id: mine.workspaceId }] } }]);
  });

  it("a token for the workspace of somebody else is refused, whatever else names the own", async () => {
    const foreign = await tokenOf({ userId: mine.userId, workspaceId: theirs.workspaceId });
    for (const more of [
      [],
      [["x-hasura-workspace-id", mine.workspaceId]],
      [["cookie", `token=${await tokenOf(theirs)}`]],
    ] as const) {
      expect(await ask(url(), [["authorization", `Bearer ${foreign}`], ...more])).toEqual([403, forbidden]);
    }
    for (const workspaceId of [
      "",
      "x",
      `${theirs.workspaceId} `,
      "' or true --",
      theirs.workspaceId.toUpperCase(),
    ]) {
      const token = await tokenOf({ userId: mine.userId, workspaceId });
      expect(await ask(url(), [["authorization", `Bearer ${token}`]])).toEqual([403, forbidden]);
    }
  });
});

describe("tokens in a cookie", () => {
  let cookies: TestHouse;
  beforeAll(async () => {
    cookies = await startTestHouse({
      test: house.test,
      jwtSecret: {
        type: "HS256",
        key: "0123456789abcdef0123456789abcdef",
        header: { type: "Cookie", name: "door" },
      },
      unauthorizedRole: "anonymous",
    });
  }, 120_000);
  afterAll(() => cookies.stop());

  it.each(doorKinds)("are read by their name, the first of two, and by nothing else (%s)", async (kind) => {
    const { url } = cookies.doors[kind];
    const [ours, foreign] = [await tokenOf(mine), await tokenOf(theirs)];
    const rows = [200, { data: { workspaces: [{ id: mine.workspaceId }] } }];
    expect(await ask(url, [["cookie", `a=1; door=${ours}; door=${foreign}`]])).toEqual(rows);
    expect(
      await ask(url, [
        ["cookie", `door=${ours}`],
        ["cookie", `door=${foreign}`],
      ]),
    ).toEqual(rows);
    expect(
      await ask(url, [
        ["cookie", `door=${ours}`],
        ["authorization", `Bearer ${foreign}`],
      ]),
    ).toEqual(rows);
    const nobody = error("validation-failed", "field 'workspaces' not found in type: 'query_root'");
    for (const cookie of [`Door=${foreign}`, `doorx=${foreign}`, `x-door=${foreign}`]) {
      const [status, body] = await ask(url, [["cookie", cookie]]);
      expect([status, JSON.parse(JSON.stringify(body).replace("$.selectionSet.workspaces", "$"))]).toEqual([
        200,
        nobody,
      ]);
    }
    const another = await tokenOf({ userId: mine.userId, workspaceId: theirs.workspaceId });
    expect(await ask(url, [["cookie", `door=${another}`]])).toEqual([403, forbidden]);
  });
});

describe("what reaches an upstream behind an address", () => {
  it("has one of each credential, and none that the client made up", async () => {
    const upstream = await startTestUpstream();
    const gateway = await startTestGateway({ upstream: { kind: "url", url: upstream.url } });
    const bearer = `Bearer ${await testToken()}`;
    await postRaw(
      gateway.url,
      [
        ["Authorization", bearer],
        ["Authorization", "Bearer another"],
        ["X-Hasura-Role", "workspace_admin"],
        ["X-HASURA-USER-ID", "1"],
        ["x_hasura_user_id", "2"],
        ["X-Hasura_User-Id", "3"],
        ["X-Hasura-", "4"],
        ["x-hasura-admin_secret", testAdminSecret],
        ["X-Forwarded-For", "1.2.3.4"],
        ["X-Forwarded-User", "root"],
        ["Forwarded", "for=1.2.3.4"],
      ],
      '{"query":"{ a }"}',
    );
    const headers = upstream.calls[0]?.headers ?? {};
    const ours = Object.entries(headers).filter(([name]) => /hasura|^authorization$|forwarded/u.test(name));
    expect(Object.fromEntries(ours)).toEqual({
      authorization: bearer,
      "x-hasura-role": "workspace_admin",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": new URL(gateway.url).host,
    });
    await gateway.stop();
    await upstream.stop();
  });
});
