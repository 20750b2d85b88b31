import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createEngine, parseMetadata, type Engine } from "../../../src/engine/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

interface Seen {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

let test: TestDatabase;
let engine: Engine;
let server: Server;
let now: Date;
let seen: Seen[];
let answer: () => Response;

const command = async (
  type: string,
  args: object,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> => {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${String(port)}/v1/metadata`, {
    method: "POST",
    headers: { "x-hasura-admin-secret": "secret" },
    body: JSON.stringify({ type, args }),
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
};

const create = async (more: object = {}): Promise<string> => {
  const { status, body } = await command("create_scheduled_event", {
    webhook: "{{BASE}}/once",
    schedule_at: "2026-03-01T01:00:00Z",
    payload: { what: "once" },
    ...more,
  });
  expect({ status, body }).toEqual({
    status: 200,
    body: { message: "success", event_id: expect.any(String) },
  });
  return String(body["event_id"]);
};

const events = async (args: object): Promise<Readonly<Record<string, unknown>>> =>
  (await command("get_scheduled_events", { type: "one_off", ...args })).body;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  now = new Date("2026-03-01T00:30:00Z");
  engine = await createEngine({
    metadata: parseMetadata({
      version: 3,
      sources: [],
      cron_triggers: [
        { name: "tidy", webhook: "{{BASE}}/tidy", schedule: "0 * * * *", include_in_metadata: true },
      ],
    }),
    database: test.database,
    clock: { now: () => now, schedule: () => () => undefined },
    logger: silentLogger,
    settings: {
      adminSecret: "secret",
      env: { BASE: "http://127.0.0.1:1", TOKEN: "t0ken" },
      actionHandler: async (url, request) => {
        seen.push({ url, headers: request.headers, text: request.body });
        return answer();
      },
    },
  });
  server = createServer(engine.app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await test.drop();
});
beforeEach(async () => {
  now = new Date("2026-03-01T00:30:00Z");
  seen = [];
  answer = () => new Response("{}");
  await test.database.query("delete from hdb_catalog.hdb_scheduled_events");
});

describe("one-off events", () => {
  it("go out once after their time, in Hasura's shape", async () => {
    const id = await create({
      comment: "just once",
      headers: [{ name: "X-Token", value_from_env: "TOKEN" }],
    });
    expect(await engine.scheduled.deliver()).toBe(0);
    now = new Date("2026-03-01T01:00:01Z");
    expect(await engine.scheduled.deliver()).toBe(1);
    expect(await engine.scheduled.deliver()).toBe(0);
    expect(seen[0]).toMatchObject({ url: "http://127.0.0.1:1/once", headers: { "x-token": "t0ken" } });
    expect(JSON.parse(seen[0]?.text ?? "")).toEqual({
      id,
      scheduled_time: "2026-03-01T01:00:00Z",
      created_at: expect.stringMatching(/Z$/),
      payload: { what: "once" },
      comment: "just once",
    });
    expect(await events({ status: ["delivered"], get_rows_count: true })).toMatchObject({
      count: 1,
      events: [{ id, status: "delivered", tries: 1, webhook_conf: "{{BASE}}/once" }],
    });
  });

  it("are tried again, then given up, and every try is on record", async () => {
    const id = await create({ retry_conf: { num_retries: 1, retry_interval_seconds: 60 } });
    answer = () => new Response("busy", { status: 503 });
    now = new Date("2026-03-01T01:00:01Z");
    expect(await engine.scheduled.deliver()).toBe(1);
    now = new Date("2026-03-01T01:00:30Z");
    expect(await engine.scheduled.deliver()).toBe(0);
    now = new Date("2026-03-01T01:01:02Z");
    expect(await engine.scheduled.deliver()).toBe(1);
    expect(await events({})).toMatchObject({ events: [{ id, status: "error", tries: 2 }] });
    const { body } = await command("get_scheduled_event_invocations", {
      type: "one_off",
      event_id: id,
      limit: 1,
      get_rows_count: true,
    });
    expect(body).toMatchObject({
      count: 2,
      invocations: [{ event_id: id, status: 503, response: { type: "webhook_response", version: "2" } }],
    });
  });

  it("are dead beyond their tolerance", async () => {
    await create({ retry_conf: { tolerance_seconds: 60 } });
    now = new Date("2026-03-01T01:02:00Z");
    await engine.scheduled.deliver();
    expect(seen).toEqual([]);
    expect(await events({})).toMatchObject({ events: [{ status: "dead", tries: 0 }] });
  });

  it("can be taken back, and only once", async () => {
    const id = await create();
    expect(await command("delete_scheduled_event", { type: "one_off", event_id: id })).toEqual({
      status: 200,
      body: { message: "success" },
    });
    expect((await command("delete_scheduled_event", { type: "one_off", event_id: id })).status).toBe(400);
    expect(await events({})).toEqual({ events: [] });
  });

  it("are refused without a time, or with what would not be carried out", async () => {
    for (const args of [
      { webhook: "http://h" },
      { webhook: "http://h", schedule_at: "soon" },
      { webhook: "http://h", schedule_at: "2026-03-01T01:00:00Z", request_transform: { version: 2 } },
    ]) {
      expect((await command("create_scheduled_event", args)).body).toMatchObject({ code: "parse-failed" });
    }
  });
});

describe("the events of cron triggers", () => {
  it("are listed by page, with the tries to deliver them", async () => {
    await engine.cron.fire("tidy", new Date("2026-02-28T01:00:00Z"));
    const listed = await events({ type: "cron", trigger_name: "tidy", limit: 2, get_rows_count: true });
    expect(listed).toMatchObject({
      count: 101,
      events: [{ trigger_name: "tidy", status: "delivered" }, { status: "scheduled" }],
    });
    const { body } = await command("get_scheduled_event_invocations", { type: "cron", trigger_name: "tidy" });
    expect(body).toMatchObject({ invocations: [{ status: 200 }] });
    expect(await events({ type: "cron", trigger_name: "nobody" })).toEqual({ events: [] });
  });
});
