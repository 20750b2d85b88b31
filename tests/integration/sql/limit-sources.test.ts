import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createPlanRepository, getLimit } from "../../../src/domain/plans/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { setLimit } from "../../support/workspaces.ts";
import { ask, askOne, createWorkspace, usedOf } from "./gate-support.ts";

let test: TestDatabase;
let workspace: string;

beforeAll(async () => {
  test = await createTestDatabase();
  // Plans of their own: these tests do not depend on the catalogue.
  await test.database.query(`
    insert into billing.plans (id, name, rank, price_cents, rate_limit_per_minute, is_public)
    values ('small', 'Small', 101, 100, 10, false), ('large', 'Large', 102, 200, 10, false)`);
  await test.database.query(`
    insert into billing.plan_limits (plan_id, metric, limit_value, enforcement, overage_cap, trial_limit_value)
    values
      ('small', 'channels', 3, 'hard', null, 1),
      ('large', 'channels', 6, 'hard', null, null),
      ('small', 'messages', 4, 'soft', 2, null),
      ('large', 'messages', 8, 'soft', null, 5),
      ('small', 'ai_queries', 4, 'soft', 2, null),
      ('small', 'bots', null, 'hard', null, 2),
      ('large', 'recording_bytes', 50, 'hard', null, null),
      ('large', 'ai_queries', 40, 'hard', null, null)`);
  await test.database.query(`
    insert into billing.add_ons (id, name, metric, amount)
    values ('two-channels', 'Two channels', 'channels', 2), ('ten-recorded', 'Ten bytes', 'recording_bytes', 10)`);
});
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database, "small");
});

const run = (text: string, ...values: readonly unknown[]) =>
  test.database.query<Record<string, unknown>>(text, [workspace, ...values]);

const limitOf = async (metric: string, at = "now"): Promise<unknown> => {
  const [row] = await run(
    "select limit_value::text as limit, included, enforcement, source, cap_value::text as cap from billing.limit_of($1, $2, $3)",
    metric,
    at,
  );
  return row;
};
const limited = (limit: string | null, source: string): unknown =>
  expect.objectContaining({ limit, source, cap: limit, included: true });

const addChannels = async (count: number): Promise<void> => {
  await run(
    "insert into public.channels (workspace_id, name) select $1, n::text from generate_series(1, $2) n",
    count,
  );
};
const send = async (count: number): Promise<void> => {
  const [channel] = await run(
    "insert into public.channels (workspace_id, name) select $1, 'talk' where not exists (select from public.channels where workspace_id = $1) returning id",
  );
  await run(
    `insert into public.messages (workspace_id, channel_id, body)
     select $1, coalesce($2, (select id from public.channels where workspace_id = $1 limit 1)), n::text
     from generate_series(1, $3) n`,
    channel?.["id"] ?? null,
    count,
  );
};
const level = async (metric: string): Promise<Record<string, unknown> | undefined> =>
  (
    await run(
      "select used::text, limit_value::text as limit, cap_value::text as cap, overage::text, remaining::text, status, source, enforcement from usage.current where workspace_id = $1 and metric = $2",
      metric,
    )
  )[0];

