import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { drifts, refusal, used } from "./meter-fixtures.ts";

/** Tables without a tenant column: tasks have only a project, comments only a task. */

let test: TestDatabase;
let a: Workspace;
let b: Workspace;
let project: string;
const role = `adopter_${randomBytes(6).toString("hex")}`;

const tables = `
create table public.projects (
  id bigint generated always as identity primary key,
  name text not null default '',
  workspace_id uuid references public.workspaces (id) on delete cascade
);
create table public.tasks (
  id bigint generated always as identity primary key,
  project_id bigint references public.projects (id) on delete cascade,
  title text not null default '',
  changes int not null default 0
);
create index on public.tasks (project_id);
create table public.comments (
  id bigint generated always as identity primary key,
  task_id bigint not null references public.tasks (id) on delete cascade
);
create index on public.comments (task_id);
create function public.note_change() returns trigger language plpgsql as $$
begin
  new.changes := old.changes + 1;
  return new;
end $$;
create trigger note_change before update on public.tasks for each row execute function public.note_change();
insert into usage.metrics
values
  ('tasks', 'gauge', 'count', 'rows', 'Tasks', 'Tasks'),
  ('tasks_added', 'counter', 'count', 'rows', 'Tasks added', 'Tasks added'),
  ('comments', 'gauge', 'count', 'rows', 'Comments', 'Comments');
`;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 20 });
  const db = test.database;
  await db.transaction((tx) => tx.script(tables));
  const early = await createWorkspace(db);
  await db.query(
    "with early as (insert into public.projects (workspace_id) values ($1), ($1) returning id) insert into public.tasks (project_id) select id from early",
    [early.id],
  );
  await db.query("select usage.add_workspace_column('public.tasks', 'public.projects', 'project_id')");
  await db.query("select usage.add_workspace_column('public.comments', 'public.tasks', 'task_id')");
  for (const [table, metric] of [
    ["tasks", "tasks"],
    ["tasks", "tasks_added"],
    ["comments", "comments"],
  ])
    await db.query("select usage.attach_meter($1::regclass, $2)", [`public.${String(table)}`, metric]);
  await db.query(`create role ${role}`);
}, 60_000);
afterAll(async () => {
  await test.database.query(`drop owned by ${role}`);
  await test.database.query(`drop role ${role}`);
  await test.drop();
});
beforeEach(async () => {
  a = await createWorkspace(test.database);
  b = await createWorkspace(test.database);
  for (const { id } of [a, b])
    for (const metric of ["tasks", "tasks_added", "comments"])
      await setLimit(test.database, id, metric, null);
  project = await addProject(a.id);
});

const addProject = async (workspaceId: string | null): Promise<string> => {
  const [row] = await test.database.query<{ id: string }>(
    "insert into public.projects (workspace_id) values ($1) returning id",
    [workspaceId],
  );
  return String(row?.id);
};

const addTasks = async (projectId: string, count: number, db: Queryable = test.database): Promise<string> => {
  const [row] = await db.query<{ id: string }>(
    "insert into public.tasks (project_id) select $1 from generate_series(1, $2::int) returning id",
    [projectId, count],
  );
  return String(row?.id);
};

const addComments = (taskId: string, count: number) =>
  test.database.query("insert into public.comments (task_id) select $1 from generate_series(1, $2::int)", [
    taskId,
    count,
  ]);

const move = (projectId: string, to: Workspace, db: Queryable = test.database) =>
  db.query("update public.projects set workspace_id = $2 where id = $1", [projectId, to.id]);

const both = async (metric: string): Promise<readonly number[]> => [
  await used(test.database, a, metric),
  await used(test.database, b, metric),
];

const expectNoDrift = async (): Promise<void> => {
  expect([await drifts(test.database, a), await drifts(test.database, b)]).toEqual([[], []]);
};

const workspacesOfTasks = async (): Promise<readonly unknown[]> => {
  const rows = await test.database.query<{ workspace_id: string }>(
    "select distinct workspace_id from public.tasks where project_id = $1",
    [project],
  );
  return rows.map(({ workspace_id }) => workspace_id);
};

const waitForLock = (fragment: string) =>
  waitFor(`a statement like ${fragment} to wait for a lock`, async () => {
    const [row] = await test.database.query<{ waits: boolean }>(
      "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like $1) as waits",
      [`%${fragment}%`],
    );
    return row?.waits;
  });

