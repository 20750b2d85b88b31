import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { systemClock } from "../../../src/core/index.ts";
import { createTracker, type Tracker } from "../../../src/domain/analytics/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { addChannels } from "../sql/meter-fixtures.ts";

const hour = 3_600_000;
const day = 24 * hour;

let test: TestDatabase;
let actions: RunningActions;
let tracker: Tracker;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
  actions = await startActions(test.database);
  tracker = createTracker({ database: test.database, clock: systemClock });
}, 60_000);
afterAll(async () => {
  await actions.stop();
  await test.drop();
});

const deliver = async (name: string, at = new Date()): Promise<Readonly<Record<string, unknown>>> => {
  const response = await actions.post(`/cron/${name}`, {
    id: randomUUID(),
    name,
    scheduled_time: at.toISOString(),
    payload: {},
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Readonly<Record<string, unknown>>;
};

const roll = (at?: Date) => deliver("analytics_roll_activity", at);

/** The tables as they stand, and as a recount of what they are made of gives them. */
const activityOf = async (workspace: Workspace) => {
  const ask = (text: string) => test.database.query(text, [workspace.id]);
  const facts = `
    select user_id, channel_id, occurred_at as at, 'event' as kind, category, session_id from analytics.events where workspace_id = $1
    union all
    select user_id, channel_id, created_at, 'message', null, null from public.messages where workspace_id = $1
    union all
    select uploader_id, null, created_at, 'file', null, null from public.files where workspace_id = $1`;
  return {
    users: await ask(
      `select user_id, hour, events, sessions, page_views, user_actions, features_used, searches, errors, messages_sent, files_uploaded
       from analytics.user_activity where workspace_id = $1 order by 1, 2`,
    ),
    channels: await ask(
      `select channel_id, hour, events, active_users, messages_count
       from analytics.channel_activity where workspace_id = $1 order by 1, 2`,
    ),
    usersAgain: await ask(
      `select user_id, date_trunc('hour', at, 'UTC') as hour,
         sum((kind = 'event')::int) as events,
         count(distinct session_id) as sessions,
         count(*) filter (where category = 'page_view') as page_views,
         count(*) filter (where category = 'user_action') as user_actions,
         count(*) filter (where category = 'feature_usage') as features_used,
         count(*) filter (where category = 'search') as searches,
         count(*) filter (where category = 'error') as errors,
         sum((kind = 'message')::int) as messages_sent,
         sum((kind = 'file')::int) as files_uploaded
       from (${facts}) as facts where user_id is not null group by 1, 2 order by 1, 2`,
    ),
    channelsAgain: await ask(
      `select channel_id, date_trunc('hour', at, 'UTC') as hour,
         sum((kind = 'event')::int) as events,
         count(distinct user_id) as active_users,
         sum((kind = 'message')::int) as messages_count
       from (${facts}) as facts where channel_id is not null group by 1, 2 order by 1, 2`,
    ),
  };
};

const expectCounted = async (workspace: Workspace): Promise<number> => {
  const { users, channels, usersAgain, channelsAgain } = await activityOf(workspace);
  expect(users).toEqual(usersAgain);
  expect(channels).toEqual(channelsAgain);
  return users.length + channels.length;
};

const categories = ["page_view", "user_action", "feature_usage", "search", "error", "custom"];

const someEvents = (channel: string, count: number, hours: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    event_type: "x",
    event_category: categories[index % categories.length],
    timestamp: new Date(Date.now() - (index % hours) * hour).toISOString(),
    session_id: `s-${String(index % 5)}`,
    event_data: index % 3 === 0 ? { channel_id: channel } : {},
  }));

const room = async (): Promise<{ workspace: Workspace; channel: string }> => {
  const workspace = await createWorkspace(test.database);
  const [channel] = await addChannels(test.database, workspace, 1);
  return { workspace, channel: String(channel) };
};

const track = ({ workspace, channel }: Awaited<ReturnType<typeof room>>, count: number, hours: number) =>
  tracker.track({ workspaceId: workspace.id, userId: workspace.owner }, someEvents(channel, count, hours));

/** Messages of now, as every client role writes them: nobody but admin may set their time. */
const say = ({ workspace, channel }: Awaited<ReturnType<typeof room>>, count: number) =>
  test.database.query(
    "insert into public.messages (workspace_id, channel_id, user_id) select $1, $2, $3 from generate_series(1, $4::int)",
    [workspace.id, channel, workspace.owner, count],
  );

