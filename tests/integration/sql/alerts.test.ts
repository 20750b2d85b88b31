import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { addChannels, askOne, createWorkspace, failureOf } from "./gate-support.ts";

let test: TestDatabase;
let actions: RunningActions;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 20 });
  actions = await startActions(test.database);
});
afterAll(async () => {
  await actions.stop();
  await test.drop();
});
beforeEach(async () => {
  workspaceId = await createWorkspace(test.database);
});

const consume = (amount: number) =>
  askOne(test.database, { op: "consume", workspaceId, metric: "ai_queries", amount });

const removeChannels = (count: number) =>
  test.database.query(
    `delete from public.channels
     where id in (select id from public.channels where workspace_id = $1 limit $2)`,
    [workspaceId, count],
  );

/** Each turn as "crossed 75% at 4 of 5", in the order in which they happened for a threshold. */
const turns = async (metric: string): Promise<readonly string[]> => {
  const rows = await test.database.query<{ turn: string }>(
    `select format(
       '%s %s at %s of %s%s',
       kind,
       coalesce(threshold_percent || '%', threshold_value::text),
       used,
       coalesce(limit_value::text, 'unlimited'),
       case when rearmed then ', rearmed' end
     ) as turn
     from usage.alerts
     where workspace_id = $1
       and metric = $2
     order by threshold_percent, threshold_value, period_start, sequence`,
    [workspaceId, metric],
  );
  return rows.map(({ turn }) => turn);
};

const addRule = (metric: string, rule: { percent?: number; value?: number; enabled?: boolean }) =>
  test.database.query(
    `insert into usage.alert_rules (workspace_id, metric, threshold_percent, threshold_value, enabled)
     values ($1, $2, $3, $4, $5)`,
    [workspaceId, metric, rule.percent ?? null, rule.value ?? null, rule.enabled ?? true],
  );

const tick = async (): Promise<unknown> => {
  const response = await actions.post("/cron/usage_note_alerts", {
    name: "usage_note_alerts",
    scheduled_time: new Date().toISOString(),
  });
  expect(response.status).toBe(200);
  return response.json();
};

/** What the clock would have done to a limit that ends: the row is as it would be a moment later. */
const endOverride = async (): Promise<void> => {
  await test.database.transaction(async (tx) => {
    // as time does it: no trigger hears of it
    await tx.script("set local session_replication_role = replica");
    await tx.query(
      `update billing.limit_overrides
       set ends_at = now() - interval '1 second'
       where workspace_id = $1`,
      [workspaceId],
    );
    await tx.query("update usage.alert_levels set valid_until = now() where workspace_id = $1", [
      workspaceId,
    ]);
  });
};

describe("a gauge that falls back", () => {
  it("writes one recovery for each threshold in the transaction that gave back", async () => {
    await addChannels(test.database, workspaceId, 5);
    await removeChannels(1);
    expect(await turns("channels")).toEqual([
      "crossed 75% at 5 of 5",
      "crossed 90% at 5 of 5",
      "recovered 90% at 4 of 5",
      "crossed 100% at 5 of 5",
      "recovered 100% at 4 of 5",
    ]);
    await removeChannels(4);
    expect((await turns("channels")).filter((turn) => turn.startsWith("recovered"))).toEqual([
      "recovered 75% at 0 of 5",
      "recovered 90% at 4 of 5",
      "recovered 100% at 4 of 5",
    ]);
  });

  it("stays silent when it goes up and down at the limit, until the limit rises", async () => {
    for (let round = 0; round < 4; round += 1) {
      await addChannels(test.database, workspaceId, 4);
      await removeChannels(4);
    }
    expect(await turns("channels")).toEqual(["crossed 75% at 4 of 5", "recovered 75% at 0 of 5"]);
    await setLimit(test.database, workspaceId, "channels", 8);
    await addChannels(test.database, workspaceId, 6);
    expect(await turns("channels")).toEqual([
      "crossed 75% at 4 of 5",
      "recovered 75% at 0 of 5",
      "crossed 75% at 6 of 8",
    ]);
  });

  it("takes the recovery back with a rollback", async () => {
    await addChannels(test.database, workspaceId, 5);
    const before = await turns("channels");
    await expect(
      test.database.transaction(async (tx) => {
        await tx.query("delete from public.channels where workspace_id = $1", [workspaceId]);
        throw new Error("undone");
      }),
    ).rejects.toThrow("undone");
    expect(await turns("channels")).toEqual(before);
  });

  it("leaves nothing behind when the whole workspace is deleted", async () => {
    await addChannels(test.database, workspaceId, 5);
    await test.database.query("delete from public.workspaces where id = $1", [workspaceId]);
    expect(await turns("channels")).toEqual([]);
    for (const table of ["alert_levels", "alert_rules"])
      expect(
        await test.database.query(`select from usage.${table} where workspace_id = $1`, [workspaceId]),
      ).toEqual([]);
  });
});

