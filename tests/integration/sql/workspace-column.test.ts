import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { drifts, refusal } from "./meter-fixtures.ts";

let test: TestDatabase;
let first: Workspace;
let second: Workspace;
let project: string;

/** Tasks and their notes know no workspace: tasks have a project, notes a task. */
const tables = `
create table public.projects (
  id uuid not null default gen_random_uuid(),
  workspace_id uuid not null,
  constraint projects_pkey primary key (id)
);
create table public.tasks (
  id uuid not null default gen_random_uuid(),
  project_id uuid not null,
  title text not null default '',
  constraint tasks_pkey primary key (id),
  constraint tasks_project_id_fkey foreign key (project_id) references public.projects (id) on delete cascade
);
create table public.notes (
  id uuid not null default gen_random_uuid(),
  task_id uuid not null,
  constraint notes_pkey primary key (id),
  constraint notes_task_id_fkey foreign key (task_id) references public.tasks (id) on delete cascade
);
insert into usage.metrics (key, kind, unit, feed, title, description)
values
  ('tasks', 'gauge', 'count', 'rows', 'Tasks', ''),
  ('notes', 'gauge', 'count', 'rows', 'Notes', '');
`;

const query = <R>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> =>
  test.database.query<R>(text, values);

const usedBy = async (workspace: Workspace, metric: string): Promise<number> => {
  const [row] = await query<{ used: string }>(
    "select used from usage.current where workspace_id = $1 and metric = $2",
    [workspace.id, metric],
  );
  return Number(row?.used);
};

const addProject = async (workspace: Workspace): Promise<string> => {
  const id = randomUUID();
  await query("insert into public.projects (id, workspace_id) values ($1, $2)", [id, workspace.id]);
  return id;
};

const addTasks = (to: string, count: number): Promise<unknown> =>
  query("insert into public.tasks (project_id) select $1 from generate_series(1, $2)", [to, count]);

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 12 });
  first = await createWorkspace(test.database);
  await test.database.transaction((tx) => tx.script(tables));
  project = await addProject(first);
  // A row from before the column is filled and counted.
  await addTasks(project, 1);
  await query("select usage.add_workspace_column('public.tasks', 'public.projects', 'project_id')");
  await query("select usage.add_workspace_column('public.notes', 'public.tasks', 'task_id')");
  await query("select usage.attach_meter('public.tasks', 'tasks')");
  await query("select usage.attach_meter('public.notes', 'notes')");
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  await query("delete from public.projects where id <> $1", [project]);
  second = await createWorkspace(test.database);
  for (const workspace of [first, second])
    for (const metric of ["tasks", "notes"]) await setLimit(test.database, workspace.id, metric, 1_000);
});

