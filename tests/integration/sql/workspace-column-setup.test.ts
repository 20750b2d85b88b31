import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { drifts, refusal, used } from "./meter-fixtures.ts";

/** Adding, rebuilding and dropping the column of a table without a tenant column. */

let test: TestDatabase;
let workspace: Workspace;

const tables = `
create table public.boards (
  id int primary key,
  org uuid references public.workspaces (id) on delete cascade,
  title text
);
create table public.cards (
  id int primary key,
  board_id int references public.boards (id) on delete cascade,
  second_board int references public.boards (id) on delete set null,
  org uuid,
  parent_id int references public.cards (id)
);
create table public.stickers (id int primary key, card_id int references public.cards (id) on delete cascade);
create table public.loose (id int primary key, board_id int);
create table public.tenants_own (id int primary key, owner uuid references public.workspaces (id));
create unlogged table public.scratch_cards (board_id int);
create view public.board_titles as select title from public.boards;
insert into usage.metrics
values
  ('cards', 'gauge', 'count', 'rows', 'C', 'C'),
  ('stickers', 'gauge', 'count', 'rows', 'S', 'S');
`;

beforeAll(async () => {
  test = await createTestDatabase();
  await test.database.transaction((tx) => tx.script(tables));
  workspace = await createWorkspace(test.database);
  for (const metric of ["cards", "stickers"]) await setLimit(test.database, workspace.id, metric, null);
}, 60_000);
afterAll(async () => {
  await test.drop();
});

/** Columns, constraints, triggers and generated functions. */
const traces = () =>
  test.database.query(
    `select attrelid::regclass::text || '.' || attname as name
     from pg_attribute
     where attrelid::regclass::text in ('boards', 'cards', 'stickers', 'public.boards', 'public.cards', 'public.stickers')
       and attnum > 0 and not attisdropped
     union all
     select conname from pg_constraint where connamespace = 'public'::regnamespace
     union all
     select tgname from pg_trigger where not tgisinternal
     union all
     select proname from pg_proc where pronamespace = 'usage'::regnamespace
     order by 1`,
  );

describe("usage.add_workspace_column refuses", () => {
  it.each([
    [
      "a column without a foreign key",
      "'public.loose', 'public.boards', 'board_id'",
      /no foreign key of the one column "board_id"/u,
    ],
    [
      "an unknown column",
      "'public.cards', 'public.boards', 'nothing'",
      /no foreign key of the one column "nothing"/u,
    ],
    [
      "another parent",
      "'public.stickers', 'public.boards', 'card_id'",
      /no foreign key of the one column "card_id" to public.boards/u,
    ],
    [
      "a key that is set to null",
      "'public.cards', 'public.boards', 'second_board', 'tenant', 'org'",
      /use on delete cascade/u,
    ],
    [
      "a table as its own parent",
      "'public.cards', 'public.cards', 'parent_id'",
      /cannot take its workspace from itself/u,
    ],
    [
      "a parent without a workspace",
      "'public.stickers', 'public.cards', 'card_id'",
      /public.cards has no column "workspace_id" of type uuid; usage.add_workspace_column\('public.cards', 'public.boards', 'board_id'\)/u,
    ],
    [
      "a parent column of another type",
      "'public.cards', 'public.boards', 'board_id', 'tenant', 'title'",
      /no column "title" of type uuid/u,
    ],
    [
      "a column that exists",
      "'public.cards', 'public.boards', 'board_id', 'org', 'org'",
      /has a column "org" already/u,
    ],
    [
      "a system column",
      "'public.cards', 'public.boards', 'board_id', 'ctid', 'org'",
      /has a column "ctid" already/u,
    ],
    ["an empty name", "'public.cards', 'public.boards', 'board_id', '', 'org'", /1 to 63 bytes/u],
    [
      "a name that Postgres would cut",
      `'public.cards', 'public.boards', 'board_id', '${"é".repeat(32)}', 'org'`,
      /1 to 63 bytes/u,
    ],
    [
      "the workspace itself",
      "'public.tenants_own', 'public.workspaces', 'owner', 'tenant', 'id'",
      /attach the meter with p_workspace => 'owner'/u,
    ],
    [
      "an unlogged table",
      "'public.scratch_cards', 'public.boards', 'board_id'",
      /not a plain permanent table/u,
    ],
    ["a view", "'public.cards', 'public.board_titles', 'board_id'", /not a plain permanent table/u],
  ])("%s", async (_what, values, message) => {
    const before = await traces();
    const refused = await refusal(test.database.query(`select usage.add_workspace_column(${values})`));
    expect(refused).toEqual({ code: "22023", message: expect.stringMatching(message) });
    expect(await traces()).toEqual(before);
  });

  it("rows that would have no workspace, and leaves the table as it was", async () => {
    const before = await traces();
    await test.database.query("insert into public.boards values (90, null, 'none')");
    await test.database.query("insert into public.cards (id, board_id) values (90, 90), (91, null)");
    const refused = await refusal(
      test.database.query(
        "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'tenant', 'org')",
      ),
    );
    expect(refused).toEqual({
      code: "22023",
      message: expect.stringContaining("public.cards has 2 rows whose parent is missing or has no workspace"),
    });
    await test.database.query("delete from public.cards");
    await test.database.query("delete from public.boards");
    expect(await traces()).toEqual(before);
  });

  it("a snapshot that may miss rows", async () => {
    const late = test.database.transaction(async (tx) => {
      await tx.query("set transaction isolation level repeatable read");
      await tx.query(
        "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'tenant', 'org')",
      );
    });
    expect(await refusal(late)).toEqual({
      code: "22023",
      message: expect.stringContaining("read committed"),
    });
  });
});

