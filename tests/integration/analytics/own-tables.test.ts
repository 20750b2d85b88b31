import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { systemClock } from "../../../src/core/index.ts";
import { createTracker, type Tracker } from "../../../src/domain/analytics/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import type { TestDatabase } from "../../support/database.ts";
import { createProductDatabase } from "../../support/product-series.ts";

const day = 86_400_000;

let test: TestDatabase;
let actions: RunningActions;
let tracker: Tracker;

beforeAll(async () => {
  test = await createProductDatabase();
  actions = await startActions(test.database);
  tracker = createTracker({ database: test.database, clock: systemClock });
}, 60_000);

afterAll(async () => {
  await actions.stop();
  await test.drop();
});

const deliver = async (name: string): Promise<unknown> => {
  const response = await actions.post(`/cron/${name}`, {
    id: randomUUID(),
    name,
    scheduled_time: new Date().toISOString(),
    payload: {},
  });
  expect(response.status).toBe(200);
  return response.json();
};

const createTenant = async (): Promise<string> => {
  const id = randomUUID();
  await test.database.query("insert into public.tenants (id) values ($1)", [id]);
  return id;
};

const count = async (table: string, workspaceId: string): Promise<number> => {
  const [row] = await test.database.query<{ n: number }>(
    `select count(*)::integer as n from analytics.${table} where workspace_id = $1`,
    [workspaceId],
  );
  return row?.n ?? Number.NaN;
};

const counts = async (workspaceId: string, tables: readonly string[]) =>
  Object.fromEntries(
    await Promise.all(tables.map(async (table) => [table, await count(table, workspaceId)] as const)),
  );

const events = (more: object = {}) => [
  { event_type: "search", event_category: "search", event_data: { query: "Foo  bar" }, ...more },
  { event_type: "export", event_category: "feature_usage", ...more },
  {
    event_type: "timing",
    event_category: "performance",
    event_data: { endpoint: "/", response_time_ms: 1 },
    ...more,
  },
];

const productTables = ["events", "event_keys", "feature_usage", "performance", "user_activity"];

describe("without the tables of the sample", () => {
  it("a search is stored as an event, and its data is checked all the same", async () => {
    const workspaceId = await createTenant();
    const report = await tracker.track({ workspaceId, userId: randomUUID() }, [
      ...events(),
      { event_type: "search", event_category: "search", event_data: { query: 5 } },
    ]);
    expect(report).toMatchObject({ accepted: 3, invalid: 1 });
    expect(report.outcomes[3]).toMatchObject({ code: "invalid-event", path: "event_data.query" });
    await deliver("analytics_roll_activity");
    expect(await counts(workspaceId, productTables)).toEqual({
      events: 3,
      event_keys: 3,
      feature_usage: 1,
      performance: 1,
      user_activity: 1,
    });
    const [activity] = await test.database.query(
      `select events::integer, searches::integer, features_used::integer, messages_sent::integer
       from analytics.user_activity
       where workspace_id = $1`,
      [workspaceId],
    );
    expect(activity).toEqual({ events: 3, searches: 1, features_used: 1, messages_sent: 0 });
  });

  it("retention, erasure and the deletion of a workspace reach every table of the product", async () => {
    const workspaceId = await createTenant();
    const [ada, bob] = [randomUUID(), randomUUID()];
    const old = { timestamp: new Date(Date.now() - 200 * day).toISOString() };
    await tracker.track({ workspaceId, userId: ada }, events());
    await tracker.track({ workspaceId, userId: bob }, [...events(), ...events(old)]);
    await deliver("analytics_roll_activity");
    expect(await deliver("analytics_apply_retention")).toMatchObject({
      deleted: { event_keys: 0, feature_usage: 1, performance: 1, user_activity: 0 },
    });
    await test.database.query("insert into analytics.erasures (user_id) values ($1)", [ada]);
    expect(await deliver("analytics_roll_activity")).toMatchObject({ erased: 1 });
    expect(await counts(workspaceId, productTables)).toEqual({
      events: 6,
      event_keys: 9,
      feature_usage: 1,
      performance: 1,
      user_activity: 2,
    });
    await test.database.query("delete from public.tenants where id = $1", [workspaceId]);
    await deliver("analytics_roll_activity");
    expect(await counts(workspaceId, productTables)).toEqual({
      events: 0,
      event_keys: 0,
      feature_usage: 0,
      performance: 0,
      user_activity: 0,
    });
  });
});

describe("a table of the application in analytics.retention", () => {
  beforeAll(async () => {
    await test.database.transaction((tx) =>
      tx.script(`
        create table analytics.searches (
          id uuid not null,
          workspace_id uuid not null,
          occurred_at timestamptz not null,
          user_id uuid,
          query text,
          query_normalized text,
          result_count bigint,
          clicked_result_id text,
          clicked_result_position integer,
          search_duration_ms double precision
        );
        insert into analytics.retention (table_name, keep_days) values ('searches', 90);
        insert into analytics.detail_tables (category, table_name) values ('search', 'searches');
      `),
    );
  });

  it("gets the details of its category from the next batch on", async () => {
    const workspaceId = await createTenant();
    await tracker.track({ workspaceId, userId: null }, events());
    expect(
      await test.database.query(
        "select query, query_normalized from analytics.searches where workspace_id = $1",
        [workspaceId],
      ),
    ).toEqual([{ query: "Foo  bar", query_normalized: "foo bar" }]);
  });

  it("is pruned, erased and emptied with its workspace like the product's tables", async () => {
    const workspaceId = await createTenant();
    const other = await createTenant();
    const [ada, bob] = [randomUUID(), randomUUID()];
    const old = { timestamp: new Date(Date.now() - 100 * day).toISOString() };
    await tracker.track({ workspaceId, userId: ada }, events());
    await tracker.track({ workspaceId, userId: bob }, [...events(), ...events(old)]);
    await tracker.track({ workspaceId: other, userId: bob }, events());
    expect(await deliver("analytics_apply_retention")).toMatchObject({ deleted: { searches: 1 } });
    await test.database.query("insert into analytics.erasures (user_id) values ($1)", [ada]);
    await deliver("analytics_roll_activity");
    expect(await count("searches", workspaceId)).toBe(1);
    await test.database.query("delete from public.tenants where id = $1", [workspaceId]);
    expect(await counts(workspaceId, ["searches"])).toEqual({ searches: 0 });
    expect(await count("searches", other)).toBe(1);
    await test.database.query("truncate public.workspaces cascade");
    expect(await count("searches", other)).toBe(0);
  });

  it("may be dropped: its events are then stored without details", async () => {
    const workspaceId = await createTenant();
    await test.database.query("drop table analytics.searches");
    expect(await tracker.track({ workspaceId, userId: null }, events())).toMatchObject({ accepted: 3 });
    expect(await deliver("analytics_apply_retention")).toHaveProperty("deleted");
    expect(await deliver("analytics_roll_activity")).toHaveProperty("touched");
    await test.database.query("delete from public.tenants where id = $1", [workspaceId]);
    expect(await count("events", workspaceId)).toBe(0);
  });

  it.each(["unknown", "detail_tables", "event_keys", "erasures"])(
    "is refused under the name %s, which has neither workspace nor time or a rule of its own",
    async (name) => {
      await expect(
        test.database.query("insert into analytics.retention (table_name, keep_days) values ($1, 1)", [name]),
      ).rejects.toMatchObject({ code: "23514" });
    },
  );
});
