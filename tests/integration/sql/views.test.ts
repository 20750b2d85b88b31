import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { addChannels, askOne, createWorkspace } from "./gate-support.ts";

let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const consume = (amount: number, metric = "ai_queries") =>
  askOne(test.database, { op: "consume", workspaceId, metric, amount });

const current = async (metric: string) => {
  const rows = await test.database.query(
    "select * from usage.current where workspace_id = $1 and metric = $2",
    [workspaceId, metric],
  );
  return rows[0];
};

const alerts = async (metric: string) => {
  const rows = await test.database.query<{ threshold_percent: number; used: string; limit_value: string }>(
    `select threshold_percent, used, limit_value
     from usage.alerts
     where workspace_id = $1
       and metric = $2
       and kind = 'crossed'
     order by threshold_percent, sequence`,
    [workspaceId, metric],
  );
  return rows.map((row) => [row.threshold_percent, Number(row.used), Number(row.limit_value)]);
};

describe("usage.current", () => {
  it("has one row for every metric before any use", async () => {
    const rows = await test.database.query(
      "select metric, used, reserved, status from usage.current where workspace_id = $1 order by metric",
      [workspaceId],
    );
    const metrics = await test.database.query<{ key: string }>("select key from usage.metrics order by key");
    expect(rows).toEqual(metrics.map(({ key }) => ({ metric: key, used: "0", reserved: "0", status: "ok" })));
  });

  it("shows the limits that billing.limit_of returns: of plans, of overrides that apply, and none", async () => {
    await setLimit(test.database, workspaceId, "messages", 7);
    await setLimit(test.database, workspaceId, "channels", null);
    await test.database.query(
      `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, ends_at, reason)
       values
         ($1, 'ai_queries', 1, now() - interval '2 days', now() - interval '1 day', 'over'),
         ($1, 'ai_queries', 2, now() + interval '1 day', null, 'to come'),
         ($1, 'bots', 3, now() - interval '2 days', null, 'older'),
         ($1, 'bots', 4, now() - interval '1 day', null, 'newer')`,
      [workspaceId],
    );
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id) select id, 'pro' from workspaces where name = 'Globex'",
    );
    const different = await test.database.query(
      `select workspace_id, metric
       from usage.current
       cross join lateral billing.limit_of(workspace_id, metric) as bound
       where (current.limit_value, current.included) is distinct from (bound.limit_value, bound.included)`,
    );
    expect(different).toEqual([]);
    expect(await current("bots")).toMatchObject({ limit_value: "4", included: true });
    expect(await current("channels")).toMatchObject({ limit_value: null, included: true });
  });

  it.each([
    [74, "ok", "74.00"],
    [75, "info", "75.00"],
    [89, "info", "89.00"],
    [90, "warning", "90.00"],
    [99, "warning", "99.00"],
    [100, "critical", "100.00"],
  ])("at %d percent the status is %s", async (amount, status, percent) => {
    await consume(amount);
    expect(await current("ai_queries")).toMatchObject({
      kind: "counter",
      unit: "count",
      used: String(amount),
      limit_value: "100",
      remaining: String(100 - amount),
      percent,
      status,
      plan_id: "free",
      included: true,
    });
  });

  it("decides the status by the exact share, not by the rounded one", async () => {
    await setLimit(test.database, workspaceId, "ai_queries", 1_000_000);
    await consume(999_999);
    expect(await current("ai_queries")).toMatchObject({ status: "warning" });
  });

  it("shows an amount as reserved until its reservation expires", async () => {
    await askOne(test.database, { op: "reserve", workspaceId, metric: "ai_queries", amount: 30 });
    expect(await current("ai_queries")).toMatchObject({ used: "0", reserved: "30", remaining: "70" });
    await test.database.query("update usage.reservations set expires_at = now() where workspace_id = $1", [
      workspaceId,
    ]);
    expect(await current("ai_queries")).toMatchObject({ reserved: "0", remaining: "100" });
  });

  it("has no percent, remaining or forecast without a limit", async () => {
    await setLimit(test.database, workspaceId, "ai_queries", null);
    await consume(1_000_000);
    expect(await current("ai_queries")).toMatchObject({
      limit_value: null,
      remaining: null,
      percent: null,
      status: "ok",
      forecast_at: null,
    });
  });

  it("shows more than 100 percent after a downgrade below the use", async () => {
    await consume(100);
    await setLimit(test.database, workspaceId, "ai_queries", 40);
    expect(await current("ai_queries")).toMatchObject({
      remaining: "0",
      percent: "250.00",
      status: "critical",
    });
    expect(await alerts("ai_queries")).toEqual([
      [75, 100, 100],
      [90, 100, 100],
      [100, 100, 100],
    ]);
  });

  it("distinguishes a metric outside the plan from one with a limit", async () => {
    expect(await current("ai_seconds")).toMatchObject({
      limit_value: "0",
      included: false,
      remaining: "0",
      status: "ok",
    });
  });

  it("has resets_at for counters and none for gauges", async () => {
    const [period] = await test.database.query("select * from usage.period($1)", [workspaceId]);
    expect(await current("ai_queries")).toMatchObject({
      period_start: period?.["period_start"],
      resets_at: period?.["period_end"],
    });
    expect(await current("channels")).toMatchObject({
      period_start: period?.["period_start"],
      resets_at: null,
    });
  });

  it("forecasts from the rate up to the last use", async () => {
    await consume(50);
    await test.database.query(
      `update usage.counters
       set updated_at = period_start + interval '1 day'
       where workspace_id = $1
         and metric = 'ai_queries'`,
      [workspaceId],
    );
    const rows = await test.database.query(
      `select forecast_at = period_start + interval '2 days' as as_expected
       from usage.current
       where workspace_id = $1
         and metric = 'ai_queries'`,
      [workspaceId],
    );
    expect(rows).toEqual([{ as_expected: true }]);
  });
});