describe("a soft limit with an overage cap", () => {
  it("allows rows up to the cap, counts the overage, alerts, and refuses the next row", async () => {
    await send(5);
    expect(await level("messages")).toEqual({
      used: "5",
      limit: "4",
      cap: "6",
      overage: "1",
      remaining: "0",
      status: "critical",
      source: "plan",
      enforcement: "soft",
    });
    await send(1);
    await expect(send(1)).rejects.toMatchObject({ code: "23U01" });
    expect(await usedOf(test.database, workspace, "messages")).toBe(6);
    expect(
      await run(
        "select threshold_percent from usage.alerts where workspace_id = $1 and metric = 'messages' order by 1",
      ),
    ).toEqual([{ threshold_percent: 75 }, { threshold_percent: 90 }, { threshold_percent: 100 }]);
  });

  it("has its own limitedBy in the gate, and bounds a partial grant", async () => {
    const question = { workspaceId: workspace, metric: "ai_queries" };
    expect(await askOne(test.database, { op: "consume", ...question, amount: 5 })).toMatchObject({
      allowed: true,
      overage: 1,
      remaining: 0,
    });
    expect(await askOne(test.database, { op: "consume", ...question, amount: 2 })).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      limitedBy: "overage-cap",
      used: 5,
      limit: 4,
    });
    expect(
      await askOne(test.database, { op: "consume", ...question, amount: 2, partial: true }),
    ).toMatchObject({
      allowed: true,
      granted: 1,
      overage: 2,
    });
  });

  it("is read with the catalogue for display", async () => {
    const catalogue = await createPlanRepository({ database: test.database }).readCatalogue();
    expect(getLimit(catalogue, "small", "messages")).toEqual({
      kind: "limited",
      limit: 4n,
      enforcement: "soft",
      overageCap: 2n,
    });
    expect(getLimit(catalogue, "small", "channels")).toEqual({
      kind: "limited",
      limit: 3n,
      enforcement: "hard",
    });
  });

  it("comes from an override that sets it, else from the plan", async () => {
    await run(
      "insert into billing.limit_overrides (workspace_id, metric, limit_value) values ($1, 'messages', 10)",
    );
    expect(await limitOf("messages")).toMatchObject({ limit: "10", enforcement: "soft", cap: "12" });
    await run("update billing.limit_overrides set enforcement = 'hard' where workspace_id = $1");
    expect(await limitOf("messages")).toMatchObject({ limit: "10", enforcement: "hard", cap: "10" });
    await run(
      "update billing.limit_overrides set enforcement = 'soft', overage_cap = 0 where workspace_id = $1",
    );
    expect(await limitOf("messages")).toMatchObject({ limit: "10", enforcement: "soft", cap: "10" });
    await run("update billing.limit_overrides set overage_cap = null where workspace_id = $1");
    expect(await limitOf("messages")).toMatchObject({ limit: "10", enforcement: "soft", cap: null });
  });

  it("is rejected for a hard limit and for unlimited", async () => {
    const cap = (enforcement: string | null, limit: number | null) =>
      run(
        "insert into billing.limit_overrides (workspace_id, metric, limit_value, enforcement, overage_cap) values ($1, 'bots', $2, $3, 1)",
        limit,
        enforcement,
      );
    await expect(cap("hard", 5)).rejects.toThrow("limit_overrides_overage_cap_of_soft");
    await expect(cap(null, 5)).rejects.toThrow("limit_overrides_overage_cap_of_soft");
    await expect(cap("soft", null)).rejects.toThrow("limit_overrides_overage_cap_of_soft");
    await expect(
      run(
        "update billing.plan_limits set overage_cap = 1 where plan_id = 'small' and metric = 'channels' and $1::uuid is not null",
      ),
    ).rejects.toThrow("plan_limits_overage_cap_of_soft");
  });

  it("applies at once when it is lowered below the headroom of a counter", async () => {
    await run(
      "insert into billing.limit_overrides (workspace_id, metric, limit_value, enforcement, overage_cap) values ($1, 'messages', 1, 'soft', 1000)",
    );
    await send(3);
    await run("update billing.limit_overrides set overage_cap = 2 where workspace_id = $1");
    await expect(send(1)).rejects.toMatchObject({ code: "23U01" });
  });

  it("shows the overage in the history", async () => {
    await run(
      `insert into usage.counters (workspace_id, metric, period_start, used)
       select $1, 'messages', p.period_start, 9
       from usage.period($1, (select b.period_start - interval '1 day' from usage.period($1) b)) p`,
    );
    await run(
      "update billing.subscriptions set starts_at = now() - interval '1 year' where workspace_id = $1",
    );
    expect(
      await run(
        "select limit_value::text as limit, overage::text from usage.history where workspace_id = $1 and metric = 'messages'",
      ),
    ).toEqual([{ limit: "4", overage: "5" }]);
  });
});

