import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { endPeriodIn, passBoundary } from "../support/periods.ts";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { createWorkspace, setLimit } from "../support/workspaces.ts";

let product: TestProduct;

beforeAll(async () => {
  product = await startTestProduct();
});

afterAll(async () => {
  await product.stop();
});

const send = `mutation ($channel: uuid!) {
  insert_messages_one(object: {channel_id: $channel, body: "hello"}) { id }
}`;

const consume = `mutation ($workspace: uuid!, $amount: bigint) {
  consumeUsage(workspaceId: $workspace, metric: "ai_queries", amount: $amount) { allowed reason used remaining }
}`;

const usage = `{
  usage_current(where: {metric: {_in: ["ai_queries", "channels", "messages"]}}, order_by: {metric: asc}) { metric used }
  usage_history(where: {metric: {_neq: "api_calls"}}, order_by: {metric: asc}) { metric used peak }
}`;

it("a member meets the limit, sees the period end, and goes on in the next, with no job run", async () => {
  const { database } = product;
  const { id: workspace, owner } = await createWorkspace(database);
  await database.query(
    "insert into workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner')",
    [workspace, owner],
  );
  await setLimit(database, workspace, "messages", 2);
  await setLimit(database, workspace, "ai_queries", 10);
  const headers = await product.tokenFor({ userId: owner, workspaceId: workspace });
  const made = await product.ask(
    headers,
    'mutation { insert_channels_one(object: {name: "general"}) { id } }',
  );
  const channel = (made.data?.["insert_channels_one"] as { id: string }).id;
  const sent = async (): Promise<boolean> => {
    const { data, errors } = await product.ask(headers, send, { channel });
    if (errors !== undefined) expect(errors[0]?.message).toMatch(/^limit of 2 messages reached/u);
    return data?.["insert_messages_one"] !== undefined;
  };
  const consumed = async (amount: number): Promise<unknown> =>
    (await product.ask(headers, consume, { workspace, amount })).data?.["consumeUsage"];

  expect([await sent(), await sent(), await sent()]).toEqual([true, true, false]);
  expect(await consumed(8)).toMatchObject({ allowed: true, used: 8, remaining: 2 });
  expect(await consumed(8)).toMatchObject({ allowed: false, reason: "usage-limit-exceeded" });

  await passBoundary(database, await endPeriodIn(database, workspace, 50));

  expect((await product.ask(headers, usage)).data).toEqual({
    usage_current: [
      { metric: "ai_queries", used: 0 },
      { metric: "channels", used: 1 },
      { metric: "messages", used: 0 },
    ],
    usage_history: [
      { metric: "ai_queries", used: 8, peak: 8 },
      { metric: "channels", used: null, peak: 1 },
      { metric: "members", used: null, peak: 1 },
      { metric: "messages", used: 2, peak: 2 },
    ],
  });
  expect(await consumed(8)).toMatchObject({ allowed: true, used: 8, remaining: 2 });
  expect([await sent(), await sent(), await sent()]).toEqual([true, true, false]);
  expect(await database.query("select name from usage.cron_runs")).toEqual([]);
});
