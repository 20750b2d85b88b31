import { randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace } from "../../support/workspaces.ts";
import {
  test,
  workspace,
  session,
  startWorkers,
  serve,
  receive,
  ask,
  register,
  deliveriesOf,
  eventOf,
  raise,
  post,
  enterNewWorkspace,
} from "./webhooks-support.ts";

describe("an alert", () => {
  it("goes signed to every endpoint that wants its kind, once however often its event comes", async () => {
    const actions = await serve(startWorkers());
    const [first, second, other] = [await receive(), await receive(), await receive()];
    const { secret } = await register(actions, first.url);
    const { secret: secondSecret } = await register(actions, second.url);
    const { endpointId: quiet } = await register(actions, other.url, { eventTypes: ["alert.recovered"] });
    const alertId = await raise();
    const event = eventOf(alertId);
    const answers = await Promise.all([1, 2, 3].map(() => post(actions, event)));
    expect(answers.filter((answer) => (answer as { webhooks: number }).webhooks === 2)).toHaveLength(1);
    await waitFor("both", () => first.requests.length > 0 && second.requests.length > 0);
    const [request] = first.requests;
    expect(request?.headers["webhook-id"]).toBe(event.id);
    expect(new Webhook(secret ?? "").verify(request?.body ?? "", request?.headers as never)).toMatchObject({
      type: "alert.crossed",
      data: { alertId, workspaceId: workspace.id, metric: "ai_queries", thresholdPercent: 75 },
    });
    // Every digit of a bigint is in the bytes.
    expect(request?.body).toContain('"used" : 9007199254740993,');
    const [later] = second.requests;
    expect(() => new Webhook(secretOf(secret)).verify(later?.body ?? "", later?.headers as never)).toThrow();
    expect(
      new Webhook(secretOf(secondSecret)).verify(later?.body ?? "", later?.headers as never),
    ).toBeDefined();
    expect(await deliveriesOf(quiet ?? "")).toEqual([]);
    await post(actions, event);
    await post(actions, eventOf(await raise("recovered")));
    await waitFor("the recovery", () => other.requests.length > 0 && first.requests.length > 1);
    expect(first.requests.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      "alert.crossed",
      "alert.recovered",
    ]);
  });

  it("is not sent to an endpoint of another workspace, a later one, or one that is disabled", async () => {
    const actions = await serve(startWorkers());
    const receiver = await receive();
    const off = await register(actions, receiver.url);
    await test.database.query("update usage.webhook_endpoints set enabled = false where id = $1", [
      off["endpointId"],
    ]);
    const alertId = await raise();
    await register(actions, receiver.url);
    const mine = workspace;
    await enterNewWorkspace();
    await register(actions, receiver.url);
    expect(mine.id).not.toBe(workspace.id);
    expect(await post(actions, eventOf(alertId))).toEqual({ webhooks: 0, emails: 0 });
  });

  it("whose workspace is gone is answered and forgotten; a body that is none is refused", async () => {
    const actions = await serve(startWorkers());
    expect(await post(actions, eventOf(randomUUID()))).toEqual({ webhooks: 0, emails: 0 });
    const wrong = await actions.post("/events/usage_alert_raised", eventOf("no id"));
    expect(wrong.status).toBe(400);
    const renamed = { ...eventOf(randomUUID()), trigger: { name: "another" } };
    expect((await actions.post("/events/usage_alert_raised", renamed)).status).toBe(400);
    expect((await actions.post("/events/unknown", eventOf(randomUUID()))).status).toBe(404);
  });
});

const secretOf = (secret: string | undefined): string => secret ?? "";

describe("a secret", () => {
  it("is good beside its successor after a rotation, two at most, and shown by no select", async () => {
    const actions = await serve(startWorkers());
    const receiver = await receive();
    const { endpointId, secret: first } = await register(actions, receiver.url);
    const { secret: second, previousSecretExpiresAt } = await ask(actions, "rotateWebhookSecret", {
      endpointId,
    });
    expect(new Date(previousSecretExpiresAt ?? "").getTime()).toBeGreaterThan(Date.now());
    await ask(actions, "testWebhook", { endpointId });
    await waitFor("the first", () => receiver.requests.length === 1);
    const { secret: third } = await ask(actions, "rotateWebhookSecret", { endpointId });
    await ask(actions, "testWebhook", { endpointId });
    await waitFor("the second", () => receiver.requests.length === 2);
    const accepted = receiver.requests.map((request) =>
      [first, second, third].map((secret) => {
        try {
          new Webhook(secretOf(secret)).verify(request.body, request.headers as never);
          return true;
        } catch {
          return false;
        }
      }),
    );
    expect(accepted).toEqual([
      [true, true, false],
      [false, true, true],
    ]);
    await test.database.query(
      "update usage.webhook_secrets set expires_at = now() where endpoint_id = $1 and expires_at is not null",
      [endpointId],
    );
    await ask(actions, "testWebhook", { endpointId });
    await waitFor("the third", () => receiver.requests.length === 3);
    expect(receiver.requests[2]?.headers["webhook-signature"]).not.toContain(" ");
  });
});

describe("the actions of webhooks", () => {
  it("find nothing of another workspace, and answer as if it were not there", async () => {
    const actions = await serve(startWorkers());
    const receiver = await receive();
    const { endpointId } = await register(actions, receiver.url);
    const { deliveryId } = await ask(actions, "testWebhook", { endpointId });
    const foreign = { ...session, "x-hasura-workspace-id": (await createWorkspace(test.database)).id };
    for (const [action, input, invented] of [
      ["rotateWebhookSecret", { endpointId }, { endpointId: randomUUID() }],
      ["testWebhook", { endpointId }, { endpointId: randomUUID() }],
      ["resendWebhook", { deliveryId }, { deliveryId: randomUUID() }],
    ] as const) {
      const answer = await actions.call(action, input, foreign);
      expect(answer).toMatchObject({ status: 404, body: { extensions: { code: "webhook-not-found" } } });
      expect(await actions.call(action, invented, foreign)).toEqual(answer);
    }
    const create = { workspaceId: workspace.id, url: receiver.url };
    expect(await actions.call("createWebhook", create, foreign)).toMatchObject({
      status: 403,
      body: { extensions: { code: "workspace-forbidden" } },
    });
  });

  it("stop at twenty endpoints, also when they are asked for at once", async () => {
    const actions = await serve(startWorkers());
    const answers = await Promise.all(
      Array.from({ length: 24 }, () =>
        actions.call("createWebhook", { workspaceId: workspace.id, url: "https://example.com/" }, session),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    expect(answers.find(({ status }) => status !== 200)).toMatchObject({
      status: 409,
      body: { extensions: { code: "webhook-limit-reached" } },
    });
  });
});

describe("several processes", () => {
  it("share the queue: each delivery is sent once", async () => {
    const receiver = await receive();
    const actions = await serve(startWorkers());
    for (let index = 0; index < 3; index += 1) startWorkers();
    const { endpointId = "" } = await register(actions, receiver.url);
    await Promise.all(Array.from({ length: 60 }, () => ask(actions, "testWebhook", { endpointId })));
    await waitFor("all of them", async () =>
      (await deliveriesOf(endpointId)).every(({ status }) => status === "delivered"),
    );
    expect(receiver.requests).toHaveLength(60);
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(60);
  });
});
