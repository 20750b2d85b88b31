import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { GatewayStage, Outcome } from "../../../../src/gateway/index.ts";
import { doorKinds, startTestHouse, type TestHouse } from "../../../support/doors.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { testAdminSecret, testToken } from "../../../support/gateway.ts";
import {
  connectSocketClient,
  dataOf,
  legacyWs,
  openSocketClient,
  socketProtocols,
  startOf,
  stopOf,
  transportWs,
  type Frame,
  type SocketClient,
} from "../../../support/socket-client.ts";
import { createTenant, type Tenant } from "../../../support/tenants.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { setLimit } from "../../../support/workspaces.ts";

let test: TestDatabase;
let mine: Tenant;
let house: TestHouse;
let outcomes: Outcome[] = [];
let admit: GatewayStage["admit"] = () => ({ allowed: true });

const stage: GatewayStage = {
  name: "watch",
  admit: (request) => admit(request),
  settle: (_request, outcome) => outcomes.push(outcome),
};

beforeAll(async () => {
  test = await createTestDatabase();
  mine = await createTenant(test.database, "mine");
  await setLimit(test.database, mine.workspaceId, "channels", 1);
}, 120_000);
afterAll(() => test.drop());

beforeEach(async () => {
  outcomes = [];
  admit = () => ({ allowed: true });
  house = await startTestHouse({ test, gateway: { stages: [stage] } });
});
afterEach(() => house.stop());

const admin = { "x-hasura-admin-secret": testAdminSecret };
const live = `subscription { messages(where: {workspace_id: {_eq: "WS"}}) { body } }`;

const cases = doorKinds.flatMap((kind) => socketProtocols.map((protocol) => [kind, protocol] as const));

