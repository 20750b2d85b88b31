import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { connectSocketClient, dataOf, socketProtocols, startOf } from "../../support/socket-client.ts";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

type Headers = Readonly<Record<string, string>>;

let product: TestProduct;
let workspace: Workspace;
let headers: Headers;

const join = async ({ id, owner }: Workspace): Promise<Headers> => {
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner')",
    [id, owner],
  );
  return product.tokenFor({ userId: owner, workspaceId: id });
};

beforeAll(async () => {
  product = await startTestProduct();
}, 60_000);
afterAll(async () => {
  await product.stop();
});
beforeEach(async () => {
  workspace = await createWorkspace(product.database);
  headers = await join(workspace);
});

/** The error of a mutation that must be refused, alone in its answer. */
const errorOf = async (query: string, variables?: object): Promise<unknown> => {
  const answer = await product.ask(headers, query, variables);
  expect(answer.errors).toHaveLength(1);
  return answer.errors?.[0];
};
const gate = (args: object): Promise<unknown> =>
  errorOf("mutation ($args: usage_gate_args!) { usage_gate(args: $args) { allowed } }", { args });
const reserve = async (amount: number): Promise<string> => {
  const answer = await product.ask(
    headers,
    `mutation ($w: uuid!, $amount: bigint) { reserveUsage(workspaceId: $w, metric: "ai_queries", amount: $amount) { reservationId } }`,
    { w: workspace.id, amount },
  );
  const { reservationId } = answer.data?.["reserveUsage"] as { reservationId: string };
  return reservationId;
};
const subscribe = (planId: string, status = "active"): Promise<unknown> =>
  product.database.query(
    "insert into billing.subscriptions (workspace_id, plan_id, status) values ($1, $2, $3)",
    [workspace.id, planId, status],
  );

const insertChannel = `mutation { insert_channels_one(object: {name: "second"}) { id } }`;
const fullChannels = async (): Promise<void> => {
  await setLimit(product.database, workspace.id, "channels", 1);
  await product.database.query("insert into public.channels (workspace_id, name) values ($1, 'first')", [
    workspace.id,
  ]);
};
const channelFigures = {
  code: "usage-limit-exceeded",
  reason: "usage-limit-exceeded",
  allowed: false,
  metric: "channels",
  amount: 1,
  used: 1,
  reserved: 0,
  limit: 1,
  remaining: 0,
  limitedBy: "override",
  resetsAt: null,
  retryAfterSeconds: null,
};
const channelSentence = "limit of 1 channels reached: 1 used, 1 more requested";

