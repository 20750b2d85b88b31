import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import {
  createDelivery,
  type DeliveryDeps,
  type DeliveryWorkers,
  readDeliverySettings,
} from "../../../actions/delivery/index.ts";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { type Answer, type Receiver, startReceiver } from "../../support/receiver.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let workspace: Workspace;
let session: Readonly<Record<string, string>>;
const cleanUp: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 20 });
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  session = {
    "x-hasura-role": "workspace_admin",
    "x-hasura-user-id": workspace.owner,
    "x-hasura-workspace-id": workspace.id,
  };
});
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

const local = { WEBHOOK_ALLOW_PRIVATE: "true", WEBHOOK_ALLOW_HTTP: "true" };

/** Workers whose retries come at once, unless the case says otherwise. */
const startWorkers = (
  env: Readonly<Record<string, string>> = local,
  options: Partial<DeliveryDeps> = {},
): DeliveryWorkers => {
  const delivery = createDelivery({
    database: test.database,
    clock: systemClock,
    logger: silentLogger,
    settings: readDeliverySettings(env),
    retryDelaysMs: [0, 0, 0],
    ...options,
  });
  delivery.start();
  cleanUp.push(() => delivery.stop());
  return delivery;
};

const serve = async (delivery: DeliveryWorkers): Promise<RunningActions> => {
  const actions = await startActions(test.database, delivery);
  cleanUp.push(() => actions.stop());
  return actions;
};

const receive = async (answer?: Answer): Promise<Receiver> => {
  const receiver = await startReceiver(answer);
  cleanUp.push(() => receiver.stop());
  return receiver;
};

const ask = async (
  actions: RunningActions,
  action: string,
  input: object,
): Promise<Record<string, string>> => {
  const { status, body } = await actions.call(action, input, session);
  expect({ action, status, body }).toMatchObject({ status: 200 });
  return body as Record<string, string>;
};

const register = (actions: RunningActions, url: string, more: object = {}) =>
  ask(actions, "createWebhook", { workspaceId: workspace.id, url, ...more });

interface Delivered {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly responseStatus: number | null;
  readonly error: string | null;
}

const deliveriesOf = (endpointId: string) =>
  test.database.query<Delivered>(
    `select id, status, attempts, response_status as "responseStatus", error
     from usage.webhook_deliveries
     where endpoint_id = $1
     order by created_at`,
    [endpointId],
  );

const settled = (endpointId: string): Promise<Delivered> =>
  waitFor("the delivery to be settled", async () =>
    (await deliveriesOf(endpointId)).find(({ status }) => status !== "pending"),
  );

const attemptsOf = (deliveryId: string) =>
  test.database.query<{ attempt: number; response_status: number | null; error: string | null }>(
    `select attempt, response_status, error
     from usage.webhook_attempts
     where delivery_id = $1
     order by attempt`,
    [deliveryId],
  );

const endpoint = async (endpointId: string) => {
  const [row] = await test.database.query<{ enabled: boolean; reason: string | null; failing: boolean }>(
    `select enabled, disabled_reason as reason, failing_since is not null as failing
     from usage.webhook_endpoints
     where id = $1`,
    [endpointId],
  );
  return row;
};

const eventOf = (alertId: string, eventId: string = randomUUID()) => ({
  id: eventId,
  created_at: "2026-01-01T00:00:00",
  table: { schema: "usage", name: "alerts" },
  trigger: { name: "usage_alert_raised" },
  event: { op: "INSERT", data: { old: null, new: { id: alertId } }, session_variables: null },
  delivery_info: { current_retry: 0, max_retries: 10 },
});

const raise = async (kind: "crossed" | "recovered" = "crossed"): Promise<string> => {
  const [row] = await test.database.query<{ id: string }>(
    `insert into usage.alerts (workspace_id, metric, period_start, threshold_percent, used, limit_value, kind)
     values ($1, 'ai_queries', now(), 75, 9007199254740993, 9007199254740995, $2)
     returning id`,
    [workspace.id, kind],
  );
  return row?.id ?? "";
};

const post = async (actions: RunningActions, event: object): Promise<unknown> => {
  const response = await actions.post("/events/usage_alert_raised", event);
  expect(response.status).toBe(200);
  return response.json();
};

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
    workspace = await createWorkspace(test.database);
    session = { ...session, "x-hasura-workspace-id": workspace.id };
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

