import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { describeSchema, migrate } from "../../../../src/postgres/index.ts";
import {
  copyProject,
  ordersDir,
  organisationsDir,
  organisationsOptions,
  type ProjectCopy,
} from "../../../support/adopted-project.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";

const shops = { tenant: { schema: "public", name: "shops" } } as const;

const withCopy = async (from: string, work: (copy: ProjectCopy) => Promise<void>): Promise<void> => {
  const copy = await copyProject(from);
  try {
    await work(copy);
  } finally {
    await copy.remove();
  }
};

describe("--remove --purge", () => {
  it.each([
    ["orders", ordersDir, shops],
    ["organisations", organisationsDir, organisationsOptions],
  ])("leaves the project of %s byte for byte as it was", async (_name, from, options) => {
    await withCopy(from, async (copy) => {
      const before = await copy.digest();
      expect((await copy.adopt(options)).isWritten).toBe(true);
      expect(await copy.digest()).not.toBe(before);
      const dry = await copy.adopt({ remove: "purge", dryRun: true });
      expect(dry).toMatchObject({ action: "remove", isWritten: false, faults: [], kept: [] });
      expect(dry.changes.length).toBeGreaterThan(40);
      expect((await copy.adopt({ remove: "purge" })).faults).toEqual([]);
      expect(await copy.digest()).toBe(before);
    });
  });

  it("is refused while a migration of the project needs the product", async () => {
    await withCopy(ordersDir, async (copy) => {
      await copy.adopt(shops);
      await copy.addMigration(
        "1777000000000_read_usage",
        "create view public.own_usage as select * from usage.current;",
        "drop view public.own_usage;",
      );
      const before = await copy.digest();
      const { faults } = await copy.adopt({ remove: "purge" });
      expect(faults).toHaveLength(1);
      expect(faults[0]?.message).toMatch(/1777000000000_read_usage failed .*usage\.current/u);
      expect(await copy.digest()).toBe(before);
    });
  });
});

describe("--remove", () => {
  let copy: ProjectCopy;
  let test: TestDatabase;

  beforeEach(async () => {
    copy = await copyProject(ordersDir);
    test = await createTestDatabase({ empty: true });
  });

  afterEach(async () => {
    await test.drop();
    await copy.remove();
  });

  const up = () => migrate({ database: test.database, migrationsDir: copy.path("migrations") });

  const schemas = async (): Promise<string> => {
    const { database } = test;
    const rows = await database.query<{ nspname: string }>(
      "select nspname from pg_namespace where nspname !~ '^pg_' order by 1",
    );
    return `${rows.map(({ nspname }) => nspname).join(" ")}\n${await describeSchema(database)}`;
  };

  it("takes everything out of a database in use, and leaves the project's tables and rows", async () => {
    await up();
    await test.database.query("insert into public.shops (id, name) values (gen_random_uuid(), 'Old')");
    const before = await schemas();
    expect((await copy.adopt(shops)).faults).toEqual([]);
    await copy.addMigration(
      "1777000000000_meter_orders",
      `insert into usage.metrics (key, kind, unit, feed, title, description)
       values ('orders', 'gauge', 'count', 'rows', 'Orders', '');
       insert into billing.plan_limits (plan_id, metric, limit_value) values ('free', 'orders', 3);
       select usage.attach_meter('public.orders', 'orders', p_workspace => 'shop_id');
       select usage.add_workspace_column(
         'public.order_items', 'public.orders', 'order_id', p_parent_workspace => 'shop_id'
       );`,
      "select usage.detach_meter('public.orders', 'orders'); select usage.drop_workspace_column('public.order_items');",
    );
    await up();
    await test.database.query(
      "insert into public.orders (shop_id, customer) select id, 'Mia' from public.shops",
    );
    expect(await test.database.query("select used from usage.current where metric = 'orders'")).toEqual([
      { used: "1" },
    ]);

    const removed = await copy.adopt({ remove: "keep-history" });
    expect(removed).toMatchObject({ faults: [], kept: [], migration: "1777000001000_remove_hasura_usage" });
    await up();
    expect(await schemas()).toBe(before);
    expect(await test.database.query("select customer from public.orders")).toEqual([{ customer: "Mia" }]);
    expect(
      await test.database.query(
        "select tgname from pg_trigger where not tgisinternal and tgrelid in ('public.shops'::regclass, 'public.orders'::regclass)",
      ),
    ).toEqual([]);
  });

  it("leaves the metadata byte for byte as it was", async () => {
    const read = () =>
      Promise.all(
        ["actions.graphql", "actions.yaml", "cron_triggers.yaml", "databases/databases.yaml"].map((file) =>
          copy.read(`metadata/${file}`),
        ),
      );
    const before = await read();
    await copy.adopt(shops);
    await copy.adopt({ remove: "keep-history" });
    expect(await read()).toEqual(before);
  });

  it("can be taken back, and the project adopted again", async () => {
    await copy.adopt(shops);
    await up();
    const adopted = await schemas();
    await copy.adopt({ remove: "keep-history" });
    await up();
    await migrate({
      database: test.database,
      migrationsDir: copy.path("migrations"),
      direction: "down",
      to: "1767225601000",
    });
    expect(await schemas()).toBe(adopted);
    await up();
    expect((await copy.adopt(shops)).migration).toBe("1767225603000_install_hasura_usage_0_1_0");
    await up();
    expect(await schemas()).toBe(adopted);
  });

  it("is refused while the project's metadata names a table that goes", async () => {
    await copy.adopt(shops);
    const path = "metadata/databases/default/tables/public_shops.yaml";
    await copy.write(
      path,
      (await copy.read(path)).replace(
        "array_relationships:\n",
        `array_relationships:
  - name: usage
    using:
      manual_configuration:
        column_mapping:
          id: workspace_id
        remote_table:
          name: current
          schema: usage
`,
      ),
    );
    const before = await copy.digest();
    const { faults } = await copy.adopt({ remove: "keep-history" });
    expect(faults.map(({ message }) => message)).toEqual([`${path} still names usage.current`]);
    expect(await copy.digest()).toBe(before);
  });

  it("leaves what the project changed, and names it", async () => {
    await copy.adopt(shops);
    const table = "metadata/databases/default/tables/usage_history.yaml";
    await copy.write(table, `${await copy.read(table)}# a note\nis_enum: true\n`);
    const crons = await copy.read("metadata/cron_triggers.yaml");
    await copy.write(
      "metadata/cron_triggers.yaml",
      crons.replace("schedule: 5 * * * *", "schedule: 6 * * * *"),
    );
    const { kept } = await copy.adopt({ remove: "keep-history" });
    expect(kept).toEqual([
      { path: table, entry: undefined, reason: "edited" },
      { path: "metadata/cron_triggers.yaml", entry: "cron trigger usage_reconcile", reason: "edited" },
    ]);
    expect(await copy.read("metadata/cron_triggers.yaml")).toContain("usage_reconcile");
    expect(await copy.read("metadata/cron_triggers.yaml")).not.toContain("usage_note_alerts");
  });

  it("is refused where nothing is adopted", async () => {
    const { faults } = await copy.adopt({ remove: "keep-history" });
    expect(faults[0]?.message).toMatch(/there is no hasura-usage\.json/u);
  });
});
