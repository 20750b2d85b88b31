import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DateTime } from "luxon";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { endPeriodIn, passBoundary } from "../../support/periods.ts";
import { createWorkspace } from "../../support/workspaces.ts";
import { addChannels, addMessages } from "./meter-fixtures.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});

type Period = readonly [string, string];

const asText = (row: Readonly<Record<string, unknown>> | undefined): Period => {
  const iso = (value: unknown): string => (value as Date).toISOString().replace(".000Z", "Z");
  return [iso(row?.["period_start"]), iso(row?.["period_end"])];
};

const workspaceIn = async (timeZone: string, anchor?: string): Promise<string> => {
  const id = randomUUID();
  await test.database.query("insert into public.workspaces (id, name, time_zone) values ($1, 'Test', $2)", [
    id,
    timeZone,
  ]);
  if (anchor !== undefined)
    await test.database.query(
      "insert into billing.subscriptions (workspace_id, plan_id, anchor_at) values ($1, 'starter', $2)",
      [id, anchor],
    );
  return id;
};

const periodAt = async (workspace: string, at: string): Promise<Period> =>
  asText((await test.database.query("select * from usage.period($1, $2)", [workspace, at]))[0]);

/** Expects this period at its first and last microsecond, and another one at the microsecond before. */
const expectPeriod = async (workspace: string, [start, end]: Period): Promise<void> => {
  const edges = await test.database.query<{ at: string; inside: boolean }>(
    `select p.period_start = $2::timestamptz and p.period_end = $3::timestamptz as inside
     from (values ($2::timestamptz - interval '1 microsecond'), ($2), ($3::timestamptz - interval '1 microsecond'), ($3)) e (at),
     usage.period($1, e.at) p
     order by e.at`,
    [workspace, start, end],
  );
  expect(edges.map(({ inside }) => inside)).toEqual([false, true, true, false]);
};