describe("a receiver", () => {
  /** Registers a receiver and sends it a test event. */
  const sendTo = async (answer: Answer, options: Partial<DeliveryDeps> = {}) => {
    const actions = await serve(startWorkers(local, options));
    const receiver = await receive(answer);
    const { endpointId } = await register(actions, receiver.url);
    const receipt = await ask(actions, "testWebhook", { endpointId });
    return { actions, receiver, endpointId: endpointId ?? "", receipt };
  };

  it("that fails at first is tried again with the same id and bytes until it answers 2xx", async () => {
    const { receiver, endpointId, receipt } = await sendTo((response, _request, count) => {
      response.writeHead(count < 3 ? 500 : 200).end();
    });
    const delivery = await settled(endpointId);
    expect(delivery).toMatchObject({ status: "delivered", attempts: 3, responseStatus: 200, error: null });
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"]))).toEqual(
      new Set([receipt["eventId"]]),
    );
    expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
    expect(await attemptsOf(delivery.id)).toEqual([
      { attempt: 1, response_status: 500, error: "response-status" },
      { attempt: 2, response_status: 500, error: "response-status" },
      { attempt: 3, response_status: 200, error: null },
    ]);
    expect(await endpoint(endpointId)).toEqual({ enabled: true, reason: null, failing: false });
  });

  it("that fails to the end of the schedule has failed, and a resend starts the schedule anew", async () => {
    let healthy = false;
    const { actions, receiver, endpointId } = await sendTo((response) => {
      response.writeHead(healthy ? 204 : 503).end();
    });
    const delivery = await settled(endpointId);
    expect(delivery).toMatchObject({ status: "failed", attempts: 4, responseStatus: 503 });
    expect(await endpoint(endpointId)).toMatchObject({ enabled: true, failing: true });
    healthy = true;
    await ask(actions, "resendWebhook", { deliveryId: delivery.id });
    await waitFor("the resend", async () => (await settled(endpointId)).status === "delivered");
    expect(receiver.requests).toHaveLength(5);
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(await endpoint(endpointId)).toMatchObject({ enabled: true, failing: false });
  });

  it("that asks for time gets it", async () => {
    const { endpointId } = await sendTo((response) => {
      response.writeHead(429, { "retry-after": "3600" }).end();
    });
    const [delivery] = await waitFor("the first attempt", async () => {
      const rows = await test.database.query<{ asked: boolean; attempts: number }>(
        `select attempts, next_attempt_at between now() + interval '59 minutes' and now() + interval '60 minutes' as asked
         from usage.webhook_deliveries
         where endpoint_id = $1
           and last_attempt_at is not null`,
        [endpointId],
      );
      return rows.length > 0 && rows;
    });
    expect(delivery).toEqual({ asked: true, attempts: 1 });
  });

  it("that is gone is not called again, and what waits for it is cancelled", async () => {
    const { actions, receiver, endpointId } = await sendTo((response) => response.writeHead(410).end());
    expect(await settled(endpointId)).toMatchObject({ status: "failed", attempts: 1, error: "gone" });
    expect(await endpoint(endpointId)).toEqual({ enabled: false, reason: "gone", failing: true });
    const refused = await actions.call("testWebhook", { endpointId }, session);
    expect(refused).toMatchObject({ status: 409, body: { extensions: { code: "webhook-disabled" } } });
    expect(receiver.requests).toHaveLength(1);
  });

  it("that has failed for days is disabled by its next failure, with what waits cancelled", async () => {
    const actions = await serve(startWorkers(local, { retryDelaysMs: [3_600_000] }));
    const receiver = await receive((response) => response.writeHead(500).end());
    const { endpointId = "" } = await register(actions, receiver.url);
    await test.database.query(
      "update usage.webhook_endpoints set failing_since = now() - interval '6 days' where id = $1",
      [endpointId],
    );
    await ask(actions, "testWebhook", { endpointId });
    expect(await settled(endpointId)).toMatchObject({ status: "cancelled", attempts: 1 });
    expect(await endpoint(endpointId)).toMatchObject({ enabled: false, reason: "failures" });
    await test.database.query("update usage.webhook_endpoints set enabled = true where id = $1", [
      endpointId,
    ]);
    expect(await endpoint(endpointId)).toEqual({ enabled: true, reason: null, failing: false });
  });

  it("that hangs is left after the timeout, and holds up no other", async () => {
    const held: (() => void)[] = [];
    const { actions, endpointId } = await sendTo((response) => held.push(() => response.end()), {
      timeoutMs: 2_000,
      retryDelaysMs: [],
    });
    const quick = await receive();
    const { endpointId: other } = await register(actions, quick.url);
    for (let index = 0; index < 5; index += 1) await ask(actions, "testWebhook", { endpointId });
    await ask(actions, "testWebhook", { endpointId: other });
    expect(await settled(other ?? "")).toMatchObject({ status: "delivered" });
    expect(await settled(endpointId)).toMatchObject({ status: "failed", error: "timeout" });
    await waitFor("all of them", async () =>
      (await deliveriesOf(endpointId)).every(({ status }) => status === "failed"),
    );
    for (const end of held) end();
  });

  it("that answers with an endless body has answered; no more than a little of it is read", async () => {
    let written = 0;
    const { endpointId } = await sendTo((response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024, "x");
      const pump = (): void => {
        while (!response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once("drain", pump);
            return;
          }
        }
      };
      pump();
      response.once("close", () => {
        written = -1;
      });
    });
    expect(await settled(endpointId)).toMatchObject({ status: "delivered", responseStatus: 200 });
    await waitFor("the sender to hang up", () => written === -1);
  });

  it("that redirects is not followed", async () => {
    const target = await receive();
    const { endpointId } = await sendTo(
      (response) => response.writeHead(307, { location: target.url }).end(),
      { retryDelaysMs: [] },
    );
    expect(await settled(endpointId)).toMatchObject({
      status: "failed",
      responseStatus: 307,
      error: "redirect",
    });
    expect(target.requests).toEqual([]);
  });

  it("that breaks off, or is not there, is a failed connection", async () => {
    const { endpointId } = await sendTo((response) => response.destroy(), { retryDelaysMs: [] });
    expect(await settled(endpointId)).toMatchObject({ status: "failed", error: "connection" });
  });
});

