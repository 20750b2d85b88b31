import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { SignJWT, UnsecuredJWT } from "jose";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { testAdminSecret, testToken } from "../../../support/gateway.ts";
import {
  connectSocketClient,
  dataOf,
  legacyWs,
  openSocketClient,
  socketProtocols,
  startOf,
  transportWs,
  type SocketClient,
} from "../../../support/socket-client.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";

let house: TestHouse;
let mine: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  house = await startTestHouse();
  mine = await createTenant(house.test.database, "mine");
  theirs = await createTenant(house.test.database, "theirs");
}, 120_000);

afterAll(() => house.stop());

const claimsOf = ({
  userId,
  workspaceId,
}: Pick<Tenant, "userId" | "workspaceId">): Record<string, unknown> => ({
  "x-hasura-allowed-roles": ["user"],
  "x-hasura-user-id": userId,
  "x-hasura-workspace-id": workspaceId,
});
const tokenOf = (tenant: Pick<Tenant, "userId" | "workspaceId">): Promise<string> =>
  testToken(claimsOf(tenant));

const query = "{ workspaces { id } }";

const rowsOf = async (client: SocketClient, protocol: string): Promise<unknown> => {
  client.send({ type: startOf(protocol), id: "1", payload: { query } });
  const { payload } = await client.next(
    "the rows",
    ({ type, id }) => type === dataOf(protocol) && id === "1",
  );
  return payload;
};

const cases = doorKinds.flatMap((kind) => socketProtocols.map((protocol) => [kind, protocol] as const));

describe.each(cases)("at the door of the %s engine, %s", (kind, protocol) => {
  const url = (): string => house.doors[kind].url;

  /** What a connection_init is answered that names nobody: a close in one protocol, a frame in the other. */
  const refusalOf = async (headers: Readonly<Record<string, unknown>>): Promise<string> => {
    const client = await openSocketClient(url(), protocol);
    client.send({ type: "connection_init", payload: { headers } });
    if (protocol === legacyWs) {
      const frame = await client.next("the refusal", ({ type }) => type !== "ka");
      client.socket.terminate();
      expect(frame.type).toBe("connection_error");
      expect(client.frames).not.toContainEqual({ type: "connection_ack" });
      return String(frame.payload);
    }
    const { code, reason } = await client.ended();
    expect([code, client.frames]).toEqual([4403, []]);
    return reason;
  };

  it("refuses tokens in connection_init as over HTTP, and serves on", async () => {
    const otherKey = new TextEncoder().encode("another-key-0123456789-0123456789");
    const forged = await new SignJWT({}).setProtectedHeader({ alg: "HS256" }).sign(otherKey);
    const none = new UnsecuredJWT({ "https://hasura.io/jwt/claims": claimsOf(mine) }).encode();
    const foreign = await tokenOf({ userId: mine.userId, workspaceId: theirs.workspaceId });
    const good = await tokenOf(mine);
    const refused: readonly (readonly [headers: Readonly<Record<string, unknown>>, reason: string])[] = [
      [{ authorization: `Bearer ${forged}` }, "Could not verify JWT: JWSError JWSInvalidSignature"],
      [{ Authorization: `Bearer ${none}` }, "Could not verify JWT: JWSError JWSInvalidSignature"],
      [{ authorization: good }, "Malformed Authorization header"],
      [{ authorization: `Bearer ${"x".repeat(17_000)}` }, "the credentials are too large"],
      [{ authorization: `Bearer ${foreign}` }, "this session may not act for that workspace"],
      [
        { authorization: `Bearer ${good}`, "X-Hasura-Role": "admin" },
        "Your requested role is not in allowed roles",
      ],
      [
        { authorization: `Bearer ${good}`, "x-hasura-admin-secret": "wrong" },
        'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
      ],
      [{ "x-api-key": "hu_nothing" }, "the API key is not valid"],
    ];
    for (const [headers, reason] of refused) expect(await refusalOf(headers)).toBe(reason);
    const client = await connectSocketClient(url(), { authorization: `Bearer ${good}` }, protocol);
    expect(await rowsOf(client, protocol)).toEqual({ data: { workspaces: [{ id: mine.workspaceId }] } });
    client.socket.terminate();
  });

  it("takes the workspace from the token, whatever the payload or the upgrade says beside it", async () => {
    const client = await connectSocketClient(
      url(),
      {
        authorization: `Bearer ${await tokenOf(mine)}`,
        "X-Hasura-Workspace-Id": theirs.workspaceId,
        x_hasura_workspace_id: theirs.workspaceId,
        "x-hasura-user-id": theirs.userId,
        x_hasura_role: "admin",
        x_hasura_admin_secret: testAdminSecret,
        "x-hasura-allowed-roles": ["admin"],
        __proto__: { "x-hasura-role": "admin" },
      },
      protocol,
    );
    expect(await rowsOf(client, protocol)).toEqual({ data: { workspaces: [{ id: mine.workspaceId }] } });
    client.socket.terminate();

    const upgraded = await openSocketClient(url(), protocol, {
      headers: {
        "x-hasura-workspace-id": theirs.workspaceId,
        authorization: `Bearer ${await tokenOf(theirs)}`,
      },
    });
    upgraded.send({
      type: "connection_init",
      payload: { headers: { authorization: `Bearer ${await tokenOf(mine)}` } },
    });
    await upgraded.next("the acknowledgement", ({ type }) => type === "connection_ack");
    expect(await rowsOf(upgraded, protocol)).toEqual({ data: { workspaces: [{ id: mine.workspaceId }] } });
    upgraded.socket.terminate();
  });

  it("does not take a second connection_init for another identity", async () => {
    const client = await connectSocketClient(
      url(),
      { authorization: `Bearer ${await tokenOf(mine)}` },
      protocol,
    );
    client.send({
      type: "connection_init",
      payload: { headers: { authorization: `Bearer ${await tokenOf(theirs)}` } },
    });
    if (protocol === transportWs) {
      expect(await client.ended()).toEqual({ code: 4429, reason: "Too many initialisation requests" });
      return;
    }
    expect(await rowsOf(client, protocol)).toEqual({ data: { workspaces: [{ id: mine.workspaceId }] } });
    client.socket.terminate();
  });
});
