import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { AppError, type Database, silentLogger, systemClock } from "../../../src/core/index.ts";
import { createTracker } from "../../../src/domain/analytics/index.ts";
import {
  createDatabase,
  migrate,
  repeatContention,
  startEmbeddedPostgres,
} from "../../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { countEvents } from "./support.ts";

const day = 86_400_000;

/** Events of the last months, every third a day, so that a batch lies over many turns of months. */
const eventsOver = (
  days: number,
  count: number,
): readonly { readonly id: string; readonly event_type: string }[] =>
  Array.from({ length: count }, (_, index) => ({
    id: index % 2 === 0 ? randomUUID() : `order-${randomUUID().slice(0, 18)}`,
    event_type: "x",
    timestamp: new Date(Date.now() - (index % days) * day).toISOString(),
  }));

const shuffled = <T>(items: readonly T[], turn: number): readonly T[] =>
  items.map((_, index) => items[(index * 7 + turn * 13) % items.length] as T);

/** The first line of the file that the server keeps in its data folder. */
const postmasterPid = async (database: Database): Promise<number> => {
  const [row] = await database.query<{ folder: string }>(
    "select current_setting('data_directory') as folder",
  );
  return Number((await readFile(join(row?.folder ?? "", "postmaster.pid"), "utf8")).split("\n", 1)[0]);
};

const callerOf = ({ id, owner }: Workspace) => ({ workspaceId: id, userId: owner });

describe("beside each other", () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase({ maxConnections: 20 });
  }, 60_000);
  afterAll(async () => {
    await test.drop();
  });

  it.each([
    ["large batches, in transactions of their own", 199],
    ["small batches, which share a transaction", 97],
  ])("16 clients that send the same events over a year's months store each once: %s", async (_, count) => {
    const workspace = await createWorkspace(test.database);
    const events = eventsOver(390, count);
    const { length } = events;
    const reports = await Promise.all(
      Array.from({ length: 16 }, (_, client) => {
        // A process each: nothing but the database keeps them apart.
        const tracker = createTracker({ database: test.database, clock: systemClock });
        return tracker.track(callerOf(workspace), shuffled(events, client));
      }),
    );
    expect(reports.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(length);
    expect(reports.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(15 * length);
    expect(await countEvents(test.database, workspace.id)).toBe(length);
    const [keys] = await test.database.query(
      "select count(*)::int as n from analytics.event_keys where workspace_id = $1",
      [workspace.id],
    );
    expect(keys).toEqual({ n: length });
  });

  it("stores what batches share once and what is theirs alone, in whatever order they meet", async () => {
    const workspace = await createWorkspace(test.database);
    const shared = eventsOver(60, 160);
    const tracker = createTracker({ database: test.database, clock: systemClock });
    const reports = await Promise.all(
      Array.from({ length: 12 }, (_, client) => {
        const own = eventsOver(60, 40);
        // Neighbours share three quarters of what they share at all, so most batches begin as if all of it were new.
        const some = Array.from({ length: 80 }, (_unused, index) => shared[(client * 20 + index) % 160]);
        return tracker.track(callerOf(workspace), shuffled([...own, ...some], client));
      }),
    );
    const total = 12 * 40 + 160;
    expect(reports.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(total);
    expect(reports.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(12 * 120 - total);
    expect(await countEvents(test.database, workspace.id)).toBe(total);
  });

  it("makes a missing month once, however many need it at once", async () => {
    const { database } = test;
    const months = ["2031-03-05", "2031-04-05", "2031-03-31"];
    const made = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        database.query<{ name: string }>("select analytics.ensure_month($1::timestamptz) as name", [
          `${months[index % 3] ?? ""}T23:59:59Z`,
        ]),
      ),
    );
    expect(new Set(made.map(([row]) => row?.name))).toEqual(new Set(["events_y2031m03", "events_y2031m04"]));
  });

  it("stores nothing of a workspace that is deleted meanwhile, and leaves no row of it", async () => {
    const { database } = test;
    const tracker = createTracker({ database: repeatContention(database), clock: systemClock });
    for (let round = 0; round < 5; round += 1) {
      const workspace = await createWorkspace(database);
      const events = [
        ...eventsOver(90, 150),
        { event_type: "f", event_category: "feature_usage" },
        { event_type: "s", event_category: "search", event_data: { query: "q" } },
      ];
      const [, ...reports] = await Promise.all([
        database.query("delete from public.workspaces where id = $1", [workspace.id]),
        ...Array.from({ length: 4 }, () => tracker.track(callerOf(workspace), events)),
      ]);
      for (const { accepted, duplicates, outcomes } of reports) {
        const refused = outcomes.filter(
          (outcome) => "code" in outcome && outcome.code === "workspace-forbidden",
        );
        expect(accepted + duplicates + refused.length).toBe(events.length);
      }
      for (const table of ["events", "event_keys", "feature_usage", "search_logs"])
        expect(
          await database.query(`select 1 from analytics.${table} where workspace_id = $1`, [workspace.id]),
        ).toEqual([]);
    }
  });

  it("finds the one event that the database cannot hold, and loses no other", async () => {
    const { database } = test;
    const workspace = await createWorkspace(database);
    await database.query(
      `create function public.refuse_event() returns trigger language plpgsql as $$
       begin
         if new.name = 'poison' then
           raise exception 'out of range' using errcode = '22003';
         end if;
         return new;
       end $$`,
    );
    await database.query(
      "create trigger refuse before insert on analytics.events for each row execute function public.refuse_event()",
    );
    try {
      const tracker = createTracker({ database, clock: systemClock });
      const events = [
        ...eventsOver(3, 120),
        { id: "bad", event_type: "poison" },
        ...eventsOver(3, 10).slice(0, 1),
      ];
      const report = await tracker.track(callerOf(workspace), events);
      expect(report).toMatchObject({ accepted: 121, duplicates: 0, invalid: 1 });
      expect(report.outcomes[120]).toMatchObject({ id: "bad", code: "unstorable" });
      expect(await countEvents(database, workspace.id)).toBe(121);
    } finally {
      await database.query("drop function public.refuse_event() cascade");
    }
  });
});

