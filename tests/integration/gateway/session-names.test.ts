import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Authenticator } from "../../../src/auth/index.ts";
import { createSessionNames, silentLogger, systemClock } from "../../../src/core/index.ts";
import { createAccessStore, hashApiKey } from "../../../src/domain/access/index.ts";
import { createAccess, createIdentity, type Identity } from "../../../src/gateway/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const sessionNames = createSessionNames({
  userClaim: "x-hasura-org-user-id",
  tenantClaim: "x-hasura-org-id",
  roles: [
    { theirs: "member", ours: "user" },
    { theirs: "org_admin", ours: "workspace_admin" },
    { theirs: "backend", ours: "service" },
  ],
});

let test: TestDatabase;
let workspaceId: string;
let ownerId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  const [owner] = await test.database.query<{ workspace_id: string; user_id: string }>(
    "select workspace_id, user_id from public.workspace_members where role = 'owner' limit 1",
  );
  workspaceId = owner?.workspace_id ?? "";
  ownerId = owner?.user_id ?? "";
});

afterAll(() => test.drop());

/** An identity for tokens with these session variables. */
const identityOf = (role: string, variables: Readonly<Record<string, string>>): Identity => {
  const authenticator: Authenticator = {
    authenticate: () => Promise.resolve({ by: "token", session: { role, variables } }),
  } as unknown as Authenticator;
  const access = createAccess({
    store: createAccessStore(test.database),
    onOutage: "refuse",
    sessionNames,
    clock: systemClock,
    logger: silentLogger,
  });
  return createIdentity({ authenticator, access, adminSecret: "secret", sessionNames });
};

const identify = (identity: Identity, headers: Readonly<Record<string, string>> = {}) =>
  identity.identify({ headers, address: "127.0.0.1" });

describe("a gateway with an application's names", () => {
  it("takes workspace and user from the application's claims", async () => {
    const { caller } = await identify(
      identityOf("member", {
        "x-hasura-org-id": workspaceId,
        "x-hasura-org-user-id": ownerId,
        "x-hasura-workspace-id": "another",
      }),
    );
    expect(caller).toMatchObject({ kind: "user", role: "member", workspaceId, userId: ownerId });
  });

  it("looks up the membership of the application's roles", async () => {
    const stranger = { "x-hasura-org-id": workspaceId, "x-hasura-org-user-id": workspaceId };
    for (const role of ["member", "org_admin"])
      await expect(identify(identityOf(role, stranger))).rejects.toMatchObject({
        code: "workspace-forbidden",
      });
  });

  it("speaks for the holder of a key in the application's names", async () => {
    const key = `hu_${"a".repeat(40)}`;
    await test.database.query(
      `insert into usage.api_keys (workspace_id, name, prefix, hash, scopes)
       values ($1, 'server', 'hu_aaaa', $2, '["graphql:read"]')`,
      [workspaceId, hashApiKey(key)],
    );
    const { caller, upstreamHeaders } = await identify(identityOf("member", {}), { "x-api-key": key });
    expect(caller).toMatchObject({ kind: "service", role: "backend", workspaceId });
    expect(upstreamHeaders).toMatchObject({
      "x-hasura-role": "backend",
      "x-hasura-org-id": workspaceId,
    });
  });
});
