import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let actions: RunningActions;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  actions = await startActions(test.database);
  ({ id: workspaceId } = await createWorkspace(test.database));
});

afterAll(async () => {
  await actions.stop();
  await test.drop();
});

const as = (role: string) => ({ "x-hasura-role": role, "x-hasura-workspace-id": workspaceId });

it("amends and voids a use for a service, once for each correction key", async () => {
  const use = { workspaceId, metric: "ai_queries", amount: 9, idempotencyKey: "event" };
  await actions.call("consumeUsage", use, as("user"));
  const amend = {
    ...{ workspaceId, idempotencyKey: "event", amount: 4, reason: "sent twice", correctionKey: "c1" },
  };
  const first = await actions.call("amendUsage", amend, as("service"));
  expect(first).toMatchObject({ status: 200, body: { allowed: true, amountBefore: 9, amount: 4, used: 4 } });
  expect(await actions.call("amendUsage", amend, as("service"))).toEqual(first);
  expect(await actions.call("amendUsage", { ...amend, amount: 5 }, as("service"))).toMatchObject({
    body: { extensions: { code: "idempotency-conflict" } },
  });
  const undo = { workspaceId, idempotencyKey: "event", reason: "never happened" };
  expect(await actions.call("voidUsage", undo, as("operator"))).toMatchObject({ body: { used: 0 } });
  expect(await actions.call("voidUsage", undo, as("operator"))).toMatchObject({
    body: { allowed: false, reason: "event-voided" },
  });
  expect(
    await actions.call("voidUsage", { ...undo, idempotencyKey: "missing" }, as("service")),
  ).toMatchObject({ body: { extensions: { code: "event-not-found" } } });
});

it("lets no person date or correct a use, and nobody another workspace's", async () => {
  const dated = { workspaceId, metric: "ai_queries", occurredAt: "2026-01-01T00:00:00Z" };
  const undo = { workspaceId, idempotencyKey: "event", reason: "cheaper" };
  for (const role of ["user", "workspace_admin"]) {
    expect((await actions.call("consumeUsage", dated, as(role))).status).toBe(403);
    expect((await actions.call("voidUsage", undo, as(role))).status).toBe(403);
  }
  const { id: foreign } = await createWorkspace(test.database);
  expect(await actions.call("voidUsage", { ...undo, workspaceId: foreign }, as("service"))).toMatchObject({
    body: { extensions: { code: "workspace-forbidden" } },
  });
  expect(await actions.call("consumeUsage", dated, as("service"))).toMatchObject({
    body: { extensions: { code: "period-closed" } },
  });
});