describe.each(cases)("the socket in front of the %s engine, %s", (kind, protocol) => {
  const url = (): string => house.doors[kind].url;
  const connect = (headers: Readonly<Record<string, unknown>> = admin): Promise<SocketClient> =>
    connectSocketClient(url(), headers, protocol);
  const start = (client: SocketClient, id: string, query: string): void => {
    client.send({ type: startOf(protocol), id, payload: { query: query.replace("WS", mine.workspaceId) } });
  };
  const dataFor = (client: SocketClient, id: string): readonly unknown[] =>
    client.frames
      .filter((frame) => frame.type === dataOf(protocol) && frame.id === id)
      .map(({ payload }) => payload);
  const ofId = (client: SocketClient, id: string): readonly Frame[] =>
    client.frames.filter((frame) => frame.id === id);

  it("carries queries, mutations and what lives, and settles each once at its end", async () => {
    const client = await connect();
    start(client, "live", live);
    await waitFor("the first rows", () => dataFor(client, "live").length === 1);
    start(
      client,
      "write",
      `mutation { update_messages(where: {workspace_id: {_eq: "WS"}}, _set: {body: "${kind} ${protocol}"}) { affected_rows } }`,
    );
    await waitFor("the change", () => dataFor(client, "live").length === 2);
    expect(dataFor(client, "live")[1]).toEqual({ data: { messages: [{ body: `${kind} ${protocol}` }] } });
    expect(dataFor(client, "write")).toEqual([{ data: { update_messages: { affected_rows: 1 } } }]);
    await waitFor("the mutation to settle", () => outcomes.length === 1);
    client.send({ type: stopOf(protocol), id: "live" });
    await waitFor("the subscription to settle", () => outcomes.length === 2);
    expect(outcomes).toMatchObject([
      { status: 200, refusedBy: undefined },
      { status: 200, refusedBy: undefined },
    ]);
    // The same id is free again.
    start(client, "live", "{ __typename }");
    await waitFor("the third", () => dataFor(client, "live").length === 3);
    client.socket.close(1000);
    await client.ended();
    await waitFor("everything to settle", () => outcomes.length === 3);
  });

  it("tells a refusal in frames of the operation, and goes on", async () => {
    admit = ({ operations }) =>
      operations[0]?.name === "Refused"
        ? {
            allowed: false,
            status: 429,
            code: "rate-limited",
            message: "too many",
            extensions: { limit: 1 },
          }
        : { allowed: true };
    const client = await connect();
    start(client, "1", "query Refused { __typename }");
    start(client, "2", "query Allowed { __typename }");
    await waitFor("the answer to the second", () => dataFor(client, "2").length === 1);
    const errors = [{ message: "too many", extensions: { path: "$", code: "rate-limited", limit: 1 } }];
    expect(ofId(client, "1")).toEqual(
      protocol === transportWs
        ? [{ type: "error", id: "1", payload: errors }]
        : [
            { type: "error", id: "1", payload: { errors } },
            { type: "complete", id: "1" },
          ],
    );
    expect(outcomes).toContainEqual(
      expect.objectContaining({ status: 429, code: "rate-limited", refusedBy: "watch" }),
    );
    client.socket.terminate();
  });

  it("tells what the database refused in full", async () => {
    const client = await connect();
    start(
      client,
      "1",
      `mutation { insert_channels_one(object: {workspace_id: "WS", name: "one more"}) { id } }`,
    );
    const frame = await client.next(
      "the refusal",
      ({ id, payload }) =>
        (id === "1" && JSON.stringify(payload ?? null).includes("errors")) ||
        (id === "1" && Array.isArray(payload)),
    );
    const payload = frame.payload as { errors?: unknown };
    const [error] = (Array.isArray(payload) ? payload : payload.errors) as { extensions: unknown }[];
    expect(error?.extensions).toMatchObject({
      code: "usage-limit-exceeded",
      reason: "usage-limit-exceeded",
      allowed: false,
      metric: "channels",
      amount: 1,
      used: 1,
      reserved: 0,
      limit: 1,
      remaining: 0,
    });
    await waitFor("the operation to settle", () => outcomes.length === 1);
    expect(outcomes).toMatchObject([{ status: 200, refusedBy: undefined, code: "usage-limit-exceeded" }]);
    client.socket.terminate();
  });

  it("ends with the membership", async () => {
    const claims = {
      "x-hasura-user-id": mine.userId,
      "x-hasura-workspace-id": mine.workspaceId,
      "x-hasura-allowed-roles": ["user"],
    };
    const client = await connect({ authorization: `Bearer ${await testToken(claims)}` });
    start(client, "1", "subscription { workspaces { id } }");
    await waitFor("the rows", () => dataFor(client, "1").length === 1);
    await test.database.query("delete from workspace_members where user_id = $1", [mine.userId]);
    house.access.forget(`member:${mine.workspaceId}:${mine.userId}`);
    expect((await client.ended()).code).toBe(4403);
    await test.database.query(
      "insert into workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner')",
      [mine.workspaceId, mine.userId],
    );
    await waitFor("the operation to settle", () => outcomes.length === 1);
  });

  it("gives a client that does not read the newest only, once it reads", async () => {
    const rounds = 60;
    const big = "x".repeat(400_000);
    const [reader, sleeper] = [await connect(), await connect()];
    const query = live.replace("body", "id body");
    const change = (round: number): Promise<unknown> =>
      test.database.query("update messages set body = $2 where workspace_id = $1", [
        mine.workspaceId,
        `${String(round)}:${big}`,
      ]);
    /** By the last frame: there are tens of megabytes of them. */
    const seen = (client: SocketClient): number => {
      const payload = client.frames.findLast(
        ({ type, id }) => type === dataOf(protocol) && id === "1",
      )?.payload;
      const rows = (payload as { data: { messages: { body: string }[] } } | undefined)?.data.messages;
      return Number.parseInt(rows?.[0]?.body ?? "-1", 10);
    };
    await change(0);
    for (const client of [reader, sleeper]) {
      start(client, "1", query);
      await waitFor("the first rows", () => dataFor(client, "1").length === 1);
    }
    sleeper.socket.pause();
    for (let round = 1; round <= rounds; round += 1) {
      await change(round);
      await waitFor(`change ${String(round)}`, () => seen(reader) >= round);
    }
    sleeper.socket.resume();
    await waitFor("the newest", () => seen(sleeper) === rounds);
    // What was under way when it stopped reading, and the newest: not all that there was.
    expect(dataFor(sleeper, "1").length).toBeLessThan(rounds);
    for (const client of [reader, sleeper]) client.socket.terminate();
  });

  it("is closed with 1001 when the gateway stops", async () => {
    const client = await connect();
    start(client, "1", live);
    await waitFor("the rows", () => dataFor(client, "1").length === 1);
    const stopped = house.doors[kind].stop();
    expect(await client.ended()).toEqual({ code: 1001, reason: "the gateway is stopping" });
    await stopped;
    expect(outcomes).toHaveLength(1);
    await expect(openSocketClient(url(), protocol).then(({ ended }) => ended())).resolves.toMatchObject({
      code: 1006,
    });
  });

  it("is closed when the engine stops", async () => {
    const client = await connect();
    start(client, "1", live);
    await waitFor("the rows", () => dataFor(client, "1").length === 1);
    const stopped = house.engine.stop();
    expect((await client.ended()).code).toBe(1001);
    await stopped;
    expect(outcomes).toHaveLength(1);
  });
});

describe.each(doorKinds)("clients of the older protocol, in front of the %s engine,", (kind) => {
  it("may start right behind connection_init", async () => {
    const client = await openSocketClient(house.doors[kind].url, legacyWs);
    client.send({ type: "connection_init", payload: { headers: admin } });
    client.send({ type: "start", id: "1", payload: { query: "{ __typename }" } });
    await client.next("the answer", ({ type, id }) => type === "data" && id === "1");
    expect(client.frames.map(({ type }) => type).filter((type) => type !== "ka")).toEqual([
      "connection_ack",
      "data",
      ...(client.frames.some(({ type }) => type === "complete") ? ["complete"] : []),
    ]);
    client.socket.terminate();
  });

  it("may try connection_init again after it failed", async () => {
    const client = await openSocketClient(house.doors[kind].url, legacyWs);
    client.send({ type: "connection_init", payload: { headers: { "x-hasura-admin-secret": "wrong" } } });
    await client.next("the refusal", ({ type }) => type === "connection_error");
    client.send({ type: "start", id: "0", payload: { query: "{ __typename }" } });
    await client.next("the refusal of the operation", ({ type, id }) => type === "error" && id === "0");
    client.send({ type: "connection_init", payload: { headers: admin } });
    client.send({ type: "start", id: "1", payload: { query: "{ __typename }" } });
    await client.next("the answer", ({ type, id }) => type === "data" && id === "1");
    client.socket.terminate();
  });
});
