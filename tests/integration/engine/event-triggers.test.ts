import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createEngine, type Engine } from "../../../src/engine/index.ts";
import { createSession } from "../../../src/auth/index.ts";
import { parseMetadata, type Metadata } from "../../../src/engine/metadata/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";

interface Delivered {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

interface Body {
  readonly id: string;
  readonly created_at: string;
  readonly table: unknown;
  readonly trigger: unknown;
  readonly delivery_info: unknown;
  readonly event: { readonly op: string; readonly data: unknown; readonly session_variables: unknown };
}

let test: TestDatabase;
let engine: Engine;
let now: Date;
let delivered: Delivered[];
let answer: () => Promise<Response> | Response;
const admin = createSession("admin", {});
const clock = { now: () => now, schedule: () => () => undefined };

const all = { insert: { columns: "*" }, update: { columns: "*" }, delete: { columns: "*" } };
const metadataWith = (...eventTriggers: readonly unknown[]): Metadata =>
  parseMetadata({
    version: 3,
    sources: [
      {
        name: "default",
        kind: "postgres",
        configuration: { connection_info: { database_url: "postgres://unused" } },
        tables: [{ table: { schema: "shop", name: "orders" }, event_triggers: eventTriggers }],
      },
    ],
  });
const trigger = (more: Readonly<Record<string, unknown>> = {}): unknown => ({
  name: "orders",
  definition: all,
  webhook: "http://127.0.0.1:1/orders",
  retry_conf: { num_retries: 1, interval_sec: 30 },
  ...more,
});

const start = async (metadata: Metadata): Promise<Engine> =>
  createEngine({
    metadata,
    database: test.database,
    clock,
    logger: silentLogger,
    settings: {
      adminSecret: "secret",
      env: { SHOP: "http://127.0.0.1:1/env", TOKEN: "t0ken" },
      actionHandler: async (url, request) => {
        delivered.push({ url, headers: request.headers, text: request.body });
        return answer();
      },
    },
  });

const bodies = (): readonly Body[] => delivered.map(({ text }) => JSON.parse(text) as Body);
const mutate = async (mutation: string, session = admin): Promise<void> => {
  expect(JSON.parse(await engine.execute({ query: `mutation { ${mutation} }` }, session))).toHaveProperty(
    "data",
  );
};
const log = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  test.database.query(
    "select trigger_name, delivered, error, tries, locked, archived from hdb_catalog.event_log order by created_at",
  );

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
});
afterAll(() => test.drop());
beforeEach(async () => {
  now = new Date("2026-03-01T00:30:00Z");
  delivered = [];
  answer = () => new Response("{}");
  await test.database.query("drop schema if exists hdb_catalog cascade");
  await test.database.query("drop schema if exists shop cascade");
  await test.database.query("create schema shop");
  await test.database.query(
    "create table shop.orders (id bigint primary key, title text, price numeric, details json, note text)",
  );
});