describe("a limit that changes", () => {
  it("recovers and arms what it rises above, and crosses at once what it falls below", async () => {
    await consume(95);
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')",
      [workspaceId],
    );
    expect(await turns("ai_queries")).toEqual([
      "crossed 75% at 95 of 100",
      "recovered 75% at 95 of 1000, rearmed",
      "crossed 90% at 95 of 100",
      "recovered 90% at 95 of 1000, rearmed",
    ]);
    await test.database.query(
      "update billing.subscriptions set status = 'cancelled', ends_at = now() where workspace_id = $1",
      [workspaceId],
    );
    expect((await turns("ai_queries")).filter((turn) => turn.startsWith("crossed"))).toEqual([
      "crossed 75% at 95 of 100",
      "crossed 75% at 95 of 100",
      "crossed 90% at 95 of 100",
      "crossed 90% at 95 of 100",
    ]);
  });

  it("to unlimited recovers every percentage", async () => {
    await addChannels(test.database, workspaceId, 4);
    await setLimit(test.database, workspaceId, "channels", null);
    expect(await turns("channels")).toEqual([
      "crossed 75% at 4 of 5",
      "recovered 75% at 4 of unlimited, rearmed",
    ]);
  });

  it("by the clock alone is noticed by the job, once, whether or not anybody uses anything", async () => {
    await setLimit(test.database, workspaceId, "ai_queries", 1000);
    await consume(95);
    expect(await turns("ai_queries")).toEqual([]);
    await endOverride();
    await Promise.all([tick(), tick(), tick()]);
    expect(await turns("ai_queries")).toEqual(["crossed 75% at 95 of 100", "crossed 90% at 95 of 100"]);
    await tick();
    expect(await turns("ai_queries")).toHaveLength(2);
  });

  it("of the plan itself is noticed by the job where nobody uses anything", async () => {
    const plan = `p-${workspaceId}`;
    await test.database.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute) values ($1, $1, (select max(rank) + 1 from billing.plans), 1)",
      [plan],
    );
    await test.database.query(
      "insert into billing.plan_limits (plan_id, metric, limit_value) values ($1, 'ai_queries', 1000)",
      [plan],
    );
    workspaceId = await createWorkspace(test.database, plan);
    await consume(95);
    await test.database.query(
      "update billing.plan_limits set limit_value = 100 where plan_id = $1 and metric = 'ai_queries'",
      [plan],
    );
    await tick();
    expect(await turns("ai_queries")).toEqual(["crossed 75% at 95 of 100", "crossed 90% at 95 of 100"]);
  });
});

describe("a new period", () => {
  it("arms a gauge that is still at its limit, by the job", async () => {
    await addChannels(test.database, workspaceId, 4);
    // as if that had been the month before
    await test.database.query(
      "update usage.alerts set period_start = period_start - interval '1 month' where workspace_id = $1",
      [workspaceId],
    );
    await test.database.query(
      "update usage.alert_levels set valid_until = now(), period_start = period_start - interval '1 month' where workspace_id = $1",
      [workspaceId],
    );
    await tick();
    expect(await turns("channels")).toEqual(["crossed 75% at 4 of 5", "crossed 75% at 4 of 5"]);
  });

  it("leaves a counter alone until it is used", async () => {
    await consume(80);
    await test.database.query(
      "update usage.alert_levels set valid_until = now(), period_start = period_start - interval '1 month' where workspace_id = $1",
      [workspaceId],
    );
    await tick();
    expect(await turns("ai_queries")).toEqual(["crossed 75% at 80 of 100"]);
    expect(
      await test.database.query("select from usage.alert_levels where workspace_id = $1", [workspaceId]),
    ).toEqual([]);
  });
});

