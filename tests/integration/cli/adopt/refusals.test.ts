import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  copyProject,
  ordersDir,
  organisationsDir,
  organisationsOptions,
  type ProjectCopy,
} from "../../../support/adopted-project.ts";
import { createTestDatabase } from "../../../support/database.ts";

let copy: ProjectCopy;

beforeEach(async () => {
  copy = await copyProject(organisationsDir);
});

afterEach(() => copy.remove());

/** Adopts, expects a refusal that wrote nothing, and returns its faults in one line each. */
const refuse = async (options: Parameters<ProjectCopy["adopt"]>[0] = organisationsOptions) => {
  const before = await copy.digest();
  const adopted = await copy.adopt(options);
  expect(adopted.isWritten).toBe(false);
  expect(adopted.changes).toEqual([]);
  expect(await copy.digest()).toBe(before);
  for (const { advice } of adopted.faults) expect(advice).not.toBe("");
  return adopted.faults.map(({ code, message }) => `${code}: ${message}`);
};

const append = async (path: string, text: string): Promise<void> =>
  copy.write(path, `${await copy.read(path)}${text}`);

describe("a project that has what hasura-usage makes", () => {
  it("is refused with every fault at once", async () => {
    await copy.write(
      "metadata/actions.yaml",
      `actions:
  - name: checkUsage
    definition:
      kind: ""
      handler: http://own.test
custom_types:
  enums:
    - name: WebhookSecret
  input_objects:
    - name: UsageItemInput
  scalars:
    - name: AddOnOffer
`,
    );
    await copy.write(
      "metadata/actions.graphql",
      `type Query { checkUsage: UsageDecision }
type UsageDecision { allowed: Boolean! }
input UsageItemInput { metric: String }
enum WebhookSecret { ONE }
scalar AddOnOffer
`,
    );
    await copy.write(
      "metadata/cron_triggers.yaml",
      "- name: usage_reconcile\n  webhook: http://own.test\n  schedule: 0 * * * *\n",
    );
    await append(
      "metadata/databases/default/tables/tables.yaml",
      '- "!include usage_current.yaml"\n- "!include public_usage_alerts.yaml"\n',
    );
    await copy.write(
      "metadata/databases/default/tables/usage_current.yaml",
      "table:\n  name: current\n  schema: usage\n",
    );
    await copy.write(
      "metadata/databases/default/tables/public_usage_alerts.yaml",
      "table:\n  name: usage_alerts\n  schema: public\nevent_triggers:\n  - name: usage_alert_raised\n",
    );
    await copy.addMigration(
      "1767225700000_create_billing",
      `create schema billing;
       create table billing.invoices (id bigint);
       create schema usage;
       create view usage.current as select 1 as id;
       create table public.usage_alerts (id bigint);
       create table public.tenants (id bigint primary key);`,
      "select 1;",
    );
    const faults = await refuse({
      source: "main",
      tenant: { schema: "public", name: "tenants" },
      members: { ...organisationsOptions.members, roleColumn: "rank" },
      roles: [{ theirs: "member", ours: "user" }],
    });
    expect(faults.sort()).toMatchInlineSnapshot(`
      [
        "member-table: public.memberships has no column rank",
        "missing-source: metadata/databases/databases.yaml has no source main",
        "name-conflict: action checkUsage has the name of the action checkUsage of hasura-usage",
        "name-conflict: cron trigger usage_reconcile has the name of the cron trigger usage_reconcile of hasura-usage",
        "name-conflict: enum WebhookSecret has the name of the type WebhookSecret of hasura-usage",
        "name-conflict: event trigger usage_alert_raised of public.usage_alerts has the name of the event trigger usage_alert_raised of usage.alerts of hasura-usage",
        "name-conflict: input type UsageItemInput has the name of the type UsageItemInput of hasura-usage",
        "name-conflict: metadata/databases/default/tables/usage_current.yaml is there already",
        "name-conflict: scalar AddOnOffer has the name of the type AddOnOffer of hasura-usage",
        "name-conflict: table public.usage_alerts has the name of the table usage.alerts of hasura-usage",
        "name-conflict: table usage.current has the name of the table usage.current of hasura-usage",
        "name-conflict: type UsageDecision of actions.graphql has the name of the type UsageDecision of hasura-usage",
        "schema-conflict: the database has a schema billing already, with invoices",
        "schema-conflict: the database has a schema usage already, with current",
        "schema-conflict: usage.current is tracked in the metadata, in a schema that hasura-usage makes",
        "tenant-table: the key of public.tenants is (id bigint), not one column of type uuid",
      ]
    `);
  });
});

