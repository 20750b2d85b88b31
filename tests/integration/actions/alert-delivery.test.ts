import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { type Receiver, startReceiver } from "../../support/receiver.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { waitFor } from "../../support/wait-for.ts";

/** The whole way: a use over GraphQL crosses a threshold, the engine's event trigger reports it, a receiver hears of it. */

let product: TestProduct;
let receiver: Receiver;
let mine: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  receiver = await startReceiver();
  product = await startTestProduct({ WEBHOOK_ALLOW_PRIVATE: "true", WEBHOOK_ALLOW_HTTP: "true" });
  mine = await createTenant(product.database, "first-of-two");
  theirs = await createTenant(product.database, "second-of-two");
});
afterAll(async () => {
  await product.stop();
  await receiver.stop();
});

const as = async (tenant: Tenant, role: string, query: string, variables: object = {}) => {
  const { data, errors } = await product.ask(await product.tokenFor(tenant, role), query, variables);
  return { data: data as Record<string, Record<string, unknown>> | null | undefined, errors };
};

const create = `mutation ($workspace: uuid!, $url: String!) {
  createWebhook(workspaceId: $workspace, url: $url, description: "ours") { endpointId secret previousSecretExpiresAt }
}`;

describe("alerts of two tenants", () => {
  it("reach the endpoint of their workspace, signed, and are listed for its admin alone", async () => {
    const made = await as(mine, "workspace_admin", create, {
      workspace: mine.workspaceId,
      url: receiver.url,
    });
    expect(made.errors).toBeUndefined();
    const { endpointId, secret } = made.data?.["createWebhook"] as Record<string, string>;

    const rule = await as(
      mine,
      "workspace_admin",
      `mutation { insert_usage_alert_rules_one(object: {metric: "ai_seconds", threshold_value: 5}) { id } }`,
    );
    expect(rule.errors).toBeUndefined();
    for (const tenant of [mine, theirs]) {
      const used = await as(
        tenant,
        "user",
        `mutation ($workspace: uuid!) {
          consumeUsage(workspaceId: $workspace, metric: "ai_seconds", amount: 5) { allowed }
        }`,
        { workspace: tenant.workspaceId },
      );
      expect(used).toMatchObject({ data: { consumeUsage: { allowed: true } } });
    }
    const request = await waitFor("the webhook", () => receiver.requests[0]);
    const event = new Webhook(secret ?? "").verify(request.body, request.headers as never);
    expect(event).toMatchObject({
      type: "alert.crossed",
      data: { workspaceId: mine.workspaceId, metric: "ai_seconds", thresholdValue: 5, used: 5 },
    });

    const list = `{
      usage_webhook_endpoints(where: {description: {_eq: "ours"}}) { id url enabled deliveries { status event_type } }
      usage_alert_rules(where: {metric: {_eq: "ai_seconds"}}) { threshold_value }
    }`;
    await waitFor("the log of the delivery", async () => {
      const { data } = await as(mine, "workspace_admin", list);
      return JSON.stringify(data).includes('"delivered"');
    });
    expect((await as(mine, "workspace_admin", list)).data).toEqual({
      usage_webhook_endpoints: [
        {
          id: endpointId,
          url: receiver.url,
          enabled: true,
          deliveries: [{ status: "delivered", event_type: "alert.crossed" }],
        },
      ],
      usage_alert_rules: [{ threshold_value: 5 }],
    });
    expect((await as(theirs, "workspace_admin", list)).data).toEqual({
      usage_webhook_endpoints: [],
      usage_alert_rules: [],
    });
    expect((await as(mine, "user", list)).errors?.[0]?.extensions["code"]).toBe("validation-failed");
    const alerts = `{ usage_alerts(where: {metric: {_eq: "ai_seconds"}}) { kind threshold_value used } }`;
    expect((await as(mine, "user", alerts)).data).toEqual({
      usage_alerts: [{ kind: "crossed", threshold_value: 5, used: 5 }],
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it("keep their secrets: no role finds one after it was made", async () => {
    const answer = await product.asAdmin("{ __schema { types { name fields { name } } } }");
    expect(JSON.stringify(answer)).not.toContain("webhook_secrets");
    const refused = await as(mine, "user", create, { workspace: mine.workspaceId, url: receiver.url });
    expect(refused.errors?.[0]?.extensions["code"]).toBe("validation-failed");
    const foreign = await as(theirs, "workspace_admin", create, {
      workspace: mine.workspaceId,
      url: receiver.url,
    });
    expect(foreign.errors?.[0]?.extensions["code"]).toBe("workspace-forbidden");
  });
});
