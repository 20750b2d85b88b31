import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { createTelemetry, nodeEnvironment, type Telemetry } from "../../src/telemetry/index.ts";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { createWorkspace, type Workspace } from "../support/workspaces.ts";

let product: TestProduct;
let workspace: Workspace;
let headers: Readonly<Record<string, string>>;

beforeAll(async () => {
  product = await startTestProduct();
  workspace = await createWorkspace(product.database);
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner') on conflict do nothing",
    [workspace.id, workspace.owner],
  );
  headers = await product.tokenFor({ userId: workspace.owner, workspaceId: workspace.id });
});
afterAll(() => product.stop());

const open = (given = headers): Telemetry =>
  createTelemetry({
    environment: nodeEnvironment(),
    url: `${product.urls.gateway}/api/analytics/track`,
    source: "front end",
    consentVersion: "1",
    headers: () => given,
  });

const stored = (): Promise<readonly { readonly name: string; readonly user_id: string | null }[]> =>
  product.database.query("select name, user_id from analytics.events where workspace_id = $1 order by name", [
    workspace.id,
  ]);

it("sends what was agreed to through the gateway, where each event is stored once and as its sender's", async () => {
  const telemetry = open();
  telemetry.track("too early");
  telemetry.acceptAll();
  telemetry.track("opened", { page: "/" });
  telemetry.track("searched", { text: "ü" }, { category: "user_action" });
  // Its name is longer than the endpoint takes.
  telemetry.track("x".repeat(300));
  const again = telemetry.export().events;
  await telemetry.flush();
  expect(telemetry.getState()).toMatchObject({ queued: 0, counts: { sent: 2, rejected: 1, duplicates: 0 } });
  telemetry.stop();

  // A tab that was taken for gone sends the same.
  const storage = nodeEnvironment().storage;
  storage.setItem("t:consent", '{"granted":{"analytics":true},"decidedAt":1,"version":"1"}');
  storage.setItem("t:queue:gone", JSON.stringify({ aliveUntil: 0, events: again }));
  const next = createTelemetry({
    environment: nodeEnvironment(storage),
    url: `${product.urls.gateway}/api/analytics/track`,
    source: "front end",
    consentVersion: "1",
    storagePrefix: "t",
    headers: () => headers,
  });
  await next.flush();
  expect(next.getState()).toMatchObject({ queued: 0, counts: { sent: 0, duplicates: 2, rejected: 1 } });
  next.stop();
  expect(await stored()).toEqual([
    { name: "opened", user_id: workspace.owner },
    { name: "searched", user_id: workspace.owner },
  ]);
});

it("keeps the events of somebody whom the gateway does not know", async () => {
  const telemetry = open({});
  telemetry.acceptAll();
  telemetry.track("kept");
  await telemetry.flush();
  expect(telemetry.getState()).toMatchObject({
    queued: 1,
    counts: { sent: 0 },
    lastError: { code: "not-accepted" },
  });
  telemetry.stop();
});