describe("a table with a workspace column of its parent", () => {
  it("counts the rows that were there before", async () => {
    expect(await usedBy(first, "tasks")).toBe(1);
  });

  it("counts new rows for the parent's workspace, whatever the client sends", async () => {
    const own = await addProject(second);
    await query("insert into public.tasks (project_id, workspace_id) values ($1, $2)", [own, first.id]);
    await query("update public.tasks set workspace_id = $1 where project_id = $2", [first.id, own]);
    expect([await usedBy(first, "tasks"), await usedBy(second, "tasks")]).toEqual([1, 1]);
  });

  it("follows a row that changes its parent, and a parent that moves, over two levels", async () => {
    const own = await addProject(second);
    await addTasks(own, 3);
    await query("insert into public.notes (task_id) select id from public.tasks where project_id = $1", [
      own,
    ]);
    expect(await usedBy(second, "notes")).toBe(3);
    await query("update public.projects set workspace_id = $1 where id = $2", [first.id, own]);
    expect([await usedBy(first, "tasks"), await usedBy(second, "tasks")]).toEqual([4, 0]);
    expect([await usedBy(first, "notes"), await usedBy(second, "notes")]).toEqual([3, 0]);
    const other = await addProject(second);
    await query("update public.tasks set project_id = $1 where project_id = $2", [other, own]);
    expect([await usedBy(first, "notes"), await usedBy(second, "notes")]).toEqual([0, 3]);
    expect(await drifts(test.database, first)).toEqual([]);
    expect(await drifts(test.database, second)).toEqual([]);
  });

  it("gives back what a cascade deletes, although the parent is gone by then", async () => {
    const own = await addProject(second);
    await addTasks(own, 5);
    await query("insert into public.notes (task_id) select id from public.tasks where project_id = $1", [
      own,
    ]);
    await query("delete from public.projects where id = $1", [own]);
    expect([await usedBy(second, "tasks"), await usedBy(second, "notes")]).toEqual([0, 0]);
  });

  it("refuses a row whose parent does not exist", async () => {
    expect((await refusal(addTasks(randomUUID(), 1))).code).toBe("23U02");
  });

  it("refuses a move that would pass the limit of the other workspace, whole", async () => {
    const own = await addProject(first);
    await addTasks(own, 3);
    await setLimit(test.database, second.id, "tasks", 2);
    const moved = refusal(
      query("update public.projects set workspace_id = $1 where id = $2", [second.id, own]),
    );
    expect((await moved).code).toBe("23U01");
    expect([await usedBy(first, "tasks"), await usedBy(second, "tasks")]).toEqual([4, 0]);
  });

  it("stays exact while the parent moves to and fro under inserts", async () => {
    const own = await addProject(second);
    const insert = async (): Promise<void> => {
      for (let n = 0; n < 20; n += 1) await addTasks(own, 2);
    };
    const move = async (): Promise<void> => {
      for (let n = 0; n < 10; n += 1)
        await query("update public.projects set workspace_id = $1 where id = $2", [
          n % 2 === 0 ? first.id : second.id,
          own,
        ]);
    };
    await Promise.all([insert(), insert(), insert(), move()]);
    expect((await usedBy(first, "tasks")) + (await usedBy(second, "tasks"))).toBe(121);
    expect(await drifts(test.database, first)).toEqual([]);
    expect(await drifts(test.database, second)).toEqual([]);
  });
});

describe("usage.add_workspace_column", () => {
  it("quotes names that are hostile", async () => {
    await test.database.transaction((tx) =>
      tx.script(`
        create table public."p; drop table x --" (id uuid constraint p_pkey primary key, "we'ird" uuid not null);
        create table public."c ""quoted""" (id int, "fk %s" uuid references public."p; drop table x --" (id));
      `),
    );
    await query(
      `select usage.add_workspace_column('public."c ""quoted"""', 'public."p; drop table x --"', 'fk %s', 'ten''ant', 'we''ird')`,
    );
    const id = randomUUID();
    await query(`insert into public."p; drop table x --" values ($1, $2)`, [id, first.id]);
    await query(`insert into public."c ""quoted""" (id, "fk %s") values (1, $1)`, [id]);
    expect(await query(`select "ten'ant" as tenant from public."c ""quoted"""`)).toEqual([
      { tenant: first.id },
    ]);
    const lost = await refusal(
      query(`insert into public."c ""quoted""" (id, "fk %s") values (1, $1)`, [randomUUID()]),
    );
    expect(lost.code).toBe("23U02");
  });

  it("refuses rows without a parent that are there already, and changes nothing", async () => {
    await test.database.transaction((tx) =>
      tx.script(`
        create table public.orphans (id int, project_id uuid);
        insert into public.orphans values (1, null);
      `),
    );
    const refused = await refusal(
      query("select usage.add_workspace_column('public.orphans', 'public.projects', 'project_id')"),
    );
    expect(refused.code).toBe("22023");
    expect(await query("select * from public.orphans")).toEqual([{ id: 1, project_id: null }]);
  });

  it("is named by attach_meter where the column is missing", async () => {
    await test.database.transaction((tx) =>
      tx.script("create table public.steps (id int, task_id uuid references public.tasks (id))"),
    );
    const refused = await refusal(query("select usage.attach_meter('public.steps', 'tasks')"));
    expect(refused.message).toContain("workspace_id");
  });

  it("leaves the table as it was when it is dropped", async () => {
    await query("select usage.detach_meter('public.notes', 'notes')");
    await query("select usage.drop_workspace_column('public.notes')");
    const left = await query(
      "select attname from pg_attribute where attrelid = 'public.notes'::regclass and attnum > 0 and not attisdropped",
    );
    expect(left).toEqual([{ attname: "id" }, { attname: "task_id" }]);
  });
});
