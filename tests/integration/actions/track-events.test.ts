import { afterAll, beforeAll, expect, it } from "@jest/globals";

import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";

let product: TestProduct;
let mine: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createTenant(product.database, "mine");
  theirs = await createTenant(product.database, "theirs");
}, 60_000);
afterAll(async () => {
  await product.stop();
});

const document = `mutation ($workspace: uuid!, $events: [TrackEventInput!]!) {
  trackEvents(workspaceId: $workspace, events: $events) {
    accepted duplicates invalid results { index id status code path }
  }
}`;

it("stores events over GraphQL that their sender reads back, and nobody else but the workspace's admin", async () => {
  const headers = await product.tokenFor(mine);
  const events = [
    { id: "one", type: "clicked", category: "user_action", data: { button: "save" }, sessionId: "s" },
    { id: "two", type: "x", time: "someday" },
  ];
  const variables = { workspace: mine.workspaceId, events };
  expect(await product.ask(headers, document, variables)).toEqual({
    data: {
      trackEvents: {
        accepted: 1,
        duplicates: 0,
        invalid: 1,
        results: [
          { index: 0, id: "one", status: "accepted", code: null, path: null },
          { index: 1, id: "two", status: "invalid", code: "invalid-event", path: "timestamp" },
        ],
      },
    },
  });
  const again = await product.ask(headers, document, variables);
  expect(again.data?.["trackEvents"]).toMatchObject({ accepted: 0, duplicates: 1, invalid: 1 });

  const read = `{ analytics_events(where: { event_id: { _eq: "one" } }) { name properties session_id user_id } }`;
  const found = [{ name: "clicked", properties: { button: "save" }, session_id: "s", user_id: mine.userId }];
  expect(await product.ask(headers, read)).toEqual({ data: { analytics_events: found } });
  const member = { workspaceId: mine.workspaceId, userId: mine.memberId };
  expect(await product.ask(await product.tokenFor(member), read)).toEqual({ data: { analytics_events: [] } });
  // Asking as the workspace's admin takes a membership of that rank.
  await product.database.query(
    "update public.workspace_members set role = 'admin' where workspace_id = $1 and user_id = $2",
    [mine.workspaceId, mine.memberId],
  );
  const admin = await product.tokenFor(member, "workspace_admin");
  expect(await product.ask(admin, read)).toEqual({ data: { analytics_events: found } });
  const stranger = await product.tokenFor(theirs, "workspace_admin");
  expect(await product.ask(stranger, read)).toEqual({ data: { analytics_events: [] } });
});

it("takes no events for another workspace", async () => {
  const answer = await product.ask(await product.tokenFor(mine), document, {
    workspace: theirs.workspaceId,
    events: [{ type: "x" }],
  });
  expect(answer.errors?.[0]?.extensions["code"]).toBe("workspace-forbidden");
});

it("takes them at the door too, under the token's workspace", async () => {
  const headers = { ...(await product.tokenFor(mine)), "content-type": "application/json" };
  const url = `${product.urls.gateway}/api/analytics/track`;
  const send = (given: Readonly<Record<string, string>>, body: object) =>
    fetch(url, { method: "POST", headers: given, body: JSON.stringify(body) });
  const accepted = await send(headers, [{ id: "door", event_type: "opened" }]);
  expect({ status: accepted.status, body: await accepted.json() }).toMatchObject({
    status: 200,
    body: { success: true, tracked: 1, results: [{ index: 0, id: "door", status: "accepted" }] },
  });
  const smuggled = await send({ ...headers, "x-hasura-workspace-id": theirs.workspaceId }, [
    { id: "smuggled", event_type: "x" },
  ]);
  expect(smuggled.status).toBe(200);
  const rows = await product.database.query(
    "select workspace_id from analytics.events where event_id in ('door', 'smuggled')",
  );
  expect(rows).toEqual([{ workspace_id: mine.workspaceId }, { workspace_id: mine.workspaceId }]);
  expect((await send({ "content-type": "application/json" }, [{ event_type: "x" }])).status).toBe(401);
});
