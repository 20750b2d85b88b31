import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { loadMetadataFolder } from "../../../../src/engine/index.ts";
import { describeSchema, migrate } from "../../../../src/postgres/index.ts";
import type { Adopted } from "../../../../src/cli/adopt/index.ts";
import { copyProject, ordersDir, type ProjectCopy } from "../../../support/adopted-project.ts";
import { createTestDatabase, type TestDatabase } from "../../../support/database.ts";
import { type EarlierRelease, packEarlierRelease } from "../../../support/earlier-release.ts";

const shops = { tenant: { schema: "public", name: "shops" } } as const;
const edited = "metadata/databases/default/tables/usage_history.yaml";

let release: EarlierRelease;
let copy: ProjectCopy;
let fresh: ProjectCopy;
let test: TestDatabase;
let freshTest: TestDatabase;
let earlierSchema: string;
let editedText: string;
let upgraded: Adopted;

/** Meters of the adopter's, whose triggers the product writes. */
const addMeters = (project: ProjectCopy) =>
  project.addMigration(
    "1777000000000_meter_orders",
    `insert into usage.metrics (key, kind, unit, feed, title, description)
     values ('orders', 'gauge', 'count', 'rows', 'Orders', ''), ('items', 'counter', 'count', 'rows', 'Items', '');
     insert into billing.plan_limits (plan_id, metric, limit_value) values ('free', 'orders', 9), ('free', 'items', 9);
     select usage.attach_meter('public.orders', 'orders', p_workspace => 'shop_id');
     select usage.add_workspace_column('public.order_items', 'public.orders', 'order_id', p_parent_workspace => 'shop_id');
     select usage.attach_meter('public.order_items', 'items');`,
    `select usage.detach_meter('public.order_items', 'items');
     select usage.drop_workspace_column('public.order_items');
     select usage.detach_meter('public.orders', 'orders');
     delete from billing.plan_limits where metric in ('orders', 'items');
     delete from usage.metrics where key in ('orders', 'items');`,
  );

const up = (project: ProjectCopy, { database }: TestDatabase) =>
  migrate({ database, migrationsDir: project.path("migrations") });

const isChanged = (value: unknown): boolean =>
  JSON.stringify((value as { readonly table?: unknown } | null)?.table) ===
  JSON.stringify({ name: "history", schema: "usage" });

