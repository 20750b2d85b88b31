import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace } from "../../support/workspaces.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(() => test.drop());

const run = (text: string, values: readonly unknown[] = []) => test.database.query(text, values);

const rateOf = async (workspace: string, at?: string) => {
  const [row] = await test.database.query<{
    limit_per_minute: string | null;
    plan_id: string;
    source: string;
    valid_until: string;
  }>(
    "select limit_per_minute, plan_id, source, valid_until::text from billing.rate_limit_of($1, coalesce($2, now()))",
    [workspace, at ?? null],
  );
  return row;
};

const subscribe = (workspace: string, plan: string, endsAt: string | null = null) =>
  run(
    "insert into billing.subscriptions (workspace_id, plan_id, ends_at, starts_at) values ($1, $2, $3, now() - interval '1 day')",
    [workspace, plan, endsAt],
  );

const override = (workspace: string, value: number | null, from: string, to: string | null = null) =>
  run(
    `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, ends_at)
     values ($1, 'requests_per_minute', $2, $3, $4)`,
    [workspace, value, from, to],
  );

describe("billing.rate_limit_of", () => {
  it("returns the limit of the plan, of free without a subscription", async () => {
    const { id } = await createWorkspace(test.database);
    expect(await rateOf(id)).toEqual({
      limit_per_minute: "100",
      plan_id: "free",
      source: "plan",
      valid_until: "infinity",
    });
    await subscribe(id, "business");
    expect(await rateOf(id)).toMatchObject({ limit_per_minute: "10000", plan_id: "business" });
  });

  it("returns 0 for an unknown workspace", async () => {
    expect(await rateOf(randomUUID())).toMatchObject({ limit_per_minute: "0", source: "unknown-workspace" });
  });

  it("returns an override while it applies, and when that changes", async () => {
    const { id } = await createWorkspace(test.database);
    await override(id, 7, "2031-01-01T00:00:00Z", "2031-02-01T00:00:00Z");
    await override(id, null, "2031-03-01T00:00:00Z");
    const at = async (moment: string) => {
      const answer = await rateOf(id, moment);
      return [answer?.limit_per_minute, answer?.source, answer?.valid_until];
    };
    expect(await at("2030-12-31T00:00:00Z")).toEqual(["100", "plan", "2031-01-01 00:00:00+00"]);
    expect(await at("2031-01-01T00:00:00Z")).toEqual(["7", "override", "2031-02-01 00:00:00+00"]);
    expect(await at("2031-02-01T00:00:00Z")).toEqual(["100", "plan", "2031-03-01 00:00:00+00"]);
    expect(await at("2031-03-01T00:00:00Z")).toEqual([null, "override", "infinity"]);
  });

  it("returns when a subscription ends", async () => {
    const { id } = await createWorkspace(test.database);
    await subscribe(id, "pro", "2032-05-01T00:00:00Z");
    expect(await rateOf(id)).toMatchObject({
      limit_per_minute: "2000",
      valid_until: "2032-05-01 00:00:00+00",
    });
    expect(await rateOf(id, "2032-05-01T00:00:00Z")).toMatchObject({ limit_per_minute: "100" });
  });
});

describe("notifications of changed limits", () => {
  const heard: string[] = [];
  let listener: pg.Client;

  beforeAll(async () => {
    listener = new pg.Client({ connectionString: test.url });
    await listener.connect();
    listener.on("notification", ({ payload }) => heard.push(payload ?? ""));
    await listener.query("listen hasura_usage_limits");
  });
  afterAll(() => listener.end());

  /** Notifications that `work` causes, up to a marker sent after it: they arrive in the order of commits. */
  const announcedBy = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    heard.length = 0;
    await work();
    const mark = randomUUID();
    await run("select pg_notify('hasura_usage_limits', $1)", [mark]);
    await waitFor("the mark", () => heard.includes(mark));
    return heard.slice(0, heard.indexOf(mark)).sort();
  };

  it("name the workspace for subscriptions and overrides, whichever role writes them", async () => {
    const one = (await createWorkspace(test.database)).id;
    const other = (await createWorkspace(test.database)).id;
    expect(await announcedBy(() => subscribe(one, "pro"))).toEqual([one]);
    expect(
      await announcedBy(() =>
        run("update billing.subscriptions set plan_id = 'starter' where workspace_id = $1", [one]),
      ),
    ).toEqual([one]);
    expect(await announcedBy(() => override(one, 5, "2020-01-01T00:00:00Z"))).toEqual([one]);
    expect(
      await announcedBy(() =>
        run("update billing.limit_overrides set workspace_id = $2 where workspace_id = $1", [one, other]),
      ),
    ).toEqual([one, other].sort());
    expect(
      await announcedBy(() => run("delete from billing.limit_overrides where workspace_id = $1", [other])),
    ).toEqual([other]);
    expect(await announcedBy(() => run("truncate billing.limit_overrides"))).toEqual(["*"]);
  });

  it("are one for all workspaces after a change of a plan or of more than 100 workspaces", async () => {
    expect(
      await announcedBy(() => run("update billing.plans set rate_limit_per_minute = 101 where id = 'free'")),
    ).toEqual(["*"]);
    expect(
      await announcedBy(() => run("update billing.plans set rate_limit_per_minute = 100 where id = 'free'")),
    ).toEqual(["*"]);
    const ids = Array.from({ length: 101 }, () => randomUUID());
    await run(
      "insert into public.workspaces (id, name, slug) select id, 'Many', id::text from unnest($1::uuid[]) as id",
      [ids],
    );
    expect(
      await announcedBy(() =>
        run(
          `insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at)
           select id, 'requests_per_minute', 1, now() from unnest($1::uuid[]) as id`,
          [ids],
        ),
      ),
    ).toEqual(["*"]);
  });

  it("are not sent for a rollback or a statement without rows", async () => {
    expect(
      await announcedBy(async () => {
        await test.database
          .transaction(async (tx) => {
            await tx.query("update billing.plans set rate_limit_per_minute = 1");
            throw new Error("back");
          })
          .catch(() => undefined);
        await run("delete from billing.subscriptions where workspace_id = $1", [randomUUID()]);
      }),
    ).toEqual([]);
  });
});
