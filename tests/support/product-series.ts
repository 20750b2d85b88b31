import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parse } from "yaml";
import { z } from "zod";

import { workspacesMigration } from "../../src/cli/adopt-workspaces.ts";
import { migrate } from "../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "./database.ts";

const manifestSchema = z.strictObject({
  sql: z.array(z.string()),
  hooks: z.array(z.string()),
  migrations: z.array(z.string()),
  metadata: z.array(z.string()),
  seeds: z.array(z.string()),
});

/** What of `hasura/` is the sample application. */
export const readSampleManifest = async (): Promise<z.infer<typeof manifestSchema>> =>
  manifestSchema.parse(parse(await readFile(join(hasuraDir, "sample.yaml"), "utf8")));

/** Of a hook that adopters begin with, placeholders filled in. */
export const readHookDefault = async (
  name: string,
  values: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const text = await readFile(join(hasuraDir, "application", `${name}.sql`), "utf8");
  return text.replaceAll(/\{\{(\w+)\}\}/gu, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`${name}.sql has a placeholder ${key}, which has no value`);
    return value;
  });
};

/** The default of each hook with the statement that drops it. */
const hooks: Readonly<Record<string, string>> = {
  member_role_without_table: "drop function usage.member_role(uuid, uuid);",
  alert_recipients: "drop function usage.alert_recipients(uuid);",
  roll_application_activity: "drop function analytics.roll_application_activity(uuid[], timestamptz[]);",
  activity: "drop view analytics.activity;",
};

export interface ProductSeries {
  /** As `migrate` takes it. */
  readonly migrationsDir: string;
  remove(): Promise<void>;
}

/**
 * The migrations of an application that has nothing of the sample: a table of tenants, `public.workspaces` beside it, the
 * product's own migrations and the defaults of the hooks.
 */
export const writeProductSeries = async (): Promise<ProductSeries> => {
  const migrationsDir = await mkdtemp(join(tmpdir(), "hasura-usage-product-"));
  const put = async (name: string, up: string, down: string): Promise<void> => {
    const folder = join(migrationsDir, "default", name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "up.sql"), up);
    await writeFile(join(folder, "down.sql"), down);
  };
  await put(
    "1_create_tenants",
    "create table public.tenants (id uuid primary key);",
    "drop table public.tenants;",
  );
  const workspaces = workspacesMigration("public.tenants");
  await put("2_create_workspaces", workspaces.up, workspaces.down);
  const sample = new Set((await readSampleManifest()).migrations);
  const all = join(hasuraDir, "migrations", "default");
  for (const name of await readdir(all))
    if (!sample.has(name))
      await cp(join(all, name), join(migrationsDir, "default", name), { recursive: true });
  const defaults = await Promise.all(Object.keys(hooks).map((name) => readHookDefault(name)));
  await put("9999999999999_create_hooks", defaults.join("\n"), Object.values(hooks).join("\n"));
  return { migrationsDir, remove: () => rm(migrationsDir, { recursive: true, force: true }) };
};

/** A database of the product alone, without plans. */
export const createProductDatabase = async (): Promise<TestDatabase> => {
  const series = await writeProductSeries();
  const test = await createTestDatabase({ empty: true });
  try {
    await migrate({ database: test.database, migrationsDir: series.migrationsDir });
    return test;
  } catch (error) {
    await test.drop();
    throw error;
  } finally {
    await series.remove();
  }
};
