import { describe, expect, it } from "@jest/globals";
import { type DeliveryDeps } from "../../../actions/delivery/index.ts";
import { type Answer } from "../../support/receiver.ts";
import { waitFor } from "../../support/wait-for.ts";
import {
  test,
  workspace,
  session,
  local,
  startWorkers,
  serve,
  receive,
  ask,
  register,
  deliveriesOf,
  settled,
  attemptsOf,
  endpoint,
  cleanUp,
} from "./webhooks-support.ts";

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