describe("a table of tenants", () => {
  const migrate = (sql: string) => copy.addMigration("1767225700000_change", sql, "select 1;");

  it.each([
    [
      "of another key",
      "create table public.t (id bigint primary key)",
      /the key of public\.t is \(id bigint\)/u,
    ],
    ["of two keys", "create table public.t (a uuid, b uuid, primary key (a, b))", /\(a uuid, b uuid\)/u],
    ["without a key", "create table public.t (id uuid)", /public\.t has no primary key/u],
    ["that is a view", "create view public.t as select 1 as id", /public\.t is not a table/u],
    ["that is not there", "select 1", /there is no table public\.t after your migrations/u],
    [
      "beside another public.workspaces",
      "create table public.t (id uuid primary key); create table public.workspaces (id int)",
      /has a table public\.workspaces/u,
    ],
  ])("%s is refused", async (_what, sql, message) => {
    await migrate(sql);
    const faults = await refuse({ ...organisationsOptions, tenant: { schema: "public", name: "t" } });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });

  it("is asked for where public.workspaces is neither tracked nor there", async () => {
    expect(await refuse({})).toEqual([
      "tenant-table: public.workspaces is not tracked in the metadata",
      "tenant-table: there is no table public.workspaces",
    ]);
  });

  it("may be public.workspaces itself, once it has a time zone", async () => {
    await migrate(
      "create table public.workspaces (id uuid primary key, created_at timestamptz not null default now())",
    );
    await append("metadata/databases/default/tables/tables.yaml", '- "!include public_workspaces.yaml"\n');
    await copy.write(
      "metadata/databases/default/tables/public_workspaces.yaml",
      "table:\n  name: workspaces\n  schema: public\n",
    );
    const [fault] = await refuse({});
    expect(fault).toMatch(/public\.workspaces has no time_zone text/u);
    await copy.addMigration(
      "1767225800000_add_time_zone",
      "alter table public.workspaces add column time_zone text not null default 'UTC'",
      "select 1;",
    );
    expect(await copy.adopt({ dryRun: true })).toMatchObject({ faults: [], isWritten: false });
  });
});

describe("migrations that do not run on a scratch server", () => {
  beforeEach(() =>
    copy.addMigration("1767225700000_use_extension", "create extension postgis_of_ours;", "select 1;"),
  );

  it("are named, with the way out", async () => {
    const faults = await refuse();
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/1767225700000_use_extension failed .*postgis_of_ours/u);
    const { faults: again } = await copy.adopt(organisationsOptions);
    expect(again[0]?.advice).toMatch(/--database-url/u);
  });

  it("are not run where a live database is named, which is read only", async () => {
    const live = await createTestDatabase({ empty: true });
    try {
      await live.database.transaction((tx) =>
        tx.script(`
          create table public.organisations (org_id uuid primary key);
          create table public.memberships (org_id uuid, person_id uuid, role text);
        `),
      );
      const adopted = await copy.adopt({ ...organisationsOptions, databaseUrl: live.url });
      expect(adopted).toMatchObject({ faults: [], isWritten: true });
      const left = await live.database.query(
        "select from pg_namespace where nspname in ('usage', 'billing')",
      );
      expect(left).toEqual([]);
    } finally {
      await live.drop();
    }
  });

  it("are not run where the live database cannot be read, which is said", async () => {
    const [fault] = await refuse({
      ...organisationsOptions,
      databaseUrl: "postgres://nobody@127.0.0.1:1/none",
    });
    expect(fault).toMatch(/the database of --database-url cannot be read/u);
  });
});

describe("roles", () => {
  it("that would act for every tenant must be confirmed", async () => {
    await append(
      "metadata/databases/default/tables/public_organisations.yaml",
      "  - role: operator\n    permission:\n      columns: [org_id]\n      filter: {}\n",
    );
    expect(await refuse()).toEqual([
      "role-conflict: your role operator would get the rights of the product's operator, which acts for all tenants",
    ]);
    const roles = [...organisationsOptions.roles, { theirs: "operator", ours: "operator" } as const];
    expect((await copy.adopt({ ...organisationsOptions, roles, dryRun: true })).faults).toEqual([]);
    const renamed = [...organisationsOptions.roles, { theirs: "staff", ours: "operator" } as const];
    const { faults, notes } = await copy.adopt({ ...organisationsOptions, roles: renamed, dryRun: true });
    expect(faults).toEqual([]);
    expect(notes).toContain("no permission of yours names the role staff of --role yet");
  });

  it("cannot stand for two at once", async () => {
    const roles = [{ theirs: "user", ours: "workspace_admin" }] as const;
    expect(await refuse({ ...organisationsOptions, roles })).toEqual([
      "invalid-option: the role user would stand for user and workspace_admin at once",
    ]);
  });
});

describe("a folder that is no project of version 3", () => {
  it("is refused", async () => {
    await copy.write("metadata/version.yaml", "version: 2\n");
    expect(await refuse()).toEqual(["invalid-project: metadata/version.yaml says version 2, not 3"]);
    const nowhere = await copy.adopt({ ...organisationsOptions, to: copy.path("nowhere") });
    expect(nowhere.faults[0]?.message).toMatch(/there is no folder/u);
  });

  it("is refused for a source that is not Postgres, and for none", async () => {
    await append("metadata/databases/databases.yaml", "- name: warehouse\n  kind: mssql\n");
    expect(await refuse({ ...organisationsOptions, source: "warehouse" })).toEqual([
      "missing-source: the source warehouse is of kind mssql, not postgres",
    ]);
  });

  it("is refused for a list in brackets, which is named", async () => {
    await copy.write("metadata/cron_triggers.yaml", "[{name: a, webhook: b, schedule: '* * * * *'}]\n");
    expect(await refuse()).toEqual([
      "invalid-project: metadata/cron_triggers.yaml: it is written in braces or brackets: write it in block style, one entry a line",
    ]);
  });
});

describe("an adopted project", () => {
  it("keeps its tables, and says so", async () => {
    await copy.remove();
    copy = await copyProject(ordersDir);
    expect((await copy.adopt({ tenant: { schema: "public", name: "shops" } })).faults).toEqual([]);
    expect(await refuse({ source: "other", tenant: { schema: "public", name: "orders" } })).toEqual([
      "invalid-option: --source differs from what this project was adopted with",
      "invalid-option: --tenant differs from what this project was adopted with",
    ]);
    expect(await refuse({ version: "0.0.9" })).toEqual([
      "invalid-release: the project has release 0.1.0, and this is 0.0.9",
    ]);
  });
});
