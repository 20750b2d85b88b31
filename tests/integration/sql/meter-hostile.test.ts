import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../../support/workspaces.ts";
import { drifts, refusal, used } from "./meter-fixtures.ts";

/** Expressions become code of the triggers: what could do more than read its own row is refused. */

let test: TestDatabase;
const role = `adopter_${randomBytes(6).toString("hex")}`;

beforeAll(async () => {
  test = await createTestDatabase();
  const db = test.database;
  await db.query("create table public.secrets (word text)");
  await db.query(
    "create table public.papers (id int primary key, workspace_id uuid, title text, pages int, sheets int generated always as (pages / 2) stored)",
  );
  await db.query(
    "insert into usage.metrics values ('papers', 'gauge', 'count', 'rows', 'P', 'P'), ('paper_pages', 'gauge', 'count', 'rows', 'P', 'P')",
  );
  await db.query(`create role ${role}`);
}, 60_000);
afterAll(async () => {
  await test.database.query(`drop role ${role}`);
  await test.drop();
});

const triggers = () =>
  test.database.query("select tgname from pg_trigger where tgrelid = 'public.papers'::regclass");

const attach = (expression: string, parameter: "p_workspace" | "p_amount" | "p_live") =>
  test.database.query(`select usage.attach_meter('public.papers', 'papers', ${parameter} => $1)`, [
    expression,
  ]);

describe.each(["p_workspace", "p_amount", "p_live"] as const)("as %s", (parameter) => {
  it.each([
    ["a second statement", "1; drop table public.secrets", /without a semicolon/u],
    ["a way out of its parentheses", "1) from public.secrets where (true", /cannot be used/u],
    ["a list", "workspace_id), (title", /more than one expression/u],
    ["a list that ends in a comment", "workspace_id), (title /* ) */", /more than one expression/u],
    ["a condition for the index that checks it", "id)) where ((true", /syntax error/u],
    ["an open comment", "id /*", /unterminated/u],
    ["an open string", "id || '", /unterminated/u],
    ["a subquery", "(select word from public.secrets limit 1)", /subquery/u],
    ["a function that runs text", "query_to_xml('select 1', true, true, '')", /IMMUTABLE/u],
    ["a function that waits", "pg_sleep(1) is null", /IMMUTABLE/u],
    ["the session", "current_setting('role')", /IMMUTABLE/u],
    ["an aggregate", "count(*)", /aggregate/u],
    ["a window", "row_number() over ()", /window/u],
    ["a set", "generate_series(1, 9)", /set-returning/u],
    ["a parameter", "$1", /parameter/u],
    ["the other transition table", "old_rows.pages", /old_rows/u],
    ["a system column", "tableoid", /system columns/u],
    ["the mark of the truncate trigger", "title = '{{table}}'", /must not contain/u],
    ["nothing", "", /syntax error/u],
  ])("%s is refused and leaves nothing", async (_what, expression, message) => {
    const refused = await refusal(attach(expression, parameter));
    expect(refused.code).toBe("22023");
    expect(refused.message).toMatch(message);
    expect(await triggers()).toEqual([]);
    expect(await test.database.query("select * from public.secrets")).toEqual([]);
  });
});

it("text that looks like code stays text", async () => {
  const db = test.database;
  const workspace = await createWorkspace(db);
  await db.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) values ($1, 'papers', null, now(), 'test')",
    [workspace.id],
  );
  await attach("title is distinct from '''); drop table secrets -- $body$ %L %'".replace(";", ""), "p_live");
  await db.query("insert into public.papers values (1, $1, 'a', 1), (2, $1, '''', 1)", [workspace.id]);
  await db.query("update public.papers set title = '$body$ %s' where id = 1");
  expect(await used(db, workspace, "papers")).toBe(2);
  expect(await drifts(db, workspace)).toEqual([]);
  await db.query("truncate public.papers");
  expect(await used(db, workspace, "papers")).toBe(0);
  await db.query("select usage.detach_meter('public.papers', 'papers')");
});

