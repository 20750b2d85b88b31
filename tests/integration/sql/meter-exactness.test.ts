import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { addChannels, addFile, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let a: Workspace;
let b: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  a = await createWorkspace(test.database);
  b = await createWorkspace(test.database);
});

describe("a gauge", () => {
  it("follows insert, archive, unarchive and delete", async () => {
    const db = test.database;
    const [first, second] = await addChannels(db, a, 3);
    expect(await used(db, a, "channels")).toBe(3);
    await db.query("update public.channels set archived_at = now() where id = $1", [first]);
    expect(await used(db, a, "channels")).toBe(2);
    await db.query("delete from public.channels where id = $1", [first]);
    expect(await used(db, a, "channels")).toBe(2);
    await db.query("update public.channels set archived_at = now() where id = $1", [second]);
    await db.query("update public.channels set archived_at = null where id = $1", [second]);
    expect(await used(db, a, "channels")).toBe(2);
    await db.query("delete from public.channels where workspace_id = $1", [a.id]);
    expect(await used(db, a, "channels")).toBe(0);
    expect(await drifts(db, a)).toEqual([]);
  });

  it("follows amounts and a soft delete, and moves with its row", async () => {
    const db = test.database;
    const file = await addFile(db, a, 100);
    await db.query("update public.files set size_bytes = 250, status = 'ready' where id = $1", [file]);
    expect(await used(db, a, "storage_bytes")).toBe(250);
    await db.query("update public.files set size_bytes = 200 where id = $1", [file]);
    expect(await used(db, a, "storage_bytes")).toBe(200);
    await db.query("update public.files set workspace_id = $2, size_bytes = 300 where id = $1", [file, b.id]);
    expect([await used(db, a, "storage_bytes"), await used(db, b, "storage_bytes")]).toEqual([0, 300]);
    await db.query("update public.files set status = 'deleted' where id = $1", [file]);
    expect(await used(db, b, "storage_bytes")).toBe(0);
    expect([await drifts(db, a), await drifts(db, b)]).toEqual([[], []]);
  });

  it("keeps its peak of the period", async () => {
    const db = test.database;
    await addChannels(db, a, 4);
    await db.query("delete from public.channels where workspace_id = $1", [a.id]);
    await addChannels(db, a, 2);
    const peaks = await db.query<{ peak: string }>(
      "select peak from usage.peaks where workspace_id = $1 and metric = 'channels' and period_start = (select period_start from usage.period($1))",
      [a.id],
    );
    expect(peaks.map(({ peak }) => Number(peak))).toEqual([4]);
  });

  it("peaks at its former level in periods that passed without a change", async () => {
    const db = test.database;
    await addChannels(db, a, 3);
    await db.query("delete from usage.peaks where workspace_id = $1", [a.id]);
    await db.query(
      "update usage.counters set updated_at = now() - interval '70 days', headroom_until = now() - interval '40 days' where workspace_id = $1",
      [a.id],
    );
    await db.query("delete from public.channels where workspace_id = $1", [a.id]);
    const peaks = await db.query<{ peak: string }>(
      "select peak from usage.peaks where workspace_id = $1 and metric = 'channels' order by period_start",
      [a.id],
    );
    expect(peaks.length).toBeGreaterThanOrEqual(2);
    expect(new Set(peaks.map(({ peak }) => Number(peak)))).toEqual(new Set([3]));
  });

  it("falls to zero when the table is truncated, also by a cascade", async () => {
    const own = await createTestDatabase();
    try {
      const db = own.database;
      const workspace = await createWorkspace(db);
      const [channel] = await addChannels(db, workspace, 3);
      await addMessages(db, workspace, String(channel), 5);
      await db.query("truncate public.channels cascade");
      expect(await used(db, workspace, "channels")).toBe(0);
      expect(await used(db, workspace, "messages")).toBe(5);
      expect(await db.query("select metric from usage.reconcile()")).toEqual([]);
      await db.query("truncate public.workspaces cascade");
      for (const table of ["counters", "counter_log", "counter_log_totals", "peaks"])
        expect(await db.query(`select workspace_id from usage.${table}`)).toEqual([]);
    } finally {
      await own.drop();
    }
  });
});