/** Lists sorted: in which order entries came in says nothing. The table that was changed is left out. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value))
    return value
      .filter((entry) => !isChanged(entry))
      .map(sorted)
      .sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
};

const metadataOf = async (project: ProjectCopy): Promise<unknown> => {
  const metadata: unknown = await loadMetadataFolder(project.path("metadata"));
  return sorted(metadata);
};

beforeAll(async () => {
  release = await packEarlierRelease();
  copy = await copyProject(ordersDir);
  test = await createTestDatabase({ empty: true });
  const installed = await copy.adopt({ ...shops, from: release.folder, version: "0.0.9" });
  expect(installed.faults).toEqual([]);
  await addMeters(copy);
  await up(copy, test);
  earlierSchema = await describeSchema(test.database);
  editedText = `${await copy.read(edited)}# ours\n`.replace("limit: 500", "limit: 400");
  await copy.write(edited, editedText);
  await copy.write(
    "metadata/databases/default/tables/public_shops.yaml",
    `# mine\n${await copy.read("metadata/databases/default/tables/public_shops.yaml")}`,
  );

  fresh = await copyProject(ordersDir);
  freshTest = await createTestDatabase({ empty: true });
  await fresh.adopt(shops);
  await addMeters(fresh);
  await up(fresh, freshTest);
}, 300_000);

afterAll(async () => {
  await test.drop();
  await freshTest.drop();
  await copy.remove();
  await fresh.remove();
  await release.remove();
});

describe("an upgrade from an earlier release", () => {
  it("is planned without writing", async () => {
    const before = await copy.digest();
    const plan = await copy.adopt({ dryRun: true });
    expect(plan).toMatchObject({
      action: "upgrade",
      installed: "0.0.9",
      release: "0.1.0",
      isWritten: false,
      faults: [],
    });
    expect(plan.changes.map(({ path }) => path)).toEqual([
      "hasura-usage.json",
      "metadata/actions.graphql",
      "metadata/actions.yaml",
      "metadata/cron_triggers.yaml",
      "metadata/databases/default/tables/tables.yaml",
      "metadata/databases/default/tables/usage_api_calls.yaml",
      "metadata/databases/default/tables/usage_current.yaml",
      "migrations/default/1777000001000_upgrade_hasura_usage_0_1_0/down.sql",
      "migrations/default/1777000001000_upgrade_hasura_usage_0_1_0/up.sql",
    ]);
    expect(await copy.digest()).toBe(before);
  });

  it("names the file that the project changed, and leaves it alone", async () => {
    upgraded = await copy.adopt();
    expect(upgraded).toMatchObject({ action: "upgrade", isWritten: true, faults: [] });
    expect(upgraded.kept).toEqual([{ path: edited, entry: undefined, reason: "edited" }]);
    expect(await copy.read(edited)).toBe(editedText);
  });

  it("is one migration with what is new", async () => {
    expect(upgraded.migration).toBe("1777000001000_upgrade_hasura_usage_0_1_0");
    const text = await copy.read(`migrations/default/${upgraded.migration ?? ""}/up.sql`);
    expect(text).toContain("create table usage.settings");
    expect(text).not.toContain("create table usage.counters");
    expect(text).not.toContain("insert into billing.plans");
    const routines = [...text.matchAll(/^-- (?:function|view|trigger) (\S+?)(?:\(|$| on)/gmu)].map(
      ([, name]) => name,
    );
    expect(routines).toEqual(
      expect.arrayContaining(["usage.status_of", "usage.current", "usage.meter_template"]),
    );
    expect(routines.length).toBeLessThan(10);
  });

  it("makes the database that of a fresh adoption", async () => {
    await up(copy, test);
    expect(await describeSchema(test.database)).toBe(await describeSchema(freshTest.database));
  });

  it("makes the metadata that of a fresh adoption, but for the changed file", async () => {
    expect(await metadataOf(copy)).toEqual(await metadataOf(fresh));
  });

  it("has nothing to do a second time, and names the changed file again", async () => {
    const before = await copy.digest();
    expect(await copy.adopt()).toMatchObject({ action: "none", isWritten: false, kept: [{ path: edited }] });
    expect(await copy.digest()).toBe(before);
  });

  it("can be taken back", async () => {
    const { database } = test;
    await migrate({
      database,
      migrationsDir: copy.path("migrations"),
      direction: "down",
      to: "1777000000000",
    });
    expect(await describeSchema(database)).toBe(earlierSchema);
    await up(copy, test);
  });

  it("can be removed with everything before it", async () => {
    expect((await copy.adopt({ remove: "keep-history" })).faults).toEqual([]);
    await up(copy, test);
    const plain = await createTestDatabase({ empty: true });
    try {
      await migrate({ database: plain.database, migrationsDir: `${ordersDir}/migrations` });
      expect(await describeSchema(test.database)).toBe(await describeSchema(plain.database));
    } finally {
      await plain.drop();
    }
  });
});

describe("an upgrade with other names", () => {
  it("changes permissions and the database's settings", async () => {
    const plan = await fresh.adopt({
      tenantClaim: "x-hasura-shop-id",
      roles: [{ theirs: "clerk", ours: "user" }],
    });
    expect(plan).toMatchObject({ action: "upgrade", isWritten: true, faults: [], kept: [] });
    const table = await fresh.read("metadata/databases/default/tables/usage_current.yaml");
    expect(table).toContain("X-Hasura-Shop-Id");
    expect(table).toContain("role: clerk");
    expect(table).not.toMatch(/role: user\b|X-Hasura-Workspace-Id/u);
    const settings = () =>
      freshTest.database.query("select value from usage.settings where key = 'tenant_claim'");
    await up(fresh, freshTest);
    expect(await settings()).toEqual([{ value: "x-hasura-shop-id" }]);
    expect(await fresh.adopt()).toMatchObject({ action: "none", faults: [] });
  });
});