describe("a calendar month", () => {
  it.each([
    [
      "America/New_York, clocks go forward",
      "America/New_York",
      "2026-03-01T05:00:00Z",
      "2026-04-01T04:00:00Z",
    ],
    ["America/New_York, clocks go back", "America/New_York", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"],
    ["Europe/Berlin, clocks go forward", "Europe/Berlin", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"],
    ["Europe/Berlin, clocks go back", "Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"],
    ["Lord Howe, half an hour back", "Australia/Lord_Howe", "2026-03-31T13:00:00Z", "2026-04-30T13:30:00Z"],
    [
      "Lord Howe, half an hour forward",
      "Australia/Lord_Howe",
      "2026-09-30T13:30:00Z",
      "2026-10-31T13:00:00Z",
    ],
    ["Samoa, without its 30 December 2011", "Pacific/Apia", "2011-12-01T10:00:00Z", "2011-12-31T10:00:00Z"],
    ["a leap February", "UTC", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"],
    ["a February without a leap day, on the century", "UTC", "1900-02-01T00:00:00Z", "1900-03-01T00:00:00Z"],
  ])("%s: half-open to the microsecond", async (_what, timeZone, start, end) => {
    await expectPeriod(await workspaceIn(timeZone), [start, end]);
  });

  it("equals that of another calendar library, in any zone at any moment", async () => {
    const zones = [
      "UTC",
      "America/New_York",
      "America/Los_Angeles",
      "America/Sao_Paulo",
      "America/St_Johns",
      "America/Lima",
      "Europe/London",
      "Europe/Berlin",
      "Europe/Lisbon",
      "Asia/Kolkata",
      "Asia/Kathmandu",
      "Asia/Tokyo",
      "Australia/Sydney",
      "Australia/Lord_Howe",
      "Australia/Adelaide",
      "Pacific/Auckland",
      "Pacific/Chatham",
      "Pacific/Kiritimati",
      "Pacific/Pago_Pago",
    ];
    const workspaces = new Map<string, string>();
    for (const zone of zones) workspaces.set(zone, await workspaceIn(zone));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...zones),
        // St. John's moved its clocks at a minute past midnight until 2011, so that the first of November began twice
        // in some years; such a beginning is a case of its own below.
        fc.date({ min: new Date("2012-01-01"), max: new Date("2036-01-01"), noInvalidDate: true }),
        async (zone, at) => {
          const local = DateTime.fromJSDate(at, { zone }).startOf("month");
          const iso = (value: DateTime): string =>
            value.toUTC().toJSDate().toISOString().replace(".000Z", "Z");
          expect(await periodAt(String(workspaces.get(zone)), at.toISOString())).toEqual([
            iso(local),
            iso(local.plus({ months: 1 })),
          ]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("an anchor at a local time", () => {
  it("that the clocks skip: the period starts later by the skipped time", async () => {
    const workspace = await workspaceIn("America/New_York", "2026-02-08T07:30:00Z");
    await expectPeriod(workspace, ["2026-02-08T07:30:00Z", "2026-03-08T07:30:00Z"]);
    await expectPeriod(workspace, ["2026-03-08T07:30:00Z", "2026-04-08T06:30:00Z"]);
  });

  it("that occurs twice at midnight: the month starts at the second midnight", async () => {
    const workspace = await workspaceIn("America/St_Johns");
    // 00:01 on 1 November 2009 was 23:01 on 31 October again
    await expectPeriod(workspace, ["2009-10-01T02:30:00Z", "2009-11-01T03:30:00Z"]);
    await expectPeriod(workspace, ["2009-11-01T03:30:00Z", "2009-12-01T03:30:00Z"]);
  });

  it("that occurs twice: the period starts once", async () => {
    const workspace = await workspaceIn("America/New_York", "2025-10-01T05:30:00Z");
    const october: Period = ["2026-10-01T05:30:00Z", "2026-11-01T06:30:00Z"];
    await expectPeriod(workspace, october);
    // 01:30 for the first time, an hour before
    expect(await periodAt(workspace, "2026-11-01T05:30:00Z")).toEqual(october);
    await expectPeriod(workspace, ["2026-11-01T06:30:00Z", "2026-12-01T06:30:00Z"]);
  });

  it("on Lord Howe follows a change of half an hour, both ways", async () => {
    const workspace = await workspaceIn("Australia/Lord_Howe", "2026-01-14T13:00:00Z");
    await expectPeriod(workspace, ["2026-03-14T13:00:00Z", "2026-04-14T13:30:00Z"]);
    await expectPeriod(workspace, ["2026-09-14T13:30:00Z", "2026-10-14T13:00:00Z"]);
  });

  it("on day 31 at the last second of a zone behind UTC stays on the last local day", async () => {
    const workspace = await workspaceIn("America/Los_Angeles", "2024-02-01T07:59:59Z");
    await expectPeriod(workspace, ["2024-02-01T07:59:59Z", "2024-03-01T07:59:59Z"]);
    await expectPeriod(workspace, ["2024-03-01T07:59:59Z", "2024-04-01T06:59:59Z"]);
    await expectPeriod(workspace, ["2025-03-01T07:59:59Z", "2025-04-01T06:59:59Z"]);
  });
});

describe("a change of the time zone in mid-period", () => {
  it.each([
    ["to the west", "America/New_York"],
    ["to the east", "Asia/Tokyo"],
    ["by half an hour", "Asia/Kolkata"],
  ])("%s: the period ends with the first local month at or after its old end", async (_what, zone) => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    const [channel] = await addChannels(db, workspace, 1);
    await addMessages(db, workspace, String(channel), 3);
    const [start, end] = await periodAt(workspace.id, new Date().toISOString());
    await db.query("update public.workspaces set time_zone = $2 where id = $1", [workspace.id, zone]);

    const oldEnd = DateTime.fromISO(end, { zone });
    const monthStart = oldEnd.startOf("month");
    const expected =
      monthStart.toMillis() === oldEnd.toMillis() ? monthStart : monthStart.plus({ months: 1 });
    const bridge = expected.toUTC().toJSDate().toISOString().replace(".000Z", "Z");
    const after = expected.plus({ months: 1 }).toUTC().toJSDate().toISOString().replace(".000Z", "Z");
    await expectPeriod(workspace.id, [start, bridge]);
    await expectPeriod(workspace.id, [bridge, after]);
    const [before] = await db.query(
      "select * from usage.period($1, $2::timestamptz - interval '1 microsecond')",
      [workspace.id, start],
    );
    expect(asText(before)[1]).toBe(start);
  });

  it("keeps past use in its period, and the months of the zone follow", async () => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    const [channel] = await addChannels(db, workspace, 1);
    await addMessages(db, workspace, String(channel), 3);
    const boundary = await endPeriodIn(db, workspace.id, 50);
    await passBoundary(db, boundary);
    await db.query("update public.workspaces set time_zone = 'Pacific/Auckland' where id = $1", [
      workspace.id,
    ]);
    await addMessages(db, workspace, String(channel), 1);
    // three messages lie before the boundary, so the new rhythm waits for the end of the month that has begun
    const [row] = await db.query("select * from usage.period($1)", [workspace.id]);
    expect(asText(row)[0]).toBe(boundary.replace(".000Z", "Z"));
    const used = await db.query(
      "select used::int from usage.counter_totals where workspace_id = $1 and metric = 'messages' order by period_start",
      [workspace.id],
    );
    expect(used).toEqual([{ used: 3 }, { used: 1 }]);
  });
});