describe("SIGKILL of Postgres in the middle of batches", () => {
  it("leaves each batch whole or not at all, and sending all of them again stores each event once", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-test-ingest-"));
    const open = (url: string): Database =>
      createDatabase({ connectionString: url, maxConnections: 8, connectTimeoutMs: 5_000 });
    let server = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
    let database = open(server.url);
    try {
      await migrate({ database, migrationsDir: join(hasuraDir, "migrations") });
      const workspace = await createWorkspace(database);
      const batches = Array.from({ length: 400 }, () => eventsOver(60, 100));
      const answered: number[] = [];
      const tracker = createTracker({ database, clock: systemClock });
      const pid = await postmasterPid(database);
      let next = 0;
      let isDown = false;
      const client = async (): Promise<void> => {
        while (!isDown && next < batches.length) {
          const index = next;
          next += 1;
          try {
            const { accepted } = await tracker.track(callerOf(workspace), batches[index] ?? []);
            expect(accepted).toBe(100);
            if (answered.push(index) === 30) process.kill(pid, "SIGKILL");
          } catch (error) {
            expect(error).toBeInstanceOf(AppError);
            expect((error as AppError).kind).toBe("unavailable");
            isDown = true;
          }
        }
      };
      await Promise.all(Array.from({ length: 6 }, client));
      expect(isDown).toBe(true);
      await database.close();
      await server.stop().catch(() => undefined);

      server = await startEmbeddedPostgres({ dataDir, logger: silentLogger });
      database = open(server.url);
      const held = await database.query<{ event_id: string }>("select event_id from analytics.events");
      const ids = new Set(held.map(({ event_id: id }) => id));
      for (const index of answered) {
        const missing = (batches[index] ?? []).filter(({ id }) => !ids.has(id));
        expect(missing).toEqual([]);
      }
      const again = createTracker({ database, clock: systemClock });
      let accepted = 0;
      for (const batch of batches.slice(0, next))
        accepted += (await again.track(callerOf(workspace), batch)).accepted;
      const wanted = new Set(batches.slice(0, next).flatMap((batch) => batch.map(({ id }) => id)));
      expect(held.length + accepted).toBe(wanted.size);
      expect(await countEvents(database, workspace.id)).toBe(wanted.size);
    } finally {
      await database.close();
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 120_000);
});