it("a stored generated column counts as what was generated", async () => {
  const db = test.database;
  const workspace = await createWorkspace(db);
  await db.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) values ($1, 'paper_pages', 10, now(), 'test')",
    [workspace.id],
  );
  await db.query("select usage.attach_meter('public.papers', 'paper_pages', p_amount => 'sheets')");
  await db.query("insert into public.papers values (3, $1, 'a', 12)", [workspace.id]);
  await db.query("update public.papers set pages = 20 where id = 3");
  expect(await used(db, workspace, "paper_pages")).toBe(10);
  expect((await refusal(db.query("update public.papers set pages = 22 where id = 3"))).code).toBe("23U01");
  expect(await drifts(db, workspace)).toEqual([]);
  await db.query("select usage.detach_meter('public.papers', 'paper_pages')");
});

it("a virtual generated column is refused where the server has them", async () => {
  const db = test.database;
  const [server] = await db.query<{ version: number }>(
    "select current_setting('server_version_num')::int as version",
  );
  const create =
    "create table public.virtual_papers (workspace_id uuid, pages int, sheets int generated always as (pages / 2) virtual)";
  if (Number(server?.version) < 180_000) {
    expect((await refusal(db.query(create))).code).toBe("42601");
    return;
  }
  await db.query(create);
  const refused = await refusal(
    db.query("select usage.attach_meter('public.virtual_papers', 'papers', p_amount => 'sheets')"),
  );
  expect(refused).toMatchObject({ code: "22023", message: expect.stringContaining("virtual") });
});

it.each(["foreign table", "materialized view", "inherited table", "temporary table"])(
  "a %s cannot be metered",
  async (kind) => {
    const db = test.database;
    const name = kind.split(" ")[0] ?? "";
    if (name === "foreign") {
      await db.query("create foreign data wrapper nowhere");
      await db.query("create server nowhere foreign data wrapper nowhere");
      await db.query("create foreign table public.foreign_rows (workspace_id uuid) server nowhere");
    } else if (name === "materialized") {
      await db.query(
        "create materialized view public.materialized_rows as select workspace_id from public.papers",
      );
    } else if (name === "inherited") {
      await db.query("create table public.inherited_rows (workspace_id uuid)");
      await db.query("create table public.child_rows () inherits (public.inherited_rows)");
    }
    await db.transaction(async (tx) => {
      if (name === "temporary") await tx.query("create temporary table temporary_rows (workspace_id uuid)");
      const table = name === "temporary" ? "temporary_rows" : `public.${name}_rows`;
      await tx.query("savepoint before");
      const refused = await refusal(tx.query("select usage.attach_meter($1::regclass, 'papers')", [table]));
      expect(refused).toMatchObject({
        code: "22023",
        message: expect.stringContaining("not a plain permanent table"),
      });
      await tx.query("rollback to savepoint before");
    });
  },
);

describe("meters are changed", () => {
  it("by the owner of the schema alone, not by a role of the application", async () => {
    for (const statement of [
      "select usage.attach_meter('public.papers', 'papers')",
      "select usage.detach_meter('public.channels', 'channels')",
      "select usage.add(gen_random_uuid(), 'channels', -1)",
      "select usage.reconcile()",
      "insert into usage.meters default values",
    ]) {
      const asRole = test.database.transaction(async (tx) => {
        // the widest rights that a backend is given on what is not its own
        await tx.query(`grant usage on schema usage, public to ${role}`);
        await tx.query(`grant all on all tables in schema public to ${role}`);
        await tx.query(`set local role ${role}`);
        await tx.query(statement);
      });
      expect((await refusal(asRole)).code).toBe("42501");
    }
  });

  it("under a snapshot that sees every row only", async () => {
    for (const call of [
      "usage.attach_meter('public.papers', 'papers')",
      "usage.detach_meter('public.channels', 'channels')",
    ]) {
      const late = test.database.transaction(async (tx) => {
        await tx.query("set transaction isolation level repeatable read");
        await tx.query(`select ${call}`);
      });
      expect(await refusal(late)).toMatchObject({
        code: "22023",
        message: expect.stringContaining("read committed"),
      });
    }
  });
});
