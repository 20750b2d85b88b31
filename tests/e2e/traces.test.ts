import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { startTestTracing, type TestTracing } from "../support/tracing.ts";
import { waitFor } from "../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../support/workspaces.ts";

let tracing: TestTracing;
let product: TestProduct;
let workspace: Workspace;
let headers: Readonly<Record<string, string>>;

beforeAll(async () => {
  tracing = startTestTracing();
  product = await startTestProduct();
  workspace = await createWorkspace(product.database);
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner') on conflict do nothing",
    [workspace.id, workspace.owner],
  );
  headers = await product.tokenFor({ userId: workspace.owner, workspaceId: workspace.id });
});
afterAll(async () => {
  await product.stop();
  tracing.stop();
});

const spanId = "b7ad6b7169203331";
let traces = 0;
const newTrace = (): string => (traces += 1).toString(16).padStart(32, "a");

const spansOf = (traceId: string): readonly ReadableSpan[] =>
  tracing.spans().filter((span) => span.spanContext().traceId === traceId);

const ask = (traceId: string, query: string): Promise<Response> =>
  fetch(`${product.urls.gateway}/v1/graphql`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", traceparent: `00-${traceId}-${spanId}-01` },
    body: JSON.stringify({ query }),
  });

/** The names on the way from a span up to the client's. */
const wayUp = (spans: readonly ReadableSpan[], from: ReadableSpan | undefined): readonly string[] => {
  if (from === undefined) return [];
  const parent = from.parentSpanContext?.spanId;
  if (parent === spanId) return [from.name, "the client"];
  return [
    from.name,
    ...wayUp(
      spans,
      spans.find((span) => span.spanContext().spanId === parent),
    ),
  ];
};

const consume = (key: string): string =>
  `mutation Consume { consumeUsage(workspaceId: "${workspace.id}", metric: "ai_queries", amount: 1, idempotencyKey: "${key}") { allowed } }`;

it("follows a request from the gateway through engine, webhook and gate into the database", async () => {
  const traceId = newTrace();
  const answer = await ask(traceId, consume("first"));
  expect(await answer.json()).toEqual({ data: { consumeUsage: { allowed: true } } });
  const spans = await waitFor("the gateway's span", () => {
    const found = spansOf(traceId);
    return found.some(({ name }) => name === "http /v1/graphql") && found;
  });
  const handler = await waitFor("the handler's span", () =>
    spansOf(traceId).find(({ name }) => name === "actions handler"),
  );
  const call = spans.find(({ name }) => name === "gate call");
  const statement = spans.find((span) => span.parentSpanContext?.spanId === call?.spanContext().spanId);
  expect(wayUp([...spans, handler], statement)).toEqual([
    "postgres statement",
    "gate call",
    "gate decision",
    "actions handler",
    "webhook action consumeUsage",
    "graphql execute",
    "graphql mutation",
    "http /v1/graphql",
    "the client",
  ]);
  const attributes = Object.assign({}, ...[...spans, handler].map((span) => span.attributes)) as object;
  expect(attributes).toMatchObject({
    "graphql.operation.name": "Consume",
    "hasura.role": "user",
    "hasura_usage.handler": "consumeUsage",
    "hasura_usage.workspace_id": workspace.id,
    "hasura_usage.metric": "ai_queries",
    "db.system.name": "postgresql",
  });
  expect(call?.links.map((link) => link.context.traceId)).toEqual([traceId]);
});

it("has planning and the statement of a query below its request, and the code of what went wrong", async () => {
  const traceId = newTrace();
  expect((await ask(traceId, "query Names { workspaces { name } }")).status).toBe(200);
  const spans = await waitFor("the spans", () => {
    const found = spansOf(traceId);
    return found.some(({ name }) => name === "http /v1/graphql") && found;
  });
  const names = spans.map(({ name }) => name);
  expect(names).toEqual([
    "graphql plan",
    "postgres statement",
    "graphql execute",
    "graphql query",
    "http /v1/graphql",
  ]);
  const refused = newTrace();
  await ask(refused, "query Names { workspaces { nothing } }");
  const failed = await waitFor("the refusal", () =>
    spansOf(refused).find(({ name }) => name === "graphql request"),
  );
  expect(failed.attributes["error.type"]).toBe("validation-failed");
});

it("links the call of the gate to each of the requests that share it", async () => {
  const asked = Array.from({ length: 40 }, newTrace);
  await Promise.all(asked.map((traceId, index) => ask(traceId, consume(`shared ${String(index)}`))));
  const decisionOf = (traceId: string): ReadableSpan | undefined =>
    spansOf(traceId).find(({ name }) => name === "gate decision");
  await waitFor("all decisions", () => asked.every((traceId) => decisionOf(traceId) !== undefined));
  const linked = tracing
    .spans()
    .filter(({ name }) => name === "gate call")
    .flatMap(({ links }) => links.map(({ context }) => context.spanId));
  for (const traceId of asked) expect(linked).toContain(decisionOf(traceId)?.spanContext().spanId);
  expect(linked.length).toBe(new Set(linked).size);
});

it("gives each delivery of an event a trace of its own", async () => {
  await product.database.query(
    `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value)
     values ($1, 'ai_queries', now(), 75, 75, 100)`,
    [workspace.id],
  );
  const delivery = await waitFor("a delivery", () =>
    tracing.spans().find(({ name }) => name === "delivery of event usage_alert_raised"),
  );
  expect(delivery.parentSpanContext).toBeUndefined();
  expect(delivery.attributes).toMatchObject({ "hasura.delivery.outcome": "delivered" });
  // The handler's span ends when its connection says that the answer is out.
  const names = await waitFor("the handler's span", () => {
    const found = spansOf(delivery.spanContext().traceId).map(({ name }) => name);
    return found.includes("events handler") && found;
  });
  expect(names).toContain("webhook event usage_alert_raised");
});