describe("usage.alerts", () => {
  it("are written once for each reached threshold", async () => {
    await consume(74);
    expect(await alerts("ai_queries")).toEqual([]);
    await consume(1);
    expect(await alerts("ai_queries")).toEqual([[75, 75, 100]]);
    await consume(14);
    await consume(1);
    await consume(5);
    await consume(5);
    expect(await alerts("ai_queries")).toEqual([
      [75, 75, 100],
      [90, 90, 100],
      [100, 100, 100],
    ]);
  });

  it("are all written by one use that reaches all thresholds", async () => {
    await addChannels(test.database, workspaceId, 5);
    expect(await alerts("channels")).toEqual([
      [75, 5, 5],
      [90, 5, 5],
      [100, 5, 5],
    ]);
  });

  it("are not repeated when a gauge goes down and up again", async () => {
    await addChannels(test.database, workspaceId, 4);
    await test.database.query("delete from public.channels where workspace_id = $1", [workspaceId]);
    await addChannels(test.database, workspaceId, 4);
    expect(await alerts("channels")).toEqual([[75, 4, 5]]);
  });

  it("are not written by a refused statement", async () => {
    await addChannels(test.database, workspaceId, 1);
    await expect(addChannels(test.database, workspaceId, 5)).rejects.toThrow("limit of 5 channels reached");
    expect(await alerts("channels")).toEqual([]);
  });

  it("follow an override and a change of plan at once", async () => {
    await addChannels(test.database, workspaceId, 1);
    await setLimit(test.database, workspaceId, "channels", 4);
    await addChannels(test.database, workspaceId, 2);
    expect(await alerts("channels")).toEqual([[75, 3, 4]]);
    await consume(80);
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')",
      [workspaceId],
    );
    await consume(820);
    expect(await alerts("ai_queries")).toEqual([
      [75, 80, 100],
      [75, 900, 1000],
      [90, 900, 1000],
    ]);
  });

  it("follow a changed limit of the plan itself", async () => {
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ('trial', 'Trial', 77, 1)",
    );
    await test.database.query(
      "insert into billing.plan_limits (plan_id, metric, limit_value) values ('trial', 'ai_queries', 1000)",
    );
    workspaceId = await createWorkspace(test.database, "trial");
    await consume(1);
    await test.database.query(
      "update billing.plan_limits set limit_value = 2 where plan_id = 'trial' and metric = 'ai_queries'",
    );
    await consume(1);
    expect((await alerts("ai_queries")).map(([threshold]) => threshold)).toEqual([75, 90, 100]);
  });
});

