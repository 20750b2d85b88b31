import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit } from "../../support/workspaces.ts";
import { drifts, refusal, used } from "./meter-fixtures.ts";

/** What usage.attach_meter generates from usage.meter_template. */

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
  await test.database.query(
    "insert into usage.metrics values ('notes', 'gauge', 'count', 'rows', 'N', 'N'), ('notes_added', 'counter', 'count', 'rows', 'N', 'N')",
  );
}, 60_000);
afterAll(async () => {
  await test.drop();
});

/** Names of the generated functions with their bodies. */
const generated = () =>
  test.database.query(
    String.raw`select proname, prosrc from pg_proc where pronamespace = 'usage'::regnamespace and proname ~ '^meter_public_' order by 1`,
  );

describe("usage.rebuild_meters", () => {
  it("without a table restores every trigger function, and leaves those that are as they should be", async () => {
    const db = test.database;
    const before = await generated();
    await db.query(
      "create or replace function usage.meter_public_bots_insert() returns trigger language plpgsql as $$ begin return null; end $$",
    );
    await db.query("drop trigger usage_meter_delete on public.channels");
    await db.query("drop function usage.meter_public_channels_delete()");
    expect(await generated()).not.toEqual(before);
    await db.query("select usage.rebuild_meters()");
    expect(await generated()).toEqual(before);
    const workspace = await createWorkspace(db);
    await db.query("insert into public.channels (workspace_id, name) values ($1, 'one'), ($1, 'two')", [
      workspace.id,
    ]);
    await db.query("delete from public.channels where workspace_id = $1 and name = 'one'", [workspace.id]);
    expect(await used(db, workspace, "channels")).toBe(1);
  });

  it("passes over a table that is gone", async () => {
    const db = test.database;
    await db.query("create table public.gone (workspace_id uuid)");
    await db.query("select usage.attach_meter('public.gone', 'notes')");
    await db.query("drop table public.gone");
    await db.query("select usage.rebuild_meters()");
    expect(await db.query("select from usage.meters where table_name = 'public.gone'")).toHaveLength(1);
  });

  it("takes the tables in the order of their names, so that two of them wait and do not deadlock", async () => {
    const db = test.database;
    await Promise.all(Array.from({ length: 4 }, () => db.query("select usage.rebuild_meters()")));
  });

  it("keeps reads of the tables going", async () => {
    const db = test.database;
    await db.transaction(async (tx) => {
      await tx.query("select usage.rebuild_meters()");
      await db.query("select from public.messages limit 1");
    });
  });
});

describe("an attached meter", () => {
  it("reads columns that are called like the variables of its triggers", async () => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    for (const metric of ["notes", "notes_added"]) await setLimit(db, workspace.id, metric, null);
    await db.query(
      "create table public.odd (id int, _workspace uuid, _amount int, found boolean, used int, workspace_id text, metric text)",
    );
    for (const metric of ["notes", "notes_added"])
      await db.query(
        `select usage.attach_meter('public.odd', '${metric}', '_workspace', '_amount + used', 'found and metric is null and workspace_id is null')`,
      );
    await db.query("insert into public.odd values (1, $1, 2, true, 3)", [workspace.id]);
    await db.query("insert into public.odd values (2, $1, 2, true, 3), (3, $1, 2, false, 3)", [workspace.id]);
    await db.query("update public.odd set _amount = 4 where id = 1");
    await db.query("delete from public.odd where id = 2");
    expect([await used(db, workspace, "notes"), await used(db, workspace, "notes_added")]).toEqual([7, 12]);
    await db.query("select usage.detach_meter('public.odd', 'notes')");
    await db.query("insert into public.odd values (4, $1, 1, true, 0)", [workspace.id]);
    expect(await used(db, workspace, "notes_added")).toBe(13);
    expect(await drifts(db, workspace)).toEqual([]);
    await db.query("select usage.detach_meter('public.odd', 'notes_added')");
  });

  it("has functions of its own on tables whose long names begin alike", async () => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    await setLimit(db, workspace.id, "notes", null);
    const names = [..."ab"].map((end) => `public."${"é".repeat(30)}${end}"`);
    for (const name of names) {
      await db.query(`create table ${name} (workspace_id uuid)`);
      await db.query("select usage.attach_meter($1::regclass, 'notes')", [name]);
    }
    for (const name of names) await db.query(`insert into ${name} values ($1)`, [workspace.id]);
    await db.query(`delete from ${String(names[0])}`);
    await db.query(`truncate ${String(names[1])}`);
    expect(await used(db, workspace, "notes")).toBe(0);
    expect(await drifts(db, workspace)).toEqual([]);
    for (const name of names) await db.query("select usage.detach_meter($1::regclass, 'notes')", [name]);
  });

  it("comes with a notice of the plans that have no limit of the metric", async () => {
    const client = new pg.Client({ connectionString: test.url });
    const notices: { message: string | undefined; hint: string | undefined }[] = [];
    client.on("notice", ({ message, hint }) => notices.push({ message, hint }));
    await client.connect();
    try {
      await client.query("create table public.plain (workspace_id uuid)");
      await client.query(
        "insert into billing.plan_limits (plan_id, metric, limit_value) values ('free', 'notes', 3), ('pro', 'notes', null)",
      );
      await client.query("select usage.attach_meter('public.plain', 'notes')");
      expect(notices).toEqual([
        {
          message:
            'plans without a limit of "notes", whose workspaces may use none of it: starter, business, enterprise',
          hint: 'Insert a row into billing.plan_limits for each plan that includes "notes"; limit_value null is unlimited.',
        },
      ]);
      await client.query("select usage.detach_meter('public.plain', 'notes')");
      await client.query(
        "insert into billing.plan_limits (plan_id, metric) values ('starter', 'notes'), ('business', 'notes'), ('enterprise', 'notes')",
      );
      await client.query("select usage.attach_meter('public.plain', 'notes')");
      expect(notices).toHaveLength(1);
    } finally {
      await client.end();
    }
  });
});

describe("usage.fill_meter_template", () => {
  it("puts a value into its place without looking for marks in it", async () => {
    const values = { relation: "{{table}}", expression: "{{relation}}" };
    const rows = await test.database.query(
      "select trim(usage.fill_meter_template('probe_parentheses', $1)) as text",
      [JSON.stringify(values)],
    );
    expect(rows).toEqual([
      { text: expect.stringContaining("select ({{relation}}\n) from pg_temp.{{table}} where") },
    ]);
  });

  it.each([
    ["an unknown part", "nothing", {}, 'usage.meter_template has no part "nothing"'],
    ["a missing value", "probe_parentheses", { relation: "x" }, "needs a value for {{expression}}"],
  ])("refuses %s", async (_what, part, values, message) => {
    const refused = await refusal(
      test.database.query("select usage.fill_meter_template($1, $2)", [part, JSON.stringify(values)]),
    );
    expect(refused).toEqual({ code: "22023", message: expect.stringContaining(message) });
  });
});