describe("a refused statement, through the gateway,", () => {
  it("has the decision in its extensions and the sentence alone as message", async () => {
    await fullChannels();
    expect(await errorOf(insertChannel)).toEqual({
      message: channelSentence,
      extensions: {
        ...channelFigures,
        path: "$.selectionSet.insert_channels_one.args.object",
        upgrade: expect.objectContaining({ planId: "starter" }),
        addOn: null,
        member: null,
      },
    });
  });

  it("names the limit of the member where that one refuses", async () => {
    await product.database.query(
      "insert into billing.member_limits (workspace_id, metric, limit_value) values ($1, 'ai_queries', 2)",
      [workspace.id],
    );
    expect(await gate({ metric: "ai_queries", amount: 3 })).toMatchObject({
      message: "limit of 2 ai_queries per member reached: 0 used, 3 more requested",
      extensions: {
        code: "usage-limit-exceeded",
        limitedBy: "member-limit",
        limit: 100,
        member: { memberId: workspace.owner, used: 0, limit: 2, remaining: 2 },
      },
    });
  });

  it("shows bytes in the unit that people use and the figures in bytes", async () => {
    await setLimit(product.database, workspace.id, "storage_bytes", 5 * 1024 ** 3);
    await product.database.query(
      "insert into public.files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, 'a', 5368709119)",
      [workspace.id, workspace.owner],
    );
    const answer = await product.asAdmin(
      `mutation ($w: uuid!, $u: uuid!, $size: bigint!) {
         insert_files_one(object: {workspace_id: $w, uploader_id: $u, name: "b", size_bytes: $size}) { id }
       }`,
      { w: workspace.id, u: workspace.owner, size: 300 * 1024 ** 2 },
    );
    expect(answer.errors).toMatchObject([
      {
        message: "limit of 5 GiB for storage_bytes reached: 4.99 GiB used, 300 MiB more requested",
        extensions: {
          code: "usage-limit-exceeded",
          used: 5_368_709_119,
          limit: 5_368_709_120,
          amount: 314_572_800,
        },
      },
    ]);
  });

  it("has the code of a feature that is not in the plan", async () => {
    expect(await gate({ metric: "ai_seconds", amount: 90 })).toMatchObject({
      message: "ai_seconds is not included in the plan: limit of 0, 0 s used, 1.5 min more requested",
      extensions: {
        code: "feature-not-in-plan",
        metric: "ai_seconds",
        amount: 90,
        limit: 0,
        limitedBy: "plan",
      },
    });
  });

  it("has the code of a plan that has lapsed", async () => {
    await subscribe("pro", "paused");
    expect(await gate({ metric: "ai_seconds" })).toMatchObject({
      extensions: { code: "plan-required", metric: "ai_seconds", limitedBy: "subscription" },
    });
  });

  it.each([
    ["row-metered", { metric: "channels" }, "channels counts the rows of a table: insert the rows instead"],
    ["unknown-metric", { metric: "nothing" }, "there is no metric nothing"],
    [
      "invalid-input",
      { metric: "ai_queries", amount: 0 },
      "the operation, amount, time to live, key or identifier is missing or out of range",
    ],
    [
      "reservation-not-found",
      { reservation_id: "00000000-0000-4000-8000-000000000000" },
      "there is no such open reservation in this workspace",
    ],
    [
      "workspace-forbidden",
      { metric: "ai_queries", workspace_id: "00000000-0000-4000-8000-000000000000" },
      "the workspace is not open to this request",
    ],
  ])("has the code %s", async (code, args, message) => {
    expect(await gate(args)).toMatchObject({ message, extensions: { code, reason: code, allowed: false } });
  });

  it("has the code idempotency-conflict for a key with other content", async () => {
    const query = "mutation ($args: usage_gate_args!) { usage_gate(args: $args) { allowed } }";
    const args = { metric: "ai_queries", amount: 1, idempotency_key: "once" };
    expect((await product.ask(headers, query, { args })).errors).toBeUndefined();
    expect(await gate({ ...args, amount: 2 })).toMatchObject({
      message: "this idempotency key was used before with other content",
      extensions: { code: "idempotency-conflict", limitedBy: "idempotency-key" },
    });
  });

  it("has the code reservation-expired when the time of the reservation is over", async () => {
    const reservationId = await reserve(1);
    await product.database.query(
      "update usage.reservations set expires_at = clock_timestamp() - interval '1 millisecond' where id = $1",
      [reservationId],
    );
    expect(await gate({ reservation_id: reservationId })).toMatchObject({
      extensions: { code: "reservation-expired", metric: "ai_queries", limitedBy: "reservation" },
    });
  });

  it("counts what is reserved and says so", async () => {
    await reserve(60);
    expect(await gate({ metric: "ai_queries", amount: 41 })).toMatchObject({
      message: "limit of 100 ai_queries reached: 0 used, 60 reserved, 41 more requested",
      extensions: { used: 0, reserved: 60, remaining: 40, retryAfterSeconds: expect.any(Number) },
    });
  });

  it("quotes no text of a client that could pass for a decision", async () => {
    const forged = ` {"usageDecision":{"reason":"forged"}}`;
    for (const metric of [forged, `x${forged}`, "x".repeat(5_000)])
      expect(await gate({ metric })).toMatchObject({
        message: "there is no metric of that name",
        extensions: { code: "unknown-metric", metric: null },
      });
  });
});

it("a refused statement in a batch is detailed in its place", async () => {
  await fullChannels();
  const response = await fetch(`${product.urls.gateway}/v1/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify([{ query: "{ channels { name } }" }, { query: insertChannel }]),
  });
  expect(await response.json()).toMatchObject([
    { data: { channels: [{ name: "first" }] } },
    { errors: [{ message: channelSentence, extensions: channelFigures }] },
  ]);
});

it.each(socketProtocols)("a refused statement over a socket is detailed (%s)", async (protocol) => {
  await fullChannels();
  const client = await connectSocketClient(product.urls.gateway, headers, protocol);
  client.send({ type: startOf(protocol), id: "1", payload: { query: insertChannel } });
  const { payload } = await client.next("the answer", ({ id }) => id === "1");
  const errors = Array.isArray(payload) ? (payload as unknown) : (payload as { errors: unknown }).errors;
  expect([dataOf(protocol), errors]).toMatchObject([
    dataOf(protocol),
    [{ message: channelSentence, extensions: channelFigures }],
  ]);
  client.socket.terminate();
});

/** Last, because it changes the database of this file. */
it("the figures reach the client whatever the sentence says", async () => {
  await product.database.query(
    `create or replace function usage.gate_message(p_line usage.gate_line, p_counter usage.gate_counter)
     returns text
     language sql
     immutable
     as $$ select 'Limit erreicht {"usageDecision": 1}' $$`,
  );
  await fullChannels();
  expect(await errorOf(insertChannel)).toMatchObject({
    message: 'Limit erreicht {"usageDecision": 1}',
    extensions: channelFigures,
  });
});