describe("usage.history and usage.subscription_usage", () => {
  it("show the periods that have ended", async () => {
    await consume(7);
    await addChannels(test.database, workspaceId, 2);
    const move = async (table: string, metric: string) =>
      test.database.query(
        `update usage.${table}
         set period_start = (
           select before.period_start
           from usage.period($1) as present
           cross join lateral usage.period($1, present.period_start - interval '1 second') as before
         )
         where workspace_id = $1
           and metric = $2`,
        [workspaceId, metric],
      );
    expect(
      await test.database.query("select from usage.history where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
    await move("counters", "ai_queries");
    await move("peaks", "channels");
    const rows = await test.database.query(
      `select metric, kind, used, peak, limit_value, period_end <= now() as ended
       from usage.history
       where workspace_id = $1
       order by metric`,
      [workspaceId],
    );
    expect(rows).toEqual([
      { metric: "ai_queries", kind: "counter", used: "7", peak: "7", limit_value: "100", ended: true },
      { metric: "channels", kind: "gauge", used: null, peak: "2", limit_value: "5", ended: true },
    ]);
    expect(await current("ai_queries")).toMatchObject({ used: "0" });
    const periods = await test.database.query(
      "select period, max_channels_reached from usage.subscription_usage where workspace_id = $1 order by period",
      [workspaceId],
    );
    expect(periods).toHaveLength(2);
    expect(periods[0]).toMatchObject({ max_channels_reached: "2" });
  });

  it("show the metrics of a workspace side by side", async () => {
    await addChannels(test.database, workspaceId, 3);
    await test.database.query(
      `delete from public.channels
       where id = (
         select id
         from public.channels
         where workspace_id = $1
         limit 1
       )`,
      [workspaceId],
    );
    await consume(2, "api_calls");
    await test.database.query(
      "insert into public.calls (workspace_id, started_at, ended_at) values ($1, now() - interval '61 seconds', now())",
      [workspaceId],
    );
    const rows = await test.database.query(
      `select *, period = to_char(now() at time zone 'UTC', 'YYYY-MM') as this_month
       from usage.subscription_usage
       where workspace_id = $1`,
      [workspaceId],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      subscription_id: null,
      this_month: true,
      current_channels: "2",
      max_channels_reached: "3",
      current_members: "0",
      api_calls: "2",
      call_minutes: "2",
      messages_sent: "0",
      metadata: {},
    });
  });
});

describe("usage.api_calls and usage.cron_runs", () => {
  it("keep one row per hour, user and operation, also for unknown ones", async () => {
    const count = () =>
      test.database.query(
        `insert into usage.api_calls as rollup (workspace_id, hour, count)
         values ($1, date_trunc('hour', now()), 2)
         on conflict on constraint api_calls_one_per_hour do update
         set count = rollup.count + excluded.count
         returning count`,
        [workspaceId],
      );
    expect(await count()).toEqual([{ count: "2" }]);
    expect(await count()).toEqual([{ count: "4" }]);
  });

  it("accept one delivery of a cron event", async () => {
    const claim = () =>
      test.database.query(
        `insert into usage.cron_runs (name, scheduled_time)
         values ('usage_reconcile', '2026-01-01T00:05:00Z')
         on conflict do nothing
         returning name`,
      );
    expect(await claim()).toHaveLength(1);
    expect(await claim()).toHaveLength(0);
  });
});
