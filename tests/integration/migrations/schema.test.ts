import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { applySeeds, describeSchema, migrate } from "../../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";

const migrationsDir = join(hasuraDir, "migrations");

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
});

afterAll(async () => {
  await test.drop();
});

/** Everything in the database that did not come with the server. */
const leftovers = (): Promise<readonly unknown[]> =>
  test.database.query(`
    with own as (
      select oid, nspname
      from pg_namespace
      where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'
    )
    select 'schema' as kind, nspname::text as name from own where nspname <> 'public'
    union all
    select 'relation', relname from pg_class join own on own.oid = relnamespace
    union all
    select 'function', proname from pg_proc join own on own.oid = pronamespace
    union all
    select 'type', typname from pg_type join own on own.oid = typnamespace
    union all
    select 'extension', extname from pg_extension where extname <> 'plpgsql'
    union all
    select 'event trigger', evtname from pg_event_trigger
  `);

describe("the migrations", () => {
  it("make the committed schema from nothing (npm run db:dump writes it)", async () => {
    await migrate({ database: test.database, migrationsDir });
    const committed = await readFile(join(import.meta.dirname, "schema.txt"), "utf8");
    expect(await describeSchema(test.database)).toBe(committed);
  });

  it("go down to nothing, with the seed's rows in it, and up again", async () => {
    const seedsDir = join(hasuraDir, "seeds");
    await applySeeds({ database: test.database, seedsDir });
    await applySeeds({ database: test.database, seedsDir });
    const before = await describeSchema(test.database);
    await migrate({ database: test.database, migrationsDir, direction: "down" });
    expect(await leftovers()).toEqual([]);
    await migrate({ database: test.database, migrationsDir });
    expect(await describeSchema(test.database)).toBe(before);
  });

  it("can each be taken back and applied again on its own", async () => {
    const after = await describeSchema(test.database);
    const { ran } = await migrate({ database: test.database, migrationsDir, direction: "down" });
    for (const name of ran.toReversed()) {
      const version = name.replace(/_.*/, "");
      const before = await describeSchema(test.database);
      await migrate({ database: test.database, migrationsDir, to: version });
      const previous = ran[ran.indexOf(name) + 1]?.replace(/_.*/, "") ?? "0";
      await migrate({ database: test.database, migrationsDir, direction: "down", to: previous });
      expect(await describeSchema(test.database)).toBe(before);
      await migrate({ database: test.database, migrationsDir, to: version });
    }
    expect(await describeSchema(test.database)).toBe(after);
    // It grows with every migration: each runs three times.
  }, 300_000);
});
