import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { describeSchema, migrate } from "../../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";
import { readSampleManifest, writeProductSeries, type ProductSeries } from "../../support/product-series.ts";
import { readSources } from "../../../src/sql-sources/index.ts";

let series: ProductSeries;
let product: TestDatabase;
let whole: TestDatabase;

beforeAll(async () => {
  series = await writeProductSeries();
  product = await createTestDatabase({ empty: true });
  whole = await createTestDatabase();
  await migrate({ database: product.database, migrationsDir: series.migrationsDir });
}, 60_000);

afterAll(async () => {
  await product.drop();
  await whole.drop();
  await series.remove();
});

const schemas = "('public', 'billing', 'usage', 'analytics')";

/** Tables, views and routines by schema and name. */
const objectsIn = async ({ database }: TestDatabase): Promise<ReadonlySet<string>> => {
  const rows = await database.query<{ name: string }>(`
    select schema.nspname || '.' || relation.relname as name
    from pg_class as relation
    join pg_namespace as schema
      on schema.oid = relation.relnamespace
    where schema.nspname in ${schemas}
      and relation.relkind in ('r', 'p', 'v')
    union
    select schema.nspname || '.' || routine.proname
    from pg_proc as routine
    join pg_namespace as schema
      on schema.oid = routine.pronamespace
    where schema.nspname in ${schemas}
  `);
  return new Set(rows.map(({ name }) => name));
};

const ownObjects = [
  "public.tenants",
  "public.workspaces",
  "usage.mirror_workspace",
  "usage.validate_time_zone",
];

/** What the sample's own migrations and meters create, by what they are called in the database that has both. */
const isOfSample = (name: string): boolean =>
  name.startsWith("public.") ||
  name.startsWith("usage.meter_public_") ||
  ["analytics.search_logs", "analytics.channel_activity"].includes(name);

describe("the product's migrations without the sample's", () => {
  it("create every object of the product and none of the sample", async () => {
    const expected = [...(await objectsIn(whole))].filter((name) => !isOfSample(name));
    expect([...(await objectsIn(product))].sort()).toEqual([...expected, ...ownObjects].sort());
  });

  it("create each routine and view that a source of the product or a hook defines", async () => {
    const { sql, hooks } = await readSampleManifest();
    const present = await objectsIn(product);
    const missing = (await readSources(`${hasuraDir}/sql`))
      .map(({ path }) => path)
      .filter(
        (path) =>
          !sql.some((folder) => path.startsWith(`${folder}/`)) ||
          hooks.some((folder) => path.startsWith(`${folder}/`)),
      )
      .map((path) => path.replace(/\/.*\//u, ".").replace(/\.sql$/u, ""))
      .filter((name) => !present.has(name));
    expect(missing).toEqual([]);
  });

  it("name no table or routine of the sample anywhere in their definitions", async () => {
    const text = await describeSchema(product.database);
    const named = [...text.matchAll(/\bpublic\.(?:\w+)|\bsearch_logs\b|\bchannel_activity\b/gu)].map(
      ([name]) => name,
    );
    expect([...new Set(named)].sort()).toEqual(["public.tenants", "public.workspaces"]);
  });

  it("bring the metrics that the product feeds, and neither plans nor retention of the sample", async () => {
    const list = async (query: string): Promise<readonly string[]> =>
      (await product.database.query<{ name: string }>(query)).map(({ name }) => name);
    expect(await list("select key as name from usage.metrics order by 1")).toEqual([
      "ai_cost_micro_usd",
      "ai_queries",
      "ai_seconds",
      "api_calls",
    ]);
    expect(await list("select id as name from billing.plans")).toEqual([]);
    expect(await list("select table_name as name from analytics.retention order by 1")).toEqual([
      "events",
      "feature_usage",
      "performance",
      "user_activity",
    ]);
    expect(await list("select category as name from analytics.detail_tables order by 1")).toEqual([
      "feature_usage",
      "performance",
    ]);
  });

  it("go down to nothing and up again", async () => {
    const { database } = product;
    const { migrationsDir } = series;
    const before = await describeSchema(database);
    await migrate({ database, migrationsDir, direction: "down" });
    expect(await objectsIn(product)).toEqual(new Set());
    expect(
      await database.query(
        "select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')",
      ),
    ).toEqual([]);
    await migrate({ database, migrationsDir });
    expect(await describeSchema(database)).toBe(before);
  });
});
