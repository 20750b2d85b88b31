import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { applySeeds, createDatabase, migrate } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
let migrationsDir: string;

beforeEach(async () => {
  test = await createTestDatabase({ empty: true });
  migrationsDir = await mkdtemp(join(tmpdir(), "hasura-usage-migrations-"));
});

afterEach(async () => {
  await test.drop();
  await rm(migrationsDir, { recursive: true, force: true });
});

const put = async (name: string, up: string, down = ""): Promise<void> => {
  const folder = join(migrationsDir, "default", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "up.sql"), up);
  await writeFile(join(folder, "down.sql"), down);
};

const run = (options: { direction?: "up" | "down"; to?: string } = {}) =>
  migrate({ database: test.database, migrationsDir, ...options });

const putThree = async (): Promise<void> => {
  await put("9_create_first", "create table first (id int)", "drop table first");
  await put("10_create_second", "create table second (id int); set search_path = ''", "drop table second");
  await put("11_create_third", "create table public.third (id int)", "drop table third");
};

const tables = async (): Promise<readonly string[]> => {
  const rows = await test.database.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1",
  );
  return rows.map(({ name }) => name);
};

const cliState = async (): Promise<unknown> => {
  const [row] = await test.database.query("select version, cli_state from hdb_catalog.hdb_version");
  return row;
};

describe("migrate", () => {
  it("runs in the order of the numbers, once, and notes it as Hasura's CLI does", async () => {
    await putThree();
    expect(await run()).toEqual({ ran: ["9_create_first", "10_create_second", "11_create_third"] });
    expect(await run()).toEqual({ ran: [] });
    expect(await tables()).toEqual(["first", "second", "third"]);
    expect(await cliState()).toEqual({
      version: "48",
      cli_state: {
        migrations: { default: { "9": false, "10": false, "11": false } },
        settings: { migration_mode: "true" },
        isStateCopyCompleted: true,
      },
    });
  });

  it("stops where it is told, both ways", async () => {
    await putThree();
    expect(await run({ to: "10" })).toEqual({ ran: ["9_create_first", "10_create_second"] });
    expect(await run({ direction: "down", to: "9" })).toEqual({ ran: ["10_create_second"] });
    expect(await tables()).toEqual(["first"]);
    await expect(run({ to: "latest" })).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("leaves nothing of its own after the last down", async () => {
    await putThree();
    await run();
    await run({ direction: "down" });
    const left = await test.database.query(
      "select nspname from pg_namespace where nspname in ('hdb_catalog', 'usage_migrations')",
    );
    expect(left).toEqual([]);
    expect(await tables()).toEqual([]);
  });

  it("keeps a catalog that Hasura made", async () => {
    await test.database.transaction((tx) =>
      tx.script(`
        create schema hdb_catalog;
        create table hdb_catalog.hdb_version (
          hasura_uuid uuid primary key default gen_random_uuid(), version text not null,
          upgraded_on timestamptz not null, cli_state jsonb not null default '{}', console_state jsonb not null default '{}'
        );
        insert into hdb_catalog.hdb_version (version, upgraded_on, cli_state)
        values ('48', now(), '{"migrations": {"default": {"9": false}, "other": {"1": false}}}');
        create table first (id int);
      `),
    );
    await putThree();
    // Hasura's own CLI has applied 9 already: it must not run again.
    await run();
    expect(await tables()).toEqual(["first", "second", "third"]);
    await run({ direction: "down" });
    expect(await cliState()).toMatchObject({
      cli_state: { migrations: { default: {}, other: { "1": false } } },
    });
  });

  it("rolls a failing migration back whole and names it", async () => {
    await put("1_create_good", "create table good (id int)");
    await put("2_create_bad", "create table half (id int); select 1 / 0;");
    await expect(run()).rejects.toMatchObject({
      code: "migration-failed",
      message: expect.stringContaining("2_create_bad"),
    });
    expect(await tables()).toEqual(["good"]);
    await put("2_create_bad", "create table whole (id int)");
    expect(await run()).toEqual({ ran: ["2_create_bad"] });
  });

  it("refuses what was edited or removed after it was applied", async () => {
    await putThree();
    await run();
    await put("10_create_second", "create table second (id bigint)", "drop table second");
    await expect(run()).rejects.toMatchObject({
      code: "migration-edited",
      message: expect.stringContaining("10_create_second"),
    });
    await rm(join(migrationsDir, "default", "10_create_second"), { recursive: true });
    await expect(run({ direction: "down" })).rejects.toMatchObject({
      code: "migration-missing",
      message: expect.stringContaining("10_create_second"),
    });
    expect(await tables()).toEqual(["first", "second", "third"]);
  });

  it("applies one that arrives late with a smaller number", async () => {
    await putThree();
    await run();
    await put("8_create_late", "create table late (id int)", "drop table late");
    expect(await run()).toEqual({ ran: ["8_create_late"] });
  });

  it("lets two runners share the work without running anything twice", async () => {
    await putThree();
    const other = createDatabase({ connectionString: test.url, maxConnections: 1 });
    const results = await Promise.all([run(), migrate({ database: other, migrationsDir }), run()]);
    await other.close();
    const ran = results.flatMap((result) => result.ran);
    expect([...ran].sort()).toEqual(["10_create_second", "11_create_third", "9_create_first"]);
  });
});

describe("applySeeds", () => {
  it("runs the files in order and names the one that fails", async () => {
    const folder = join(migrationsDir, "default");
    await mkdir(folder);
    await writeFile(join(folder, "1_table.sql"), "create table if not exists seeded (id int primary key);");
    await writeFile(join(folder, "2_rows.sql"), "insert into seeded values (1) on conflict do nothing;");
    const options = { database: test.database, seedsDir: migrationsDir };
    expect(await applySeeds(options)).toEqual(["1_table.sql", "2_rows.sql"]);
    expect(await applySeeds(options)).toEqual(["1_table.sql", "2_rows.sql"]);
    await writeFile(join(folder, "3_wrong.sql"), "insert into seeded values (2), (1);");
    await expect(applySeeds(options)).rejects.toMatchObject({
      code: "seed-failed",
      message: expect.stringContaining("3_wrong.sql"),
    });
    expect(await test.database.query("select count(*)::int as n from seeded")).toEqual([{ n: 1 }]);
  });
});
