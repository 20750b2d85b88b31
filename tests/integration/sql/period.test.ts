import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

interface Period {
  readonly start: string;
  readonly end: string;
}

const iso = (value: unknown): string => (value as Date).toISOString().replace(".000Z", "Z");

describe("usage.period", () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(async () => {
    await test.drop();
  });

  const createWorkspace = async (timeZone = "UTC"): Promise<string> => {
    const id = randomUUID();
    await test.database.query("insert into public.workspaces (id, name, time_zone) values ($1, 'Test', $2)", [
      id,
      timeZone,
    ]);
    return id;
  };

  const subscribe = async (
    workspace: string,
    columns: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    const values = { workspace_id: workspace, plan_id: "starter", status: "active", ...columns };
    const names = Object.keys(values);
    await test.database.query(
      `insert into billing.subscriptions (${names.join(", ")}) values (${names.map((_, index) => `$${String(index + 1)}`).join(", ")})`,
      Object.values(values),
    );
  };

  const periodAt = async (workspace: string, at: string): Promise<Period> => {
    const [row] = await test.database.query("select * from usage.period($1, $2)", [workspace, at]);
    return { start: iso(row?.["period_start"]), end: iso(row?.["period_end"]) };
  };

  const presentPeriod = async (workspace: string): Promise<Period> => {
    const [row] = await test.database.query("select * from usage.period($1)", [workspace]);
    return { start: iso(row?.["period_start"]), end: iso(row?.["period_end"]) };
  };

  const anchored = async (anchor: string, timeZone = "UTC"): Promise<string> => {
    const workspace = await createWorkspace(timeZone);
    await subscribe(workspace, { anchor_at: anchor });
    return workspace;
  };

  /** Sends a message: use that an early new period would reset. */
  const use = async (workspace: string): Promise<void> => {
    const [channel] = await test.database.query<{ readonly id: string }>(
      "insert into public.channels (workspace_id, name) values ($1, 'general') returning id",
      [workspace],
    );
    await test.database.query(
      "insert into public.messages (workspace_id, channel_id, body) values ($1, $2, 'hello')",
      [workspace, channel?.id],
    );
  };

  const messagesUsed = async (workspace: string): Promise<string> => {
    const [row] = await test.database.query<{ readonly used: string }>(
      `select coalesce(sum(c.used), 0)::text as used
       from usage.period($1) p
       join usage.counter_totals c on c.workspace_id = $1 and c.metric = 'messages' and c.period_start = p.period_start`,
      [workspace],
    );
    return row?.used ?? "0";
  };

  describe("without an anchor", () => {
    it("is the calendar month, half-open", async () => {
      const workspace = await createWorkspace();
      const february = { start: "2026-02-01T00:00:00Z", end: "2026-03-01T00:00:00Z" };
      expect(await periodAt(workspace, "2026-02-01T00:00:00Z")).toEqual(february);
      expect(await periodAt(workspace, "2026-02-28T23:59:59.999999Z")).toEqual(february);
      expect((await periodAt(workspace, "2026-03-01T00:00:00Z")).start).toBe("2026-03-01T00:00:00Z");
    });

    it("begins at local midnight, with a length that follows the clock changes", async () => {
      const newYork = await createWorkspace("America/New_York");
      expect(await periodAt(newYork, "2026-03-15T12:00:00Z")).toEqual({
        start: "2026-03-01T05:00:00Z",
        end: "2026-04-01T04:00:00Z",
      });
      expect(await periodAt(newYork, "2026-11-24T12:00:00Z")).toEqual({
        start: "2026-11-01T04:00:00Z",
        end: "2026-12-01T05:00:00Z",
      });
      const kathmandu = await createWorkspace("Asia/Kathmandu");
      expect(await periodAt(kathmandu, "2025-12-31T18:14:59Z")).toEqual({
        start: "2025-11-30T18:15:00Z",
        end: "2025-12-31T18:15:00Z",
      });
      expect((await periodAt(kathmandu, "2025-12-31T18:15:00Z")).start).toBe("2025-12-31T18:15:00Z");
    });

    it("is a UTC month for an unknown workspace", async () => {
      expect(await periodAt(randomUUID(), "2024-02-29T12:00:00Z")).toEqual({
        start: "2024-02-01T00:00:00Z",
        end: "2024-03-01T00:00:00Z",
      });
    });
  });

  describe("with an anchor", () => {
    it("returns to day 31 after every shorter month", async () => {
      const workspace = await anchored("2026-01-31T00:00:00Z");
      expect(await periodAt(workspace, "2026-02-15T00:00:00Z")).toEqual({
        start: "2026-01-31T00:00:00Z",
        end: "2026-02-28T00:00:00Z",
      });
      expect(await periodAt(workspace, "2026-03-15T00:00:00Z")).toEqual({
        start: "2026-02-28T00:00:00Z",
        end: "2026-03-31T00:00:00Z",
      });
      expect(await periodAt(workspace, "2026-04-30T00:00:00Z")).toEqual({
        start: "2026-04-30T00:00:00Z",
        end: "2026-05-31T00:00:00Z",
      });
    });

    it("follows leap years, also from an anchor on 29 February", async () => {
      const last = await anchored("2024-01-31T00:00:00Z");
      expect(await periodAt(last, "2024-02-15T00:00:00Z")).toEqual({
        start: "2024-01-31T00:00:00Z",
        end: "2024-02-29T00:00:00Z",
      });
      const leap = await anchored("2024-02-29T00:00:00Z");
      expect(await periodAt(leap, "2025-03-01T00:00:00Z")).toEqual({
        start: "2025-02-28T00:00:00Z",
        end: "2025-03-29T00:00:00Z",
      });
      expect((await periodAt(leap, "2028-03-01T00:00:00Z")).start).toBe("2028-02-29T00:00:00Z");
    });

    it("keeps the local time through clock changes", async () => {
      const berlin = await anchored("2026-01-15T09:00:00Z", "Europe/Berlin");
      expect(await periodAt(berlin, "2026-03-20T00:00:00Z")).toEqual({
        start: "2026-03-15T09:00:00Z",
        end: "2026-04-15T08:00:00Z",
      });
      expect(await periodAt(berlin, "2026-04-15T08:00:00Z")).toEqual({
        start: "2026-04-15T08:00:00Z",
        end: "2026-05-15T08:00:00Z",
      });
      expect((await periodAt(berlin, "2026-04-15T07:59:59Z")).start).toBe("2026-03-15T09:00:00Z");
    });

    it.each([
      ["2026-02-08T07:30:00Z", "America/New_York"],
      ["2025-10-01T05:30:00Z", "America/New_York"],
      ["2025-12-26T00:30:00Z", "Europe/Berlin"],
      ["2023-12-30T10:00:00Z", "Pacific/Apia"],
      ["2026-01-03T13:30:00Z", "Australia/Lord_Howe"],
      ["2024-12-31T23:59:59Z", "America/St_Johns"],
      ["2026-01-31T00:00:00Z", "Africa/Cairo"],
    ])("tiles time without gap or overlap from %s in %s", async (anchor, timeZone) => {
      const workspace = await anchored(anchor, timeZone);
      const rows = await test.database.query<{ readonly broken: string }>(
        `select count(*)::text as broken
         from generate_series($2::timestamptz, $2::timestamptz + interval '3 years', interval '17 hours 30 minutes') at,
         usage.period($1, at) p,
         usage.period($1, p.period_end) following,
         usage.period($1, p.period_start) same
         where not (
           p.period_start <= at
           and at < p.period_end
           and following.period_start = p.period_end
           and same.period_start = p.period_start
           and p.period_end - p.period_start between interval '27 days 23 hours' and interval '31 days 1 hour'
         )`,
        [workspace, anchor],
      );
      expect(rows[0]?.broken).toBe("0");
    });
  });

  describe("when the plan changes", () => {
    it("does not move when a subscription starts in mid-month", async () => {
      const workspace = await createWorkspace();
      await use(workspace);
      const before = await presentPeriod(workspace);
      await subscribe(workspace);
      expect(await presentPeriod(workspace)).toEqual(before);
      expect(await messagesUsed(workspace)).toBe("1");
    });

    it("does not move through upgrade, cancellation and a new subscription", async () => {
      const workspace = await anchored("2026-01-15T00:00:00Z", "Asia/Tokyo");
      await use(workspace);
      const before = await presentPeriod(workspace);
      expect(before.start.slice(8, 19)).toBe("15T00:00:00");
      await test.database.query("update billing.subscriptions set plan_id = 'pro' where workspace_id = $1", [
        workspace,
      ]);
      expect(await presentPeriod(workspace)).toEqual(before);
      await test.database.query(
        "update billing.subscriptions set status = 'cancelled' where workspace_id = $1",
        [workspace],
      );
      expect(await presentPeriod(workspace)).toEqual(before);
      await subscribe(workspace, { plan_id: "business" });
      expect(await presentPeriod(workspace)).toEqual(before);
      expect(await messagesUsed(workspace)).toBe("1");
      const [row] = await test.database.query<{ readonly same: boolean }>(
        "select count(distinct anchor_at) = 1 as same from billing.subscriptions where workspace_id = $1",
        [workspace],
      );
      expect(row?.same).toBe(true);
    });

    it.each(["now()", "now() - interval '3 days'", "now() + interval '1 minute'"])(
      "bridges to a new anchor at %s and keeps the use",
      async (anchor) => {
        const workspace = await createWorkspace();
        await use(workspace);
        const before = await presentPeriod(workspace);
        await test.database.query(
          `insert into billing.subscriptions (workspace_id, plan_id, status, anchor_at, starts_at) values ($1, 'starter', 'active', ${anchor}, ${anchor})`,
          [workspace],
        );
        const bridge = await presentPeriod(workspace);
        expect(bridge.start).toBe(before.start);
        expect(Date.parse(bridge.end)).toBeGreaterThanOrEqual(Date.parse(before.end));
        expect(await messagesUsed(workspace)).toBe("1");
        const next = await periodAt(workspace, bridge.end);
        expect(next.start).toBe(bridge.end);
        const last = await periodAt(workspace, new Date(Date.parse(before.start) - 1).toISOString());
        expect(last.end).toBe(before.start);
      },
    );

    it("keeps the use when the time zone changes", async () => {
      const workspace = await createWorkspace();
      await use(workspace);
      const before = await presentPeriod(workspace);
      for (const timeZone of ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"]) {
        await test.database.query("update public.workspaces set time_zone = $2 where id = $1", [
          workspace,
          timeZone,
        ]);
        expect((await presentPeriod(workspace)).start).toBe(before.start);
      }
      expect(await messagesUsed(workspace)).toBe("1");
    });

    it("follows the time zone at once without use", async () => {
      const workspace = await createWorkspace();
      await test.database.query("update public.workspaces set time_zone = 'Asia/Tokyo' where id = $1", [
        workspace,
      ]);
      expect((await periodAt(workspace, "2026-02-10T00:00:00Z")).start).toBe("2026-01-31T15:00:00Z");
    });
  });

  it("rejects a time zone that PostgreSQL does not know", async () => {
    await expect(createWorkspace("Mars/Olympus")).rejects.toThrow('unknown time zone "Mars/Olympus"');
    await expect(createWorkspace("EST5EDT4")).rejects.toThrow("unknown time zone");
  });
});