describe("an address that is not public", () => {
  const strict = { WEBHOOK_ALLOW_HTTP: "true" };

  it("is refused when it is registered, with a code", async () => {
    const actions = await serve(startWorkers({}));
    for (const url of [
      "https://127.0.0.1/",
      "https://[::ffff:169.254.169.254]/",
      "http://example.com/",
      "https://user:pw@example.com/",
      "nonsense",
    ]) {
      const { status, body } = await actions.call(
        "createWebhook",
        { workspaceId: workspace.id, url },
        session,
      );
      expect({ url, status, code: (body["extensions"] as { code: string }).code }).toEqual({
        url,
        status: 400,
        code: "webhook-url-not-allowed",
      });
    }
  });

  it("behind a public name is found when it is called, and never connected to", async () => {
    const receiver = await receive();
    const port = new URL(receiver.url).port;
    for (const addresses of [
      ["127.0.0.1"],
      ["::1"],
      ["93.184.216.34", "10.0.0.1"],
      ["::ffff:127.0.0.1"],
      ["169.254.169.254"],
    ]) {
      const actions = await serve(
        startWorkers(strict, {
          retryDelaysMs: [],
          resolve: () =>
            Promise.resolve(addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))),
        }),
      );
      const { endpointId = "" } = await register(actions, `http://rebound.example.com:${port}/`);
      await ask(actions, "testWebhook", { endpointId });
      expect(await settled(endpointId)).toMatchObject({ status: "failed", error: "address-not-allowed" });
      for (const step of cleanUp.splice(1).reverse()) await step();
    }
    expect(receiver.requests).toEqual([]);
  });

  it("that was allowed once is not called when the setting is gone", async () => {
    const receiver = await receive();
    const actions = await serve(startWorkers({}, { retryDelaysMs: [] }));
    const [row] = await test.database.query<{ id: string }>(
      "insert into usage.webhook_endpoints (workspace_id, url) values ($1, $2) returning id",
      [workspace.id, receiver.url],
    );
    await ask(actions, "testWebhook", { endpointId: row?.id });
    expect(await settled(row?.id ?? "")).toMatchObject({ status: "failed", error: "insecure-url" });
    expect(receiver.requests).toEqual([]);
  });

  it("is connected to under the address that was checked", async () => {
    const receiver = await receive();
    let asked = 0;
    const actions = await serve(
      startWorkers(local, {
        resolve: () => {
          asked += 1;
          return Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
        },
      }),
    );
    const url = receiver.url.replace("127.0.0.1", "hooks.example.com");
    const { endpointId } = await register(actions, url);
    await ask(actions, "testWebhook", { endpointId });
    expect(await settled(endpointId ?? "")).toMatchObject({ status: "delivered" });
    expect(asked).toBe(1);
    expect(receiver.requests[0]?.headers.host).toBe(new URL(url).host);
  });
});

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