describe("the hourly tables", () => {
  it("equal a recount of events, messages and files, and count a late event's hour again", async () => {
    const place = await room();
    await say(place, 3);
    await test.database.query(
      "insert into public.files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, 'f', 1)",
      [place.workspace.id, place.workspace.owner],
    );
    await track(place, 180, 30);
    await roll();
    expect(await expectCounted(place.workspace)).toBeGreaterThan(30);
    await track(place, 40, 400 * 24 - 48);
    await roll();
    expect(await expectCounted(place.workspace)).toBeGreaterThan(50);
  });

  it("are the same whether a delivery comes late, twice, out of order, all at once, or beside writers", async () => {
    const places = await Promise.all(Array.from({ length: 3 }, room));
    const now = Date.now();
    const times = [0, 5, 1, 1, 48, 0, 3].map((back) => new Date(now - back * hour));
    const write = async (place: (typeof places)[number]): Promise<void> => {
      for (let round = 0; round < 8; round += 1) {
        await track(place, 25, 12);
        await say(place, 1);
      }
    };
    await Promise.all([...places.map(write), ...times.map(roll)]);
    await roll();
    for (const { workspace } of places) await expectCounted(workspace);
    const before = await activityOf(places[0]?.workspace ?? { id: "", owner: "" });
    for (const time of times) await roll(time);
    expect(await activityOf(places[0]?.workspace ?? { id: "", owner: "" })).toEqual(before);
    // A sender whose clock runs ahead marks no time as done.
    await roll(new Date(now + 30 * day));
    const [state] = await test.database.query<{ early: boolean }>(
      "select rolled_until <= now() as early from analytics.rollup_state",
    );
    expect(state?.early).toBe(true);
  });

  it("leave a deleted workspace out", async () => {
    const place = await room();
    await track(place, 10, 3);
    await test.database.query("delete from public.workspaces where id = $1", [place.workspace.id]);
    await roll();
    expect(await expectCounted(place.workspace)).toBe(0);
    expect(
      await test.database.query("select 1 from analytics.touched_hours where workspace_id = $1", [
        place.workspace.id,
      ]),
    ).toEqual([]);
  });

  it("forget a person who is deleted, with the events, and keep everybody else's", async () => {
    const place = await room();
    await track(place, 60, 5);
    const other = randomUUID();
    await test.database.query(
      "insert into public.users (id, email) values ($1::uuid, $1::text || '@example.com')",
      [other],
    );
    await tracker.track({ workspaceId: place.workspace.id, userId: other }, someEvents(place.channel, 30, 5));
    await roll();
    await test.database.query("delete from public.users where id = $1", [other]);
    expect(await roll()).toMatchObject({ erased: 1 });
    for (const table of ["events", "feature_usage", "performance", "search_logs", "user_activity"])
      expect(
        await test.database.query(`select 1 from analytics.${table} where user_id = $1`, [other]),
      ).toEqual([]);
    await expectCounted(place.workspace);
    const [kept] = await test.database.query(
      "select count(*)::int as n from analytics.events where workspace_id = $1",
      [place.workspace.id],
    );
    expect(kept).toEqual({ n: 60 });
  });
});

describe("retention", () => {
  const monthOf = (back: number): Date => {
    const at = new Date();
    return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - back, 15));
  };

  it("drops the months and rows that are over, and nothing else", async () => {
    const { database } = test;
    const workspace = await createWorkspace(database);
    const old = randomUUID();
    for (const [back, id] of [
      [20, old],
      [12, randomUUID()],
      [0, randomUUID()],
    ] as const) {
      await database.query("select analytics.ensure_month($1::timestamptz)", [monthOf(back)]);
      await database.query(
        "insert into analytics.events (id, workspace_id, occurred_at, name) values ($1, $2, $3, 'x')",
        [id, workspace.id, monthOf(back)],
      );
    }
    const ages: Readonly<Record<string, readonly [string, number]>> = {
      feature_usage: ["feature_name) values ($1, $2, 'x'", 180],
      performance: ["endpoint, response_time_ms) values ($1, $2, 'x', 1", 30],
      search_logs: ["query, query_normalized) values ($1, $2, 'x', 'x'", 90],
    };
    for (const [table, [rest, days]] of Object.entries(ages))
      for (const age of [days + 1, days - 1, 0])
        await database.query(`insert into analytics.${table} (workspace_id, occurred_at, ${rest})`, [
          workspace.id,
          new Date(Date.now() - age * day),
        ]);
    for (const age of [436, 434, 0])
      await database.query("insert into analytics.event_keys values ($1, gen_random_uuid(), $2)", [
        workspace.id,
        new Date(Date.now() - age * day),
      ]);
    for (const age of [401, 399, 0])
      await database.query(
        "insert into analytics.user_activity (workspace_id, user_id, hour) values ($1, $2, date_trunc('hour', $3::timestamptz, 'UTC'))",
        [workspace.id, workspace.owner, new Date(Date.now() - age * day)],
      );
    // A clock that runs years ahead at the sender deletes nothing more.
    await Promise.all([
      deliver("analytics_apply_retention", new Date(Date.now() + 900 * day)),
      deliver("analytics_apply_retention"),
    ]);
    await deliver("analytics_apply_retention", new Date(Date.now() - 5 * day));
    const held = async (table: string): Promise<unknown> =>
      (
        await database.query(`select count(*)::int as n from analytics.${table} where workspace_id = $1`, [
          workspace.id,
        ])
      )[0];
    for (const table of ["events", ...Object.keys(ages), "event_keys", "user_activity"])
      expect({ table, rows: await held(table) }).toEqual({ table, rows: { n: 2 } });
    expect(await database.query("select 1 from analytics.events where id = $1", [old])).toEqual([]);
  });

  it("leaves to a delivery that comes twice nothing to stumble over", async () => {
    const { database } = test;
    const drop = "select analytics.drop_months(now()) as dropped";
    await database.query("select analytics.ensure_month($1::timestamptz)", [monthOf(19)]);
    let second: Promise<unknown> = Promise.resolve();
    await database.transaction(async (first) => {
      expect(await first.query(drop)).toEqual([{ dropped: [expect.stringMatching(/^events_y/u)] }]);
      second = database.query(drop);
      second.catch(() => undefined);
      await waitFor("the second delivery to wait", async () => {
        const waiting = await database.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query = $1",
          [drop],
        );
        return waiting.length === 1;
      });
    });
    expect(await second).toEqual([{ dropped: [] }]);
  });

  it("makes months ahead by the delivery's time, and again without harm", async () => {
    const at = new Date("2033-11-30T23:00:00Z");
    const months = ["events_y2033m11", "events_y2033m12", "events_y2034m01", "events_y2034m02"];
    expect(await deliver("analytics_make_months", at)).toEqual({ months });
    expect(await deliver("analytics_make_months", at)).toEqual({ months });
  });
});
