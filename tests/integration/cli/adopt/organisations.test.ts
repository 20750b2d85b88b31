import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createActionsApp } from "../../../../actions/app.ts";
import { idleDelivery } from "../../../../actions/delivery/index.ts";
import { registry } from "../../../../actions/registry.ts";
import { createSessionNames, silentLogger } from "../../../../src/core/index.ts";
import { createAccessStore } from "../../../../src/domain/access/index.ts";
import { createGate } from "../../../../src/domain/gate/index.ts";
import { startTestEngine, type TestEngine } from "../../../../src/testing/index.ts";
import {
  copyProject,
  organisationsDir,
  organisationsOptions,
  type ProjectCopy,
} from "../../../support/adopted-project.ts";

const secret = "a secret of the adopting project";
const acme = "ac000000-0000-4000-8000-000000000000";
const beta = "be000000-0000-4000-8000-000000000000";
const [boss, member] = ["aa000000-0000-4000-8000-000000000001", "aa000000-0000-4000-8000-000000000002"];
const rival = "bb000000-0000-4000-8000-000000000001";
const anvils = "ac000000-0000-4000-8000-000000000001";
const bolts = "be000000-0000-4000-8000-000000000001";

/** What the adopter writes: metrics of its own, their limits, and the tenant of a task, which only its project knows. */
const meters = `
select usage.add_workspace_column(
  'public.tasks', 'public.projects', 'project_id',
  p_column => 'org_id', p_parent_workspace => 'org_id'
);
insert into usage.metrics (key, kind, unit, feed, title, description)
values
  ('tasks', 'gauge', 'count', 'rows', 'Tasks', 'Tasks of the organisation'),
  ('exports', 'counter', 'count', 'gate', 'Exports', 'Exports in the period');
insert into billing.plan_limits (plan_id, metric, limit_value)
values ('free', 'tasks', 2), ('free', 'exports', 5);
select usage.attach_meter('public.tasks', 'tasks', p_workspace => 'org_id');
`;

const metersDown = `
select usage.detach_meter('public.tasks', 'tasks');
delete from billing.plan_limits where metric in ('tasks', 'exports');
delete from usage.metrics where key in ('tasks', 'exports');
select usage.drop_workspace_column('public.tasks', 'org_id');
`;

let copy: ProjectCopy;
let project: TestEngine;

beforeAll(async () => {
  copy = await copyProject(organisationsDir);
  const adopted = await copy.adopt(organisationsOptions);
  expect(adopted.faults).toEqual([]);
  await copy.addMigration("1777000000000_meter_tasks", meters, metersDown);
  project = await startTestEngine({
    metadata: copy.path("metadata"),
    migrations: copy.path("migrations"),
    seeds: copy.path("seeds"),
    webhooks: ({ database, clock }) =>
      createActionsApp({
        database,
        delivery: idleDelivery,
        gate: createGate({ database, clock }),
        clock,
        logger: silentLogger,
        registry,
        secret,
        sessionNames: createSessionNames(organisationsOptions),
      }),
    env: { HANDLERS_URL: "http://own.test", ACTIONS_BASE_URL: "http://usage.test", ACTION_SECRET: secret },
    database: process.env["TEST_DATABASE_URL"] ?? "",
    settings: { inferFunctionPermissions: true },
  });
}, 120_000);

afterAll(async () => {
  await project.stop();
  await copy.remove();
});

const as = (role: string, orgId: string, userId: string) =>
  project.as(role, { "x-hasura-org-id": orgId, "x-hasura-org-user-id": userId });

const addTask = (orgId: string, projectId: string) =>
  as("member", orgId, member).query(
    'mutation ($p: uuid!) { insert_tasks_one(object: {project_id: $p, title: "Draw"}) { title } }',
    { p: projectId },
  );

describe("a project with tenants, claims and roles of its own", () => {
  it("counts rows of a table without a tenant column, and refuses at the limit", async () => {
    for (let used = 0; used < 2; used += 1) expect((await addTask(acme, anvils)).errors).toBeUndefined();
    const refused = await addTask(acme, anvils);
    expect(refused.errors?.[0]?.message).toMatch(/limit of 2 tasks reached/u);
    expect((await addTask(beta, bolts)).errors).toBeUndefined();
  });

  it("shows each organisation its own usage alone", async () => {
    const document = `{ usage_current(where: {metric: {_eq: "tasks"}}) { workspace_id used limit_value } workspaces { id } }`;
    expect(await as("member", acme, member).data(document)).toEqual({
      usage_current: [{ workspace_id: acme, used: 2, limit_value: 2 }],
      workspaces: [{ id: acme }],
    });
    expect(await as("org_admin", beta, rival).data(document)).toEqual({
      usage_current: [{ workspace_id: beta, used: 1, limit_value: 2 }],
      workspaces: [{ id: beta }],
    });
  });

  it("gives the product's names no rights", async () => {
    for (const role of ["user", "workspace_admin"]) {
      const { errors } = await project
        .as(role, { "x-hasura-workspace-id": acme, "x-hasura-user-id": member })
        .query("{ usage_current { used } }");
      expect(errors?.[0]?.message).toMatch(/usage_current/u);
    }
    const claimed = await project
      .as("member", { "x-hasura-org-id": beta, "x-hasura-workspace-id": acme })
      .data("{ usage_current { workspace_id } }");
    expect(JSON.stringify(claimed)).not.toContain(acme);
  });

  it("takes workspace and user of an action from its own claims", async () => {
    const document = `mutation ($w: uuid!) { consumeUsage(workspaceId: $w, metric: "exports", amount: 2) { allowed used } }`;
    expect(await as("member", acme, member).data(document, { w: acme })).toEqual({
      consumeUsage: { allowed: true, used: 2 },
    });
    const { errors } = await as("member", acme, member).query(document, { w: beta });
    expect(errors?.[0]?.extensions["code"]).toBe("workspace-forbidden");
  });

  it("takes the workspace of the gate's function from its own claim", async () => {
    const document = `mutation { usage_gate(args: {metric: "exports"}) { workspace_id used } }`;
    expect(await as("member", acme, member).data(document)).toEqual({
      usage_gate: [{ workspace_id: acme, used: 3 }],
    });
  });

  it("lets administrators of the organisation alone make keys", async () => {
    const document = `mutation ($w: uuid!) { createApiKey(workspaceId: $w, name: "server") { prefix } }`;
    expect(await as("org_admin", acme, boss).data(document, { w: acme })).toEqual({
      createApiKey: { prefix: expect.any(String) },
    });
    expect((await as("member", acme, member).query(document, { w: acme })).errors).toBeDefined();
  });

  it("knows its members and their roles", async () => {
    const store = createAccessStore(project.database);
    expect(await store.memberRole(acme, boss)).toBe("admin");
    expect(await store.memberRole(acme, member)).toBe("member");
    expect(await store.memberRole(beta, member)).toBeUndefined();
  });

  it("makes a workspace of a new organisation, and forgets one that is gone", async () => {
    const [added] = await project.database.query<{ org_id: string }>(
      "insert into organisations (name) values ('Gamma') returning org_id",
    );
    const count = async (): Promise<number> =>
      (await project.database.query("select from workspaces where id = $1", [added?.org_id])).length;
    expect(await count()).toBe(1);
    await project.database.query("delete from organisations where org_id = $1", [added?.org_id]);
    expect(await count()).toBe(0);
  });
});