describe("a counter", () => {
  it("counts what was inserted now, whatever the row's time, and never gives back", async () => {
    const db = test.database;
    const [channel] = await addChannels(db, a, 1);
    const messages = await addMessages(db, a, String(channel), 7);
    expect(await used(db, a, "messages")).toBe(7);
    await db.query("update public.messages set deleted_at = now() where id = $1", [messages[0]]);
    await db.query("update public.messages set body = 'edited', created_at = now() where workspace_id = $1", [
      a.id,
    ]);
    await db.query("delete from public.messages where workspace_id = $1", [a.id]);
    expect(await used(db, a, "messages")).toBe(7);
    expect(await drifts(db, a)).toEqual([]);
  });

  it("takes what an update adds, row by row, and nothing for what it takes away", async () => {
    const db = test.database;
    const grows = await addFile(db, a, 100);
    const shrinks = await addFile(db, a, 100);
    await db.query(
      "update public.files set size_bytes = case when id = $1 then 130 else 10 end where id in ($1, $2)",
      [grows, shrinks],
    );
    expect(await used(db, a, "uploaded_bytes")).toBe(230);
    expect(await used(db, a, "storage_bytes")).toBe(140);
    expect(await used(db, a, "files_uploaded")).toBe(2);
  });

  it("counts a call when it ends", async () => {
    const db = test.database;
    const [call] = await db.query<{ id: string }>(
      "insert into public.calls (workspace_id, started_at) values ($1, now() - interval '90 seconds') returning id",
      [a.id],
    );
    expect(await used(db, a, "call_seconds")).toBe(0);
    await db.query("update public.calls set ended_at = started_at + interval '90 seconds' where id = $1", [
      call?.id,
    ]);
    expect(await used(db, a, "call_seconds")).toBe(90);
  });

  it("counts a moved row for the workspace it comes to", async () => {
    const db = test.database;
    const file = await addFile(db, a, 10);
    await db.query("update public.files set workspace_id = $2 where id = $1", [file, b.id]);
    expect([await used(db, a, "files_uploaded"), await used(db, b, "files_uploaded")]).toEqual([1, 1]);
  });
});

describe("a statement", () => {
  it("counts many rows of several workspaces once", async () => {
    const db = test.database;
    await setLimit(db, a.id, "channels", null);
    await setLimit(db, b.id, "channels", null);
    await db.query(
      "insert into public.channels (workspace_id, name, created_by) select case when g % 3 = 0 then $1::uuid else $2::uuid end, gen_random_uuid()::text, $3 from generate_series(1, 3000) g",
      [a.id, b.id, a.owner],
    );
    expect([await used(db, a, "channels"), await used(db, b, "channels")]).toEqual([1000, 2000]);
    expect([await drifts(db, a), await drifts(db, b)]).toEqual([[], []]);
  });

  it("copies rows in under the same limit", async () => {
    const db = test.database;
    const [folder] = await db.query<{ path: string }>("select current_setting('data_directory') as path");
    const file = `${String(folder?.path)}/copied-${a.id}`;
    await setLimit(db, a.id, "channels", 50);
    await db.query(
      `copy (select '${a.id}'::uuid, gen_random_uuid()::text, '${a.owner}'::uuid from generate_series(1, 30)) to '${file}'`,
    );
    const copy = `copy public.channels (workspace_id, name, created_by) from '${file}'`;
    await db.query(copy);
    expect((await refusal(db.query(copy))).message).toBe(
      "limit of 50 channels reached: 30 used, 30 more requested",
    );
    expect(await used(db, a, "channels")).toBe(30);
    expect(await drifts(db, a)).toEqual([]);
  });

  it("that is rolled back counts nothing", async () => {
    const db = test.database;
    await addChannels(db, a, 1);
    await expect(
      db.transaction(async (tx) => {
        await addChannels(tx, a, 2);
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow();
    expect(await used(db, a, "channels")).toBe(1);
    expect(await drifts(db, a)).toEqual([]);
  });

  it("on conflict counts only what it inserted", async () => {
    const db = test.database;
    const insert =
      "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'member') on conflict (workspace_id, user_id)";
    const before = await used(db, a, "members");
    await db.query(`${insert} do nothing`, [a.id, b.owner]);
    await db.query(`${insert} do nothing`, [a.id, b.owner]);
    await db.query(`${insert} do update set role = 'admin'`, [a.id, b.owner]);
    expect(await used(db, a, "members")).toBe(before + 1);
    expect(await drifts(db, a)).toEqual([]);
  });

  it("that deletes a workspace leaves nothing behind", async () => {
    const db = test.database;
    const [channel] = await addChannels(db, a, 2);
    await addMessages(db, a, String(channel), 3);
    await addFile(db, a, 5);
    await db.query("select usage.reconcile($1)", [a.id]);
    await addMessages(db, a, String(channel), 3);
    await db.query("delete from public.workspaces where id = $1", [a.id]);
    for (const table of ["counters", "counter_log", "counter_log_totals", "peaks", "reconciliations"])
      expect(
        await db.query(`select workspace_id from usage.${table} where workspace_id = $1`, [a.id]),
      ).toEqual([]);
  });

  it("of a role without rights on the usage schema counts all the same", async () => {
    const db = test.database;
    const role = `writer_${a.id.replaceAll("-", "").slice(0, 12)}`;
    await db.query(`create role ${role}`);
    try {
      await db.query(`grant select, insert, update, delete on public.channels to ${role}`);
      await db.transaction(async (tx) => {
        await tx.query(`set local role ${role}`);
        await addChannels(tx, a, 2);
      });
      expect(await used(db, a, "channels")).toBe(2);
      const denied = await refusal(
        db.transaction(async (tx) => {
          await tx.query(`set local role ${role}`);
          await tx.query("update usage.counters set used = 0");
        }),
      );
      expect(denied.code).toBe("42501");
    } finally {
      await db.query(`drop owned by ${role}`);
      await db.query(`drop role ${role}`);
    }
  });
});