describe("event triggers", () => {
  it("sends insert, update and delete in Hasura's shape, with the session that made them", async () => {
    engine = await start(metadataWith(trigger()));
    await mutate(
      'insert_shop_orders(objects: {id: "9007199254740993", title: "a", price: "12.50"}) { affected_rows }',
      createSession("admin", { "x-hasura-user-id": "u1" }),
    );
    await mutate('update_shop_orders(where: {}, _set: {title: "b"}) { affected_rows }');
    await mutate("delete_shop_orders(where: {}) { affected_rows }");
    expect(await engine.events.deliver()).toBe(3);
    expect(delivered[0]?.text).toContain('"id": 9007199254740993');
    expect(delivered[0]?.text).toContain('"price": 12.50');
    expect(delivered[0]?.headers).toMatchObject({ "content-type": "application/json" });
    const sorted = [...bodies()].sort((one, other) => (one.created_at < other.created_at ? -1 : 1));
    expect(sorted[0]).toEqual({
      id: expect.any(String),
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/),
      table: { schema: "shop", name: "orders" },
      trigger: { name: "orders" },
      delivery_info: { current_retry: 0, max_retries: 1 },
      event: {
        op: "INSERT",
        data: {
          old: null,
          new: { id: 9007199254740992, title: "a", price: 12.5, details: null, note: null },
        },
        session_variables: { "x-hasura-role": "admin", "x-hasura-user-id": "u1" },
        trace_context: null,
      },
    });
    expect(sorted[1]?.event).toMatchObject({
      op: "UPDATE",
      data: { old: { title: "a" }, new: { title: "b" } },
    });
    expect(sorted[2]?.event).toMatchObject({ op: "DELETE", data: { old: { title: "b" }, new: null } });
    expect(await engine.events.deliver()).toBe(0);
  });

  it("writes the event with the transaction, and changes by plain SQL too", async () => {
    engine = await start(metadataWith(trigger()));
    await mutate('insert_shop_orders(objects: {id: "1"}) { affected_rows }');
    await test.database.query("insert into shop.orders (id) values (2)");
    await test.database
      .transaction(async (tx) => {
        await tx.query("insert into shop.orders (id) values (3)");
        throw new Error("undone");
      })
      .catch(() => undefined);
    expect(await engine.events.deliver()).toBe(2);
    expect(bodies().map((body) => body.event.session_variables)).toEqual(
      expect.arrayContaining([null, { "x-hasura-role": "admin" }]),
    );
  });

  it("looks only at the listed columns, nulls and json included, and sends the listed payload", async () => {
    const definition = {
      update: { columns: ["title", "details"], payload: ["id", "title"] },
      delete: { columns: "*", payload: [] },
    };
    engine = await start(metadataWith(trigger({ definition })));
    await mutate('insert_shop_orders(objects: {id: "1", details: {a: 1}}) { affected_rows }');
    await mutate('update_shop_orders(where: {}, _set: {note: "n"}) { affected_rows }');
    await mutate("update_shop_orders(where: {}, _set: {details: {a: 1}}) { affected_rows }");
    expect(await engine.events.deliver()).toBe(0);
    await mutate('update_shop_orders(where: {}, _set: {title: "t"}) { affected_rows }');
    await mutate("update_shop_orders(where: {}, _set: {details: {a: 2}}) { affected_rows }");
    await mutate("delete_shop_orders(where: {}) { affected_rows }");
    expect(await engine.events.deliver()).toBe(3);
    expect(bodies().map((body) => body.event.data)).toEqual(
      expect.arrayContaining([
        { old: { id: 1, title: null }, new: { id: 1, title: "t" } },
        { old: { id: 1, title: "t" }, new: { id: 1, title: "t" } },
        { old: {}, new: null },
      ]),
    );
  });

  it("tries again after the interval, or when the webhook says, and then gives up", async () => {
    engine = await start(metadataWith(trigger()));
    await mutate('insert_shop_orders(objects: {id: "1"}) { affected_rows }');
    answer = () => new Response("busy", { status: 503, headers: { "retry-after": "300" } });
    expect(await engine.events.deliver()).toBe(1);
    now = new Date(now.getTime() + 299_000);
    expect(await engine.events.deliver()).toBe(0);
    now = new Date(now.getTime() + 2_000);
    answer = () => Promise.reject(new Error("connection refused"));
    expect(await engine.events.deliver()).toBe(1);
    expect(await log()).toEqual([
      { trigger_name: "orders", delivered: false, error: true, tries: 2, locked: null, archived: false },
    ]);
    expect(bodies().map((body) => body.delivery_info)).toEqual([
      { current_retry: 0, max_retries: 1 },
      { current_retry: 1, max_retries: 1 },
    ]);
    const invocations = await test.database.query(
      "select trigger_name, status, response->>'type' as type, request->'payload'->>'id' = event_id as same from hdb_catalog.event_invocation_logs order by created_at",
    );
    expect(invocations).toEqual([
      { trigger_name: "orders", status: 503, type: "webhook_response", same: true },
      { trigger_name: "orders", status: null, type: "client_error", same: true },
    ]);
  });

  it("delivers on redelivery and on request what no change made", async () => {
    engine = await start(
      metadataWith(trigger({ definition: { insert: { columns: "*" }, enable_manual: true } })),
    );
    const id = await engine.events.invoke("orders", { some: "thing" }, admin.variables);
    expect(await engine.events.deliver()).toBe(1);
    await engine.events.redeliver(id);
    expect(await engine.events.deliver()).toBe(1);
    expect(bodies().map((body) => [body.id, body.event.op, body.event.data])).toEqual([
      [id, "MANUAL", { old: null, new: { some: "thing" } }],
      [id, "MANUAL", { old: null, new: { some: "thing" } }],
    ]);
    await expect(engine.events.redeliver("nobody")).rejects.toMatchObject({ code: "not-exists" });
    await engine.replaceMetadata(metadataWith(trigger()));
    await expect(engine.events.invoke("orders", {}, {})).rejects.toMatchObject({
      message: 'manual mode is not enabled for event trigger "orders"',
    });
  });

  it("takes headers and webhook from the environment, and logs no secret", async () => {
    const headers = [
      { name: "X-Token", value_from_env: "TOKEN" },
      { name: "X-Fixed", value: "f" },
    ];
    engine = await start(metadataWith(trigger({ webhook: null, webhook_from_env: "SHOP", headers })));
    await mutate('insert_shop_orders(objects: {id: "1"}) { affected_rows }');
    await engine.events.deliver();
    expect(delivered[0]).toMatchObject({
      url: "http://127.0.0.1:1/env",
      headers: { "x-token": "t0ken", "x-fixed": "f" },
    });
    const [row] = await test.database.query("select request::text from hdb_catalog.event_invocation_logs");
    expect(JSON.stringify(row)).not.toContain("t0ken");
  });

  it("transforms what is sent", async () => {
    const request_transform = {
      version: 2,
      template_engine: "Kriti",
      method: "PUT",
      url: "{{$base_url}}/{{$body.event.data.new.id}}",
      query_params: { who: "{{$session_variables['x-hasura-role']}}", none: null },
      request_headers: { add_headers: { "X-Op": "{{$body.event.op}}" }, remove_headers: ["user-agent"] },
      body: {
        action: "transform",
        template: '{"id": {{$body.event.data.new.id}}, "role": {{getSessionVariable("x-hasura-role")}}}',
      },
    };
    engine = await start(metadataWith(trigger({ request_transform })));
    await mutate('insert_shop_orders(objects: {id: "9007199254740993"}) { affected_rows }');
    await engine.events.deliver();
    expect(delivered[0]).toEqual({
      url: "http://127.0.0.1:1/orders/9007199254740993?who=admin",
      headers: { "content-type": "application/json", "x-op": "INSERT" },
      text: '{"id":9007199254740993,"role":"admin"}',
    });
  });

  it("drops the triggers of events that left the metadata and archives what they wrote", async () => {
    engine = await start(metadataWith(trigger(), trigger({ name: "second" })));
    await test.database.query("insert into shop.orders (id) values (1)");
    await engine.replaceMetadata(metadataWith(trigger({ name: "second" })));
    await test.database.query("insert into shop.orders (id) values (2)");
    expect(await engine.events.deliver()).toBe(2);
    expect((await log()).filter((row) => row["trigger_name"] === "orders")).toEqual([
      { trigger_name: "orders", delivered: false, error: false, tries: 0, locked: null, archived: true },
    ]);
    const names = await test.database.query(
      "select tgname from pg_trigger where not tgisinternal order by tgname",
    );
    expect(names.map((row) => row["tgname"])).toEqual([
      "notify_hasura_second_DELETE",
      "notify_hasura_second_INSERT",
      "notify_hasura_second_UPDATE",
    ]);
  });

  it("makes its triggers again when the table is a new one", async () => {
    engine = await start(metadataWith(trigger()));
    await test.database.query("drop table shop.orders");
    await test.database.query("create table shop.orders (id bigint primary key)");
    await engine.reload();
    await test.database.query("insert into shop.orders (id) values (1)");
    expect(await engine.events.deliver()).toBe(1);
  });

  it("catches up after a restart with what another engine had locked", async () => {
    engine = await start(metadataWith(trigger()));
    await test.database.query("insert into shop.orders (id) select n from generate_series(1, 250) n");
    await test.database.query("update hdb_catalog.event_log set locked = $1 where delivered = false", [
      now.toISOString(),
    ]);
    expect(await engine.events.deliver()).toBe(0);
    engine.start();
    await waitFor("all events to be delivered", async () =>
      (await log()).every((row) => row["delivered"] === true),
    );
    expect(new Set(bodies().map((body) => body.id)).size).toBe(250);
    await engine.stop();
  });

  it("delivers soon after a mutation, but not while it is paused", async () => {
    engine = await start(metadataWith(trigger()));
    engine.start();
    await mutate('insert_shop_orders(objects: {id: "1"}) { affected_rows }');
    await waitFor("the event", () => delivered.length === 1);
    engine.events.pause();
    await mutate('insert_shop_orders(objects: {id: "2"}) { affected_rows }');
    expect(await log()).toHaveLength(2);
    engine.events.resume();
    await waitFor("the second event", () => delivered.length === 2);
    await engine.stop();
  });

  it("refuses a trigger on a view, an unknown column, a missing variable, a broken template", async () => {
    await test.database.query("create view shop.all_orders as select * from shop.orders");
    await expect(
      start(metadataWith(trigger({ definition: { insert: { columns: ["nope"] } } }))),
    ).rejects.toThrow(/"nope"/);
    await expect(start(metadataWith(trigger({ webhook: "{{MISSING}}" })))).rejects.toThrow(/MISSING/);
    await expect(
      start(
        metadataWith(
          trigger({ request_transform: { version: 2, body: { action: "transform", template: "{{" } } }),
        ),
      ),
    ).rejects.toThrow(/transform validation failed/);
    expect(() => metadataWith(trigger(), trigger())).toThrow(/stands there twice/);
    expect(() => metadataWith(trigger({ name: "no spaces" }))).toThrow(/alphanumeric/);
    expect(() => metadataWith(trigger({ webhook_from_env: "SHOP" }))).toThrow(
      /either webhook or webhook_from_env/,
    );
  });
});
