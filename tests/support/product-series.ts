import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parse } from "yaml";
import { z } from "zod";

import { readRelease } from "../../src/cli/adopt/release/index.ts";
import { installScripts, joinScripts } from "../../src/cli/adopt/sql/index.ts";
import { defaultSessionNames } from "../../src/core/index.ts";
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

export interface ProductSeries {
  /** As `migrate` takes it. */
  readonly migrationsDir: string;
  remove(): Promise<void>;
}

/**
 * The migrations of an application that has nothing of the sample: a table of tenants, `public.workspaces` beside it, the
 * product's own migrations and the defaults of the hooks, as `adopt` writes them.
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
  const scripts = installScripts({
    release: await readRelease(hasuraDir),
    choices: {
      source: "default",
      tenant: { schema: "public", name: "tenants" },
      members: undefined,
      names: defaultSessionNames,
    },
    tenant: { schema: "public", name: "tenants", key: "id" },
  }).filter(({ name }) => name !== "catalogue");
  const { up, down } = joinScripts(scripts);
  await put("2_install", up, down);
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