describe("a workspace column", () => {
  it("is filled for the rows that existed, without firing their triggers", async () => {
    const rows = await test.database.query(
      `select count(*)::int as tasks, sum(task.changes)::int as changes
       from public.tasks as task
       join public.projects as project on project.id = task.project_id and project.workspace_id = task.workspace_id
       where task.id <= 2`,
    );
    expect(rows).toEqual([{ tasks: 2, changes: 0 }]);
    const enabled = await test.database.query(
      "select tgenabled from pg_trigger where tgrelid = 'public.tasks'::regclass and tgname = 'note_change'",
    );
    expect(enabled).toEqual([{ tgenabled: "O" }]);
  });

  it("ignores what a client writes into it", async () => {
    const db = test.database;
    await db.query("insert into public.tasks (project_id, workspace_id) values ($1, $2)", [project, b.id]);
    await db.query("insert into public.tasks (project_id, workspace_id) values ($1, null)", [project]);
    await db.query("update public.tasks set workspace_id = $2 where project_id = $1", [project, b.id]);
    expect(await workspacesOfTasks()).toEqual([a.id]);
    expect(await both("tasks")).toEqual([2, 0]);
    expect(await both("tasks_added")).toEqual([2, 0]);
    await expectNoDrift();
  });

  it("follows a row that gets another parent", async () => {
    await addTasks(project, 3);
    const other = await addProject(b.id);
    await test.database.query("update public.tasks set project_id = $2 where project_id = $1", [
      project,
      other,
    ]);
    expect(await both("tasks")).toEqual([0, 3]);
    expect(await both("tasks_added")).toEqual([3, 3]);
    await expectNoDrift();
  });

  it("carries a move of the parent through every level", async () => {
    const task = await addTasks(project, 2);
    await addComments(task, 5);
    await move(project, b);
    expect([await both("tasks"), await both("comments")]).toEqual([
      [0, 2],
      [0, 5],
    ]);
    expect(await both("tasks_added")).toEqual([2, 2]);
    await expectNoDrift();
  });

  it("lets the limit of the new workspace refuse the move of the parent", async () => {
    const task = await addTasks(project, 2);
    await addComments(task, 5);
    await test.database.query(
      "update billing.limit_overrides set limit_value = 4 where workspace_id = $1 and metric = 'comments'",
      [b.id],
    );
    expect((await refusal(move(project, b))).code).toBe("23U01");
    expect([await both("tasks"), await both("comments")]).toEqual([
      [2, 0],
      [5, 0],
    ]);
    await expectNoDrift();
  });

  it("gives back what the deletion of a parent takes along", async () => {
    const task = await addTasks(project, 2);
    await addComments(task, 5);
    await test.database.query("delete from public.projects where id = $1", [project]);
    expect([await both("tasks"), await both("comments")]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(await both("tasks_added")).toEqual([2, 0]);
    await expectNoDrift();
  });

  it("lets a whole workspace be deleted", async () => {
    await addComments(await addTasks(project, 2), 5);
    await test.database.query("delete from public.workspaces where id = $1", [a.id]);
    expect(await test.database.query("select from public.tasks where workspace_id = $1", [a.id])).toEqual([]);
    expect(await drifts(test.database, b)).toEqual([]);
  });

  it.each([
    ["a parent that does not exist", async () => "0"],
    ["a parent without a workspace", () => addProject(null)],
    ["no parent", async () => null],
  ])("refuses a row with %s", async (_what, parentOf) => {
    const parent = await parentOf();
    const db = test.database;
    await addTasks(project, 1);
    const inserted = await refusal(db.query("insert into public.tasks (project_id) values ($1)", [parent]));
    const updated = await refusal(
      db.query("update public.tasks set project_id = $2 where project_id = $1", [project, parent]),
    );
    for (const refused of [inserted, updated])
      expect(refused).toEqual({
        code: "23U02",
        message: `"project_id" of tasks is ${parent === null ? "null" : `'${parent}'`}: projects has no such row with a "workspace_id"`,
      });
    expect(await both("tasks")).toEqual([1, 0]);
  });

  it("keeps a parent that has rows from losing its workspace", async () => {
    await addTasks(project, 1);
    const refused = await refusal(
      test.database.query("update public.projects set workspace_id = null where id = $1", [project]),
    );
    expect(refused.code).toBe("23U02");
    expect(await both("tasks")).toEqual([1, 0]);
  });

  it("counts a copy and an upsert like an insert", async () => {
    const db = test.database;
    await db.transaction((tx) =>
      tx.copy("copy public.tasks (project_id) from stdin", `${project}\n${project}\n`),
    );
    const other = await addProject(b.id);
    await db.query(
      `insert into public.tasks (id, project_id)
       overriding system value
       select id, $2
       from public.tasks
       where project_id = $1
       on conflict (id) do update set project_id = excluded.project_id`,
      [project, other],
    );
    expect(await both("tasks")).toEqual([0, 2]);
    await expectNoDrift();
  });

  it("is kept for a role that may neither read the parent nor call the function", async () => {
    const db = test.database;
    await db.query(`grant usage on schema public to ${role}`);
    await db.query(`grant insert on public.tasks to ${role}`);
    await db.transaction(async (tx) => {
      await tx.query(`set local role ${role}`);
      await tx.query("set local search_path = pg_temp");
      await tx.query("create temporary table projects (id bigint, workspace_id uuid)");
      await tx.query("insert into public.tasks (project_id, workspace_id) values ($1, $2)", [project, b.id]);
    });
    expect(await both("tasks")).toEqual([1, 0]);
    for (const call of [
      "usage.add_workspace_column('public.comments', 'public.tasks', 'task_id', 'tenant')",
      "usage.drop_workspace_column('public.tasks')",
      "usage.workspace_public_tasks()",
    ]) {
      const asRole = db.transaction(async (tx) => {
        await tx.query(`grant usage on schema usage to ${role}`);
        await tx.query(`set local role ${role}`);
        await tx.query(`select ${call}`);
      });
      expect((await refusal(asRole)).code).toBe("42501");
    }
  });
});

describe("a move of the parent", () => {
  it("waits for an uncommitted row and takes it along", async () => {
    const db = test.database;
    let moving: Promise<unknown> = Promise.resolve();
    await db.transaction(async (tx) => {
      await addTasks(project, 1, tx);
      moving = move(project, b);
      await waitForLock("update public.projects");
    });
    await moving;
    expect(await workspacesOfTasks()).toEqual([b.id]);
    expect(await both("tasks")).toEqual([0, 1]);
    await expectNoDrift();
  });

  it("makes a new row wait, which then belongs to the new workspace", async () => {
    const db = test.database;
    let adding: Promise<unknown> = Promise.resolve();
    await db.transaction(async (tx) => {
      await move(project, b, tx);
      adding = addTasks(project, 1);
      await waitForLock("insert into public.tasks");
    });
    await adding;
    expect(await workspacesOfTasks()).toEqual([b.id]);
    expect(await both("tasks")).toEqual([0, 1]);
    await expectNoDrift();
  });

  it("under an older snapshot fails to serialize instead of missing a row", async () => {
    const db = test.database;
    await addTasks(project, 1);
    const moved = db.transaction(async (tx) => {
      await tx.query("set transaction isolation level repeatable read");
      await tx.query("select from public.projects");
      await addTasks(project, 1);
      await move(project, b, tx);
    });
    expect((await refusal(moved)).code).toBe("40001");
    expect(await both("tasks")).toEqual([2, 0]);
    await expectNoDrift();
  });

  it("is the only change of a parent that waits for its uncommitted rows", async () => {
    const db = test.database;
    await db.transaction(async (tx) => {
      await addTasks(project, 1, tx);
      await db.query("update public.projects set name = 'renamed' where id = $1", [project]);
    });
    expect(await both("tasks")).toEqual([1, 0]);
  });

  it("beside many writers leaves no drift", async () => {
    const db = test.database;
    const task = await addTasks(project, 1);
    const codes = new Set<string>();
    const attempt = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        codes.add((await refusal(Promise.reject(error as Error))).code);
      }
    };
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let round = 0; round < 30; round += 1) {
        await attempt(addTasks(project, 1 + (round % 3)));
        await attempt(addComments(task, 1));
        if (writer % 3 === 0)
          await attempt(
            db.query(
              "delete from public.tasks where id in (select id from public.tasks where project_id = $1 and id <> $2 order by id limit 2)",
              [project, task],
            ),
          );
      }
    });
    const mover = async () => {
      for (let round = 0; round < 40; round += 1) await attempt(move(project, round % 2 === 0 ? b : a));
    };
    await Promise.all([...writers, mover()]);
    // A cascade and a deletion may meet in the order of their rows; what fails then is undone.
    expect([...codes].filter((code) => code !== "40P01")).toEqual([]);
    const strays = await db.query(
      `select from public.tasks as task
       join public.projects as project on project.id = task.project_id
       where task.workspace_id <> project.workspace_id
       union all
       select from public.comments as comment
       join public.tasks as task on task.id = comment.task_id
       where comment.workspace_id <> task.workspace_id`,
    );
    expect(strays).toEqual([]);
    const [counts] = await db.query<{ tasks: number; comments: number }>(
      `select
         (select count(*)::int from public.tasks where workspace_id in ($1, $2)) as tasks,
         (select count(*)::int from public.comments where workspace_id in ($1, $2)) as comments`,
      [a.id, b.id],
    );
    const sum = (pair: readonly number[]) => pair.reduce((total, one) => total + one, 0);
    expect([sum(await both("tasks")), sum(await both("comments"))]).toEqual([
      counts?.tasks,
      counts?.comments,
    ]);
    await expectNoDrift();
  }, 120_000);
});