describe("trial limits", () => {
  it("apply while trialing only; null keeps the limit of the plan, and an unlimited metric may have one", async () => {
    await run("update billing.subscriptions set status = 'trialing' where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("1", "trial"));
    expect(await limitOf("bots")).toEqual(limited("2", "trial"));
    expect(await limitOf("messages")).toMatchObject({ limit: "4", source: "plan", cap: "6" });
    await addChannels(1);
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
    await run("update billing.subscriptions set status = 'active' where workspace_id = $1");
    expect(await limitOf("bots")).toEqual(limited(null, "plan"));
    await addChannels(2);
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
  });
});

describe("add-ons", () => {
  const buy = (addOn: string, columns: Record<string, unknown> = {}) =>
    run(
      `insert into billing.subscription_add_ons (workspace_id, add_on_id, quantity, starts_at, ends_at, subscription_id)
       values ($1, $2, $3, $4, $5, $6)`,
      addOn,
      columns["quantity"] ?? 1,
      columns["starts_at"] ?? "-infinity",
      columns["ends_at"] ?? null,
      columns["subscription_id"] ?? null,
    );

  it("add their quantity to the limit of the plan at once, until they end", async () => {
    await addChannels(3);
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
    await buy("two-channels", { quantity: 2 });
    expect(await limitOf("channels")).toEqual(limited("7", "add-on"));
    await addChannels(4);
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
    await run("update billing.subscription_add_ons set ends_at = now() where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("3", "plan"));
  });

  it("recall the headroom of a counter at once when they end", async () => {
    await buy("two-channels", { quantity: 2 });
    await addChannels(4);
    await run("update billing.subscription_add_ons set ends_at = now() where workspace_id = $1");
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
  });

  it("bound valid_until of the limit by their start and end", async () => {
    await buy("two-channels", { starts_at: "2026-02-01Z", ends_at: "2026-03-01Z" });
    const until = async (at: string): Promise<unknown> =>
      (
        await run(
          "select valid_until from billing.limit_of($1, 'channels', $2) where valid_until < '2026-06-01'",
          at,
        )
      )[0]?.["valid_until"];
    expect(await until("2026-01-01Z")).toEqual(new Date("2026-02-01Z"));
    expect(await until("2026-02-01Z")).toEqual(new Date("2026-03-01Z"));
  });

  it("include a metric that the plan lacks, and add nothing to unlimited or to an override", async () => {
    await buy("ten-recorded");
    expect(await limitOf("recording_bytes")).toEqual(limited("10", "add-on"));
    await run("update billing.subscriptions set plan_id = 'large' where workspace_id = $1");
    expect(await limitOf("recording_bytes")).toEqual(limited("60", "add-on"));
    await setLimit(test.database, workspace, "recording_bytes", 4);
    expect(await limitOf("recording_bytes")).toEqual(limited("4", "override"));
    await setLimit(test.database, workspace, "recording_bytes", null);
    expect(await limitOf("recording_bytes")).toEqual(limited(null, "override"));
  });

  it("end with their subscription", async () => {
    const [subscription] = await run("select id from billing.subscriptions where workspace_id = $1");
    await buy("two-channels", { subscription_id: subscription?.["id"] });
    expect(await limitOf("channels")).toEqual(limited("5", "add-on"));
    await run("update billing.subscriptions set status = 'paused' where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("5", "plan"));
    const other = await createWorkspace(test.database, "small");
    await expect(
      test.database.query(
        "insert into billing.subscription_add_ons (workspace_id, add_on_id, subscription_id) values ($1, 'two-channels', $2)",
        [other, subscription?.["id"]],
      ),
    ).rejects.toThrow("subscription_add_ons_subscription_id_fkey");
  });

  it("keep their amount when the catalogue changes", async () => {
    await buy("two-channels");
    await run("update billing.add_ons set amount = 9 where id = 'two-channels' and $1::uuid is not null");
    await run("update billing.subscription_add_ons set quantity = 3 where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("9", "add-on"));
    await run("update billing.add_ons set amount = 2 where id = 'two-channels' and $1::uuid is not null");
  });

  it("add up without overflow", async () => {
    await run(
      "insert into billing.add_ons (id, name, metric, amount) values ('most-' || $1, 'Most', 'channels', 9e18)",
    );
    await buy(`most-${workspace}`, { quantity: 1_000_000 });
    expect(await limitOf("channels")).toEqual(limited("9000000000000000000", "add-on"));
    await addChannels(4);
  });
});

describe("grace", () => {
  it("keeps the plan of a past due subscription for the grace days of the plan, then returns free", async () => {
    await run("update billing.plans set past_due_grace_days = 3 where id = 'small' and $1::uuid is not null");
    await run("update billing.subscriptions set status = 'past_due' where workspace_id = $1");
    const [{ until } = { until: null }] = await run(
      "select past_due_until - updated_at = interval '3 days' as until from billing.subscriptions where workspace_id = $1",
    );
    expect(until).toBe(true);
    expect(await limitOf("channels")).toEqual(limited("3", "grace"));
    expect(await run("select billing.plan_of($1) as plan")).toEqual([{ plan: "small" }]);
    await run("update billing.subscriptions set past_due_until = now() where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("5", "plan"));
    expect(await run("select billing.plan_of($1) as plan")).toEqual([{ plan: "free" }]);
    await run("update billing.subscriptions set status = 'active' where workspace_id = $1");
    expect(await run("select past_due_until from billing.subscriptions where workspace_id = $1")).toEqual([
      { past_due_until: null },
    ]);
    expect(await limitOf("channels")).toEqual(limited("3", "plan"));
  });

  it("ends by the clock, and a metric that free lacks is plan-required afterwards", async () => {
    await run(
      "update billing.subscriptions set plan_id = 'large', status = 'past_due' where workspace_id = $1",
    );
    const [row] = await run(
      "select s.past_due_until = l.valid_until as same from billing.subscriptions s cross join billing.limit_of($1, 'channels') l where s.workspace_id = $1",
    );
    expect(row).toEqual({ same: true });
    expect(await limitOf("recording_bytes")).toEqual(limited("50", "grace"));
    await run("update billing.subscriptions set past_due_until = now() where workspace_id = $1");
    const check = { op: "check", workspaceId: workspace, metric: "recording_bytes", amount: 1 };
    expect(await askOne(test.database, check)).toMatchObject({ allowed: false, reason: "plan-required" });
  });

  it("after a downgrade applies the higher of both limits until its end", async () => {
    await run("update billing.subscriptions set plan_id = 'large' where workspace_id = $1");
    await addChannels(5);
    await run(
      "insert into billing.plan_graces (workspace_id, plan_id, ends_at) values ($1, 'large', now() + interval '7 days')",
    );
    await run("update billing.subscriptions set plan_id = 'small' where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("6", "grace"));
    expect(await limitOf("recording_bytes")).toEqual(limited("50", "grace"));
    expect(await limitOf("bots")).toEqual(limited(null, "plan"));
    expect(await limitOf("messages")).toMatchObject({ limit: "8", cap: null, source: "grace" });
    expect(await run("select billing.plan_of($1) as plan")).toEqual([{ plan: "small" }]);
    await addChannels(1);
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
    await run("update billing.plan_graces set ends_at = now() where workspace_id = $1");
    expect(await limitOf("channels")).toEqual(limited("3", "plan"));
    expect(await level("channels")).toMatchObject({ used: "6", overage: "3" });
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
  });

  it("recalls the headroom of a counter at once when it ends", async () => {
    await run(
      "insert into billing.plan_graces (workspace_id, plan_id, ends_at) values ($1, 'large', now() + interval '7 days')",
    );
    await addChannels(3);
    await run("update billing.plan_graces set ends_at = now() where workspace_id = $1");
    await expect(addChannels(1)).rejects.toMatchObject({ code: "23U01" });
  });

  it("is the source of the limit in a decision", async () => {
    await run(
      "insert into billing.plan_graces (workspace_id, plan_id, ends_at) values ($1, 'large', now() + interval '7 days')",
    );
    const [decision] = await ask(test.database, [
      { op: "check", workspaceId: workspace, metric: "ai_queries", amount: 41 },
    ]);
    expect(decision).toMatchObject({ allowed: false, source: "grace", limit: 40 });
  });
});

describe("usage.current", () => {
  it("shows the limit that billing.limit_of returns, for every mix of sources", async () => {
    const yes = [true, false];
    for (const status of ["active", "trialing", "past_due", "paused"])
      for (const addOn of yes)
        for (const grace of yes)
          for (const override of yes) {
            workspace = await createWorkspace(test.database, "small");
            await run("update billing.subscriptions set status = $2 where workspace_id = $1", status);
            if (addOn)
              await run(
                "insert into billing.subscription_add_ons (workspace_id, add_on_id) values ($1, 'two-channels'), ($1, 'ten-recorded')",
              );
            if (grace)
              await run(
                "insert into billing.plan_graces (workspace_id, plan_id, ends_at) values ($1, 'large', now() + interval '1 day')",
              );
            if (override)
              await run(
                "insert into billing.limit_overrides (workspace_id, metric, limit_value, enforcement, overage_cap) values ($1, 'messages', 1, 'soft', 3), ($1, 'bots', 4, null, null)",
              );
            const differing = await run(
              `select c.metric, c.limit_value, l.*
               from usage.current c
               cross join lateral billing.limit_of(c.workspace_id, c.metric) l
               where c.workspace_id = $1
                 and (c.limit_value, c.included, c.enforcement, c.cap_value, c.source)
                   is distinct from (l.limit_value, l.included, l.enforcement, l.cap_value, l.source)`,
            );
            expect({ status, addOn, grace, override, differing }).toEqual({
              status,
              addOn,
              grace,
              override,
              differing: [],
            });
          }
  });
});
