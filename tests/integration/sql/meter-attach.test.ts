import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { drifts, refusal, used } from "./meter-fixtures.ts";
import { createWorkspace } from "../../support/workspaces.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
  await test.database.query(
    "create table public.notes (id int primary key, workspace_id uuid, body text, weight numeric)",
  );
  await test.database.query("create view public.note_bodies as select workspace_id, body from public.notes");
  await test.database.query("create table public.logs (workspace_id uuid, at date) partition by list (at)");
  await test.database.query("create unlogged table public.scratch (workspace_id uuid)");
  await test.database.query(
    "insert into usage.metrics values ('notes', 'gauge', 'count', 'rows', 'Notes', 'Notes'), ('note_weight', 'counter', 'count', 'rows', 'Weight', 'Weight')",
  );
}, 60_000);
afterAll(async () => {
  await test.drop();
});

describe("attach_meter refuses", () => {
  it.each([
    ["an unknown table", "'public.nothing', 'notes'", "42P01", /does not exist/u],
    ["a view", "'public.note_bodies', 'notes'", "22023", /not a plain permanent table/u],
    ["a partitioned table", "'public.logs', 'notes'", "22023", /not a plain permanent table/u],
    ["an unlogged table", "'public.scratch', 'notes'", "22023", /not a plain permanent table/u],
    ["its own schema", "'usage.reservations', 'notes'", "22023", /belongs to the system/u],
    ["an unknown metric", "'public.notes', 'nothing'", "22023", /unknown metric "nothing"/u],
    ["a metric of the gate", "'public.notes', 'ai_queries'", "22023", /fed by the gate/u],
    ["a second meter", "'public.channels', 'channels'", "22023", /has a meter of "channels" already/u],
    ["an unknown column", "'public.notes', 'notes', 'tenant'", "22023", /column "tenant" does not exist/u],
    ["a workspace of another type", "'public.notes', 'notes', 'body'", "22023", /of type text, not uuid/u],
    [
      "an amount of another type",
      "'public.notes', 'notes', 'workspace_id', 'body'",
      "22023",
      /of type text, not a number/u,
    ],
    [
      "a live filter of another type",
      "'public.notes', 'notes', 'workspace_id', '1', 'id'",
      "22023",
      /of type integer, not boolean/u,
    ],
    [
      "an expression that changes by itself",
      "'public.notes', 'notes', 'workspace_id', 'extract(epoch from now())'",
      "22023",
      /IMMUTABLE/u,
    ],
    [
      "an expression that reads other rows",
      "'public.notes', 'notes', '(select id from public.workspaces limit 1)'",
      "22023",
      /subquery/u,
    ],
    [
      "more than an expression",
      "'public.notes', 'notes', 'workspace_id', '1)); drop table public.notes; --'",
      "22023",
      /without a semicolon/u,
    ],
  ])("%s", async (_what, values, code, message) => {
    const refused = await refusal(test.database.query(`select usage.attach_meter(${values})`));
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
    expect(
      await test.database.query("select tgname from pg_trigger where tgrelid = 'public.notes'::regclass"),
    ).toEqual([]);
  });
});

describe("an attached meter", () => {
  it("counts the rows that exist, and detaching gives them back and leaves no function", async () => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    const functions = "select proname from pg_proc where proname like 'meter_public_notes%'";
    await db.query(
      "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) select $1, m, null, now() - interval '1 hour', 'test' from unnest(array['notes', 'note_weight']) m",
      [workspace.id],
    );
    await db.query("insert into public.notes select g, $1, 'x', 2.0 from generate_series(1, 3) g", [
      workspace.id,
    ]);
    await db.query(
      "select usage.attach_meter('public.notes', 'notes', p_live => 'notes.body is not null -- drafts have none')",
    );
    await db.query("select usage.attach_meter('public.notes', 'note_weight', p_amount => 'weight')");
    expect([await used(db, workspace, "notes"), await used(db, workspace, "note_weight")]).toEqual([3, 0]);

    await db.query("insert into public.notes values (4, $1, 'x', 5), (5, $1, null, 6), (6, $1, 'x', null)", [
      workspace.id,
    ]);
    expect([await used(db, workspace, "notes"), await used(db, workspace, "note_weight")]).toEqual([5, 11]);

    const negative = await refusal(
      db.query("insert into public.notes values (7, $1, 'x', -1)", [workspace.id]),
    );
    expect(negative).toMatchObject({ code: "23U02", message: expect.stringContaining("negative amount") });
    const nobody = await refusal(db.query("insert into public.notes values (8, null, 'x', 1)"));
    expect(nobody).toMatchObject({ code: "23U02", message: expect.stringContaining("without a workspace") });

    await db.query("alter table public.notes rename to memos");
    await db.query("insert into public.memos values (9, $1, 'x', 1)", [workspace.id]);
    expect(await drifts(db, workspace)).toEqual([]);
    await db.query("truncate public.memos");
    expect(await used(db, workspace, "notes")).toBe(0);
    await db.query("insert into public.memos values (10, $1, 'x', 1)", [workspace.id]);
    await db.query("select usage.detach_meter('public.memos', 'notes')");
    await db.query("select usage.detach_meter('public.memos', 'note_weight')");
    await db.query("alter table public.memos rename to notes");
    expect([await used(db, workspace, "notes"), await used(db, workspace, "note_weight")]).toEqual([0, 13]);
    expect(await db.query(functions)).toEqual([]);
    const none = await refusal(db.query("select usage.detach_meter('public.notes', 'notes')"));
    expect(none.message).toMatch(/has no meter of "notes"/u);
  });

  it("may be attached again to a table that comes in the place of a dropped one", async () => {
    const db = test.database;
    for (let round = 0; round < 2; round += 1) {
      await db.query("create table public.drafts (workspace_id uuid)");
      await db.query("select usage.attach_meter('public.drafts', 'notes')");
      await db.query("drop table public.drafts");
    }
    await db.query("create table public.drafts (workspace_id uuid)");
    await db.query("select usage.attach_meter('public.drafts', 'notes')");
    const meters = await db.query("select id from usage.meters where table_name = 'public.drafts'");
    expect(meters).toHaveLength(1);
    await db.query("select usage.detach_meter('public.drafts', 'notes')");
  });

  it("refuses a truncate whose snapshot may be older than the rows", async () => {
    const refused = await refusal(
      test.database.transaction(async (tx) => {
        await tx.query("set transaction isolation level repeatable read");
        await tx.query("truncate public.bots");
      }),
    );
    expect(refused).toMatchObject({ code: "23U02", message: expect.stringContaining("read committed") });
  });
});