it("attach_meter names the call that gives the missing column", async () => {
  const refused = await refusal(
    test.database.query("select usage.attach_meter('public.stickers', 'stickers')"),
  );
  expect(refused).toEqual({
    code: "22023",
    message: expect.stringContaining(
      `column "workspace_id" does not exist; usage.add_workspace_column('public.stickers', 'public.cards', 'card_id') adds`,
    ),
  });
});

it("usage.drop_workspace_column takes back everything, in the order of the levels", async () => {
  const db = test.database;
  const before = await traces();
  await db.query(
    "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'tenant', 'org')",
  );
  await db.query(
    "select usage.add_workspace_column('public.stickers', 'public.cards', 'card_id', p_parent_workspace => 'tenant')",
  );
  const again = await refusal(
    db.query(
      "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'other', 'org')",
    ),
  );
  expect(again.message).toMatch(/public.cards has a workspace column already/u);
  await db.query("select usage.attach_meter('public.stickers', 'stickers')");

  const first = await refusal(db.query("select usage.drop_workspace_column('public.cards', 'tenant')"));
  expect(first.message).toBe(
    'public.stickers takes its workspace from "tenant" of public.cards: drop its column first',
  );
  const metered = await refusal(db.query("select usage.drop_workspace_column('public.stickers')"));
  expect(metered.message).toBe(
    'the meter of "stickers" on public.stickers reads "workspace_id": detach the meter first',
  );
  const other = await refusal(db.query("select usage.drop_workspace_column('public.cards', 'org')"));
  expect(other.message).toBe('public.cards has no column "org" of usage.add_workspace_column');

  await db.query("select usage.detach_meter('public.stickers', 'stickers')");
  await db.query("select usage.drop_workspace_column('public.stickers')");
  await db.query("select usage.drop_workspace_column('public.cards', 'tenant')");
  expect(await traces()).toEqual(before);
});

it("usage.drop_workspace_column leaves a key of the parent that it did not add", async () => {
  const db = test.database;
  await db.query("alter table public.boards add constraint boards_own_key unique (org, id)");
  const before = await traces();
  await db.query(
    "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'tenant', 'org')",
  );
  await db.query("select usage.drop_workspace_column('public.cards', 'tenant')");
  expect(await traces()).toEqual(before);
  await db.query("alter table public.boards drop constraint boards_own_key");
});

it("names that look like code stay names", async () => {
  const db = test.database;
  const board = `"Bo%s ""ard{{table}}'$template$"`;
  const card = `"C'a{{body}}rd""; drop table public.boards; --"`;
  const key = `"bo'a""rd {{equals}} %s"`;
  const tenant = `"{{column}} t'en""ant %"`;
  await db.transaction((tx) =>
    tx.script(`
      create table public.${board} (id text primary key, "w'orkspace %" uuid);
      create table public.${card} (id int primary key, ${key} text not null references public.${board} on update cascade);
    `),
  );
  const text = (name: string) => name.slice(1, -1).replaceAll('""', '"');
  await db.query("select usage.add_workspace_column($1::regclass, $2::regclass, $3, $4, $5)", [
    `public.${card}`,
    `public.${board}`,
    text(key),
    text(tenant),
    "w'orkspace %",
  ]);
  await db.query("select usage.attach_meter($1::regclass, 'cards', p_workspace => $2)", [
    `public.${card}`,
    tenant,
  ]);
  await db.query(`insert into public.${board} values ('a''"', $1)`, [workspace.id]);
  await db.query(`insert into public.${card} values (1, 'a''"'), (2, 'a''"')`);
  await db.query(`update public.${board} set id = 'b'`);
  expect(await used(db, workspace, "cards")).toBe(2);
  const refused = await refusal(db.query(`insert into public.${card} values (3, '%s {{x}}')`));
  expect(refused).toEqual({
    code: "23U02",
    message: `"${text(key)}" of ${text(card)} is '%s {{x}}': ${text(board)} has no such row with a "w'orkspace %"`,
  });
  expect(await drifts(db, workspace)).toEqual([]);
  await db.query("select usage.detach_meter($1::regclass, 'cards')", [`public.${card}`]);
  await db.query("select usage.drop_workspace_column($1::regclass, $2)", [`public.${card}`, text(tenant)]);
  expect(await db.query("select from pg_class where relname = 'boards'")).toHaveLength(1);
});

it("usage.rebuild_meters() follows tables and columns that were renamed", async () => {
  const db = test.database;
  await db.query(
    "select usage.add_workspace_column('public.cards', 'public.boards', 'board_id', 'tenant', 'org')",
  );
  await db.query("select usage.attach_meter('public.cards', 'cards', p_workspace => 'tenant')");
  await db.query("insert into public.boards values (1, $1, 'one')", [workspace.id]);
  await db.transaction((tx) =>
    tx.script(`
      alter table public.boards rename to lists;
      alter table public.lists rename column org to organisation;
      alter table public.cards rename to notes;
      alter table public.notes rename column board_id to list_id;
      select usage.rebuild_meters();
    `),
  );
  await db.query("insert into public.notes (id, list_id) values (1, 1)");
  expect(await used(db, workspace, "cards")).toBe(1);
  const refused = await refusal(db.query("insert into public.notes (id, list_id) values (2, 2)"));
  expect(refused.message).toBe(`"list_id" of notes is '2': lists has no such row with a "organisation"`);
  await db.query("truncate public.notes cascade");
  expect(await used(db, workspace, "cards")).toBe(0);
  await db.query("select usage.detach_meter('public.notes', 'cards')");
  await db.query("select usage.drop_workspace_column('public.notes', 'tenant')");
});
