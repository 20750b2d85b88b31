import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "@jest/globals";

import { describeSchema, migrate } from "../../../src/postgres/index.ts";
import { createTestDatabase, hasuraDir, type TestDatabase } from "../../support/database.ts";

/**
 * Every table, column, default, constraint, index and function that Hasura v2.48 has in a database that is its
 * metadata database and a source at once, checked line by line against dumps of such databases. Only the body of
 * `insert_event_log` is our own. No command rewrites the file: a difference is a fault until Hasura changes.
 */
const expected = join(import.meta.dirname, "hdb-catalog.txt");

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await migrate({ database: test.database, migrationsDir: join(hasuraDir, "migrations") });
}, 60_000);

afterAll(async () => {
  await test.drop();
});

it("a database that the runner migrated first has Hasura's whole catalog in Hasura's shape", async () => {
  expect(await describeSchema(test.database, ["hdb_catalog"])).toBe(await readFile(expected, "utf8"));
});

it("a Hasura finds in it what it reads before it serves, so that it migrates and initialises nothing", async () => {
  const [row] = await test.database.query(`
    select
      (select version from hdb_catalog.hdb_version) as catalog,
      (select version from hdb_catalog.hdb_source_catalog_version) as source,
      (select metadata::text from hdb_catalog.hdb_metadata where id = 1) as metadata,
      (select resource_version from hdb_catalog.hdb_metadata where id = 1) as resource_version,
      (select cli_state -> 'isStateCopyCompleted' from hdb_catalog.hdb_version) as state_copied,
      (select count(*)::int from hdb_catalog.hdb_version) as versions
  `);
  expect(row).toEqual({
    catalog: "48",
    source: "3",
    metadata: '{"version":3,"sources":[]}',
    resource_version: 1,
    state_copied: true,
    versions: 1,
  });
});
