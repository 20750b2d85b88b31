import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { suggestUpgrade } from "../../../src/domain/limits/index.ts";
import { createPlanRepository, getLimit, isFeatureAllowed } from "../../../src/domain/plans/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

describe("billing", () => {
  let test: TestDatabase;
  let workspace: string;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(async () => {
    await test.drop();
  });
  beforeEach(async () => {
    workspace = randomUUID();
    await test.database.query("insert into public.workspaces (id, name) values ($1, 'Test')", [workspace]);
  });

  const run = (text: string, ...values: readonly unknown[]) =>
    test.database.query(text, [workspace, ...values]);
  const planOf = async (at = "now"): Promise<unknown> =>
    (await run("select billing.plan_of($1, $2) as plan", at))[0]?.["plan"];
  const limitOf = async (metric: string, at = "now"): Promise<unknown> =>
    (await run("select * from billing.limit_of($1, $2, $3)", metric, at))[0];

  describe("plan_of", () => {
    it("returns free without a subscription", async () => {
      expect(await planOf()).toBe("free");
    });

    it.each(["trialing", "active", "past_due"])("returns the plan of a %s subscription", async (status) => {
      await run(
        "insert into billing.subscriptions (workspace_id, plan_id, status) values ($1, 'pro', $2)",
        status,
      );
      expect(await planOf()).toBe("pro");
    });

    it.each(["paused", "cancelled"])("returns free for a %s subscription", async (status) => {
      await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'pro')");
      await run("update billing.subscriptions set status = $2 where workspace_id = $1", status);
      expect(await planOf()).toBe("free");
    });

    it("returns free before the start and from the end on", async () => {
      await run(
        "insert into billing.subscriptions (workspace_id, plan_id, starts_at, ends_at) values ($1, 'pro', '2026-02-01Z', '2026-03-01Z')",
      );
      expect(await planOf("2026-01-31T23:59:59Z")).toBe("free");
      expect(await planOf("2026-02-01T00:00:00Z")).toBe("pro");
      expect(await planOf("2026-03-01T00:00:00Z")).toBe("free");
    });

    it("allows one live subscription, not counting one that has ended", async () => {
      await run(
        "insert into billing.subscriptions (workspace_id, plan_id, starts_at, ends_at) values ($1, 'pro', '2026-02-01Z', '2026-03-01Z')",
      );
      await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'business')");
      expect(await planOf()).toBe("business");
      await expect(
        run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')"),
      ).rejects.toThrow("subscriptions_one_live_per_workspace");
    });

    it("records every state in the history, which is deleted with its workspace", async () => {
      await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')");
      await run("update billing.subscriptions set plan_id = 'pro' where workspace_id = $1");
      await run("update billing.subscriptions set status = 'cancelled' where workspace_id = $1");
      const history = await run(
        "select operation, plan_id, status from billing.subscription_history where workspace_id = $1 order by id",
      );
      expect(history).toEqual([
        { operation: "insert", plan_id: "starter", status: "active" },
        { operation: "update", plan_id: "pro", status: "active" },
        { operation: "update", plan_id: "pro", status: "cancelled" },
      ]);
      await run("delete from public.workspaces where id = $1");
      expect(await run("select from billing.subscription_history where workspace_id = $1")).toEqual([]);
    });
  });

  describe("limit_of", () => {
    it("returns until when the limit is valid, and no ceiling for a soft limit", async () => {
      await run(
        `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, ends_at)
         values ($1, 'channels', 8, '2026-02-01Z', '2026-03-01Z'), ($1, 'bots', 1, '2026-01-05Z', null)`,
      );
      await run(
        "insert into billing.subscriptions (workspace_id, plan_id, starts_at, ends_at) values ($1, 'pro', '2026-02-10Z', '2026-04-01Z')",
      );
      const until = async (at: string): Promise<unknown> =>
        (await run("select valid_until from billing.limit_of($1, 'channels', $2)", at))[0]?.["valid_until"];
      expect(await until("2026-01-01T00:00:00Z")).toEqual(new Date("2026-02-01T00:00:00Z"));
      expect(await until("2026-02-01T00:00:00Z")).toEqual(new Date("2026-02-10T00:00:00Z"));
      expect(await until("2026-02-10T00:00:00Z")).toEqual(new Date("2026-03-01T00:00:00Z"));
      expect(await until("2026-03-01T00:00:00Z")).toEqual(new Date("2026-04-01T00:00:00Z"));
      expect(await until("2026-04-01T00:00:00Z")).toBe(Infinity);
      const enforce = (how: string): Promise<unknown> =>
        test.database.query(
          "update billing.plan_limits set enforcement = $1 where plan_id = 'free' and metric = 'channels'",
          [how],
        );
      await enforce("soft");
      expect(await limitOf("channels", "2026-01-01Z")).toMatchObject({ limit_value: "5", cap_value: null });
      await enforce("hard");
    });

    it("returns the limit of the plan: null for unlimited, 0 for a missing row", async () => {
      expect(await limitOf("channels")).toEqual({
        limit_value: "5",
        included: true,
        enforcement: "hard",
        source: "plan",
        cap_value: "5",
        valid_until: Infinity,
      });
      expect(await limitOf("ai_seconds")).toEqual({
        limit_value: "0",
        included: false,
        enforcement: "hard",
        source: "none",
        cap_value: "0",
        valid_until: Infinity,
      });
      expect(await limitOf("nonsense")).toEqual({
        limit_value: "0",
        included: false,
        enforcement: "hard",
        source: "none",
        cap_value: "0",
        valid_until: Infinity,
      });
      await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'enterprise')");
      expect(await limitOf("channels")).toEqual({
        limit_value: null,
        included: true,
        enforcement: "hard",
        source: "plan",
        cap_value: null,
        valid_until: Infinity,
      });
    });

    it("follows a change of plan at once", async () => {
      await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'pro')");
      expect(await limitOf("channels")).toMatchObject({ limit_value: "100" });
      await run("update billing.subscriptions set plan_id = 'starter' where workspace_id = $1");
      expect(await limitOf("channels")).toMatchObject({ limit_value: "25" });
    });

    it("returns an override while it applies, the latest of several", async () => {
      await run(
        `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, ends_at, reason)
         values ($1, 'channels', 8, '2026-01-01Z', null, 'goodwill'), ($1, 'channels', null, '2026-02-01Z', '2026-03-01Z', 'event')`,
      );
      expect(await limitOf("channels", "2025-12-31T23:59:59Z")).toMatchObject({
        limit_value: "5",
        source: "plan",
      });
      expect(await limitOf("channels", "2026-01-01T00:00:00Z")).toMatchObject({
        limit_value: "8",
        source: "override",
      });
      expect(await limitOf("channels", "2026-02-01T00:00:00Z")).toMatchObject({
        limit_value: null,
        included: true,
        source: "override",
      });
      expect(await limitOf("channels", "2026-03-01T00:00:00Z")).toMatchObject({ limit_value: "8" });
    });

    it("includes a metric by an override that the plan lacks", async () => {
      await run(
        "insert into billing.limit_overrides (workspace_id, metric, limit_value) values ($1, 'ai_seconds', 60)",
      );
      expect(await limitOf("ai_seconds")).toEqual({
        limit_value: "60",
        included: true,
        enforcement: "hard",
        source: "override",
        cap_value: "60",
        valid_until: Infinity,
      });
    });

    it("includes nothing for an unknown workspace", async () => {
      const [row] = await test.database.query("select * from billing.limit_of($1, 'channels')", [
        randomUUID(),
      ]);
      expect(row).toEqual({
        limit_value: "0",
        included: false,
        enforcement: "hard",
        source: "unknown-workspace",
        cap_value: "0",
        valid_until: Infinity,
      });
    });
  });

  describe("catalogue", () => {
    it("has five plans by rank with rate limits, and a limit of each metric or none by intent", async () => {
      const catalogue = await createPlanRepository({ database: test.database }).readCatalogue();
      expect(catalogue.plans.map(({ id, rateLimitPerMinute }) => [id, rateLimitPerMinute])).toEqual([
        ["free", 100],
        ["starter", 500],
        ["pro", 2_000],
        ["business", 10_000],
        ["enterprise", 50_000],
      ]);
      expect(catalogue.metrics.size).toBe(15);
      const missing = catalogue.plans.flatMap(({ id }) =>
        [...catalogue.metrics]
          .filter((metric) => getLimit(catalogue, id, metric).kind === "not-included")
          .map((metric) => `${id} ${metric}`),
      );
      expect(missing).toEqual(["free ai_seconds", "free recording_bytes"]);
      expect(getLimit(catalogue, "business", "storage_bytes")).toMatchObject({
        limit: 1_000n * 1_073_741_824n,
      });
    });

    it("never lowers a limit with a higher rank", async () => {
      const { plans, metrics } = await createPlanRepository({ database: test.database }).readCatalogue();
      for (const [index, plan] of plans.entries()) {
        const next = plans[index + 1];
        if (next === undefined) continue;
        expect([...plan.features].filter((feature) => !next.features.has(feature))).toEqual([]);
        for (const metric of metrics) {
          const [less, more] = [plan.limits.get(metric), next.limits.get(metric)];
          if (less === undefined || more?.limit === null) continue;
          expect(less.limit !== null && more !== undefined && less.limit <= more.limit).toBe(true);
        }
      }
    });

    it("answers for features and upgrades from the stored plans", async () => {
      const repository = createPlanRepository({ database: test.database });
      const catalogue = await repository.readCatalogue();
      const planId = await repository.planOf(workspace);
      expect(isFeatureAllowed(catalogue, planId, "sso_integration")).toBe(false);
      expect(suggestUpgrade({ catalogue, planId, usage: new Map([["channels", 26n]]) })?.id).toBe("pro");
    });
  });
});