describe("rules of a workspace", () => {
  it("add a percentage and an amount to the usual thresholds, for their metric alone", async () => {
    await addRule("ai_queries", { percent: 50 });
    await addRule("ai_queries", { value: 60 });
    await consume(76);
    expect(await turns("ai_queries")).toEqual([
      "crossed 50% at 76 of 100",
      "crossed 75% at 76 of 100",
      "crossed 60 at 76 of 100",
    ]);
    await addChannels(test.database, workspaceId, 3);
    expect(await turns("channels")).toEqual([]);
  });

  it("raise at once what is reached already, and move the next mark", async () => {
    await consume(30);
    await addRule("ai_queries", { percent: 30 });
    await addRule("ai_queries", { value: 31 });
    expect(await turns("ai_queries")).toEqual(["crossed 30% at 30 of 100"]);
    await consume(1);
    expect(await turns("ai_queries")).toEqual(["crossed 30% at 30 of 100", "crossed 31 at 31 of 100"]);
  });

  it("turn a usual threshold off, and on again", async () => {
    await addRule("ai_queries", { percent: 75, enabled: false });
    await consume(95);
    expect(await turns("ai_queries")).toEqual(["crossed 90% at 95 of 100"]);
    await test.database.query("update usage.alert_rules set enabled = true where workspace_id = $1", [
      workspaceId,
    ]);
    expect(await turns("ai_queries")).toEqual(["crossed 75% at 95 of 100", "crossed 90% at 95 of 100"]);
  });

  it("with an amount hold where nothing limits", async () => {
    await setLimit(test.database, workspaceId, "ai_queries", null);
    await addRule("ai_queries", { value: 500 });
    await consume(499);
    expect(await turns("ai_queries")).toEqual([]);
    await consume(1);
    expect(await turns("ai_queries")).toEqual(["crossed 500 at 500 of unlimited"]);
  });

  it("are bounded, have one threshold each, and are not there twice", async () => {
    for (let percent = 1; percent <= 20; percent += 1) await addRule("ai_queries", { percent });
    expect((await failureOf(addRule("ai_queries", { percent: 21 }))).code).toBe("23514");
    expect((await failureOf(addRule("channels", { percent: 10, value: 10 }))).code).toBe("23514");
    expect((await failureOf(addRule("channels", {}))).code).toBe("23514");
    expect((await failureOf(addRule("channels", { percent: 0 }))).code).toBe("23514");
    await addRule("channels", { percent: 10 });
    expect((await failureOf(addRule("channels", { percent: 10 }))).code).toBe("23505");
  });
});

describe("many writers at once", () => {
  it("write every crossing exactly once", async () => {
    await addRule("ai_queries", { value: 10 });
    await Promise.all(Array.from({ length: 100 }, () => consume(1)));
    expect((await turns("ai_queries")).map((turn) => turn.replace(/ at .*/u, ""))).toEqual([
      "crossed 75%",
      "crossed 90%",
      "crossed 100%",
      "crossed 10",
    ]);
  });

  it("that add and remove, beside changes of the limit and the job, never write a turn twice or out of order", async () => {
    await setLimit(test.database, workspaceId, "channels", 40);
    // At three quarters already: that there is a turn to write does not depend on who comes first.
    await addChannels(test.database, workspaceId, 30);
    const churn = async (): Promise<void> => {
      for (let round = 0; round < 10; round += 1) {
        await addChannels(test.database, workspaceId, 2).catch(() => undefined);
        await removeChannels(round % 3);
      }
    };
    const limits = async (): Promise<void> => {
      for (const limit of [20, 30, 10, 60, 15, 25])
        await test.database.query(
          "update billing.limit_overrides set limit_value = $2 where workspace_id = $1",
          [workspaceId, limit],
        );
    };
    await Promise.all([churn(), churn(), churn(), churn(), limits(), tick(), tick()]);
    const rows = await test.database.query<{ threshold: number; kind: string; sequence: number }>(
      `select threshold_percent as threshold, kind, sequence
       from usage.alerts
       where workspace_id = $1
         and metric = 'channels'
       order by threshold_percent, sequence`,
      [workspaceId],
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const threshold of new Set(rows.map((row) => row.threshold))) {
      const own = rows.filter((row) => row.threshold === threshold);
      expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, index) => index + 1));
      expect(own.map(({ kind }) => kind)).toEqual(
        own.map((_, index) => (index % 2 === 0 ? "crossed" : "recovered")),
      );
    }
    // The last turn of each threshold says what is.
    const [level] = await test.database.query<{ used: string; limit: string }>(
      `select used, limit_value as "limit"
       from usage.current
       where workspace_id = $1
         and metric = 'channels'`,
      [workspaceId],
    );
    for (const { threshold, kind } of rows.filter(
      (row, index) => rows[index + 1]?.threshold !== row.threshold,
    )) {
      const reached = Number(level?.used) * 100 >= Number(level?.limit) * threshold;
      if (!reached) expect({ threshold, kind }).toEqual({ threshold, kind: "recovered" });
    }
  });
});
