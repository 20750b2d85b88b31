import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import {
  createDatabase,
  type EmbeddedPostgres,
  type PooledDatabase,
  startEmbeddedPostgres,
} from "../../../src/postgres/index.ts";
import { lintReport, lintRoutines } from "../../../src/sql-sources/index.ts";

const serverDir = "/usr/lib/postgresql/15";
const hasExtension = existsSync(join(serverDir, "lib", "plpgsql_check.so"));
// Only Debian packages plpgsql_check; a run of CI without it would prove nothing.
const whereInstalled = hasExtension || process.env["CI"] === "true" ? it : it.skip;

const totals = {
  path: "shop/totals/add_totals.sql",
  text: `-- Counts what a statement inserts.
create or replace function shop.add_totals() returns trigger language plpgsql as $$
declare
  _lines bigint;
begin
  select count(*) into _lines from new_rows;
  insert into shop.totals values (_lines);
  return null;
end
$$;
create or replace trigger add_totals after insert on shop.orders
referencing new table as new_rows for each statement execute function shop.add_totals();
`,
};
const planted = {
  path: "shop/totals/planted.sql",
  text: `create or replace function shop.planted(p_table text) returns bigint language plpgsql as $$
declare
  _unused text;
  _id bigint;
begin
  select o.identity into _id from shop.orders o;
  execute 'analyze ' || p_table;
  return 1;
end
$$;
`,
};

let server: EmbeddedPostgres | undefined;
let database: PooledDatabase | undefined;

const opened = (): PooledDatabase => {
  if (database === undefined) throw new Error("there is no database");
  return database;
};
const lint = () => lintRoutines({ database: opened(), foreignSchemas: ["foreign_tool"] });
const run = (text: string) => opened().transaction((tx) => tx.script(text));

beforeAll(async () => {
  if (!hasExtension) return;
  server = await startEmbeddedPostgres({
    dataDir: await mkdtemp(join(tmpdir(), "hasura-usage-lint-test-")),
    logger: silentLogger,
    temporary: true,
    binariesDir: serverDir,
    settings: { fsync: "off", jit: "off" },
  });
  database = createDatabase({ connectionString: server.url, maxConnections: 2 });
  await run(`
    create schema shop;
    create schema foreign_tool;
    create table shop.orders (id bigint);
    create table shop.totals (lines bigint);
    create function foreign_tool.wrong() returns bigint language plpgsql as 'begin return missing(); end';
    ${totals.text}
  `);
});

afterAll(async () => {
  await database?.close();
  await server?.stop();
});

whereInstalled(
  "finds nothing in a routine without fault, nor in a schema that is not the project's",
  async () => {
    expect(await lint()).toEqual([]);
  },
);

whereInstalled(
  "reports errors, unused variables, casts and unsafe dynamic SQL with file and line",
  async () => {
    await run(planted.text);
    const report = lintReport(await lint(), [totals, planted]);
    await run("drop function shop.planted(text)");
    expect(report).toEqual([
      'hasura/sql/shop/totals/planted.sql:3: warning: unused variable "_unused"',
      'hasura/sql/shop/totals/planted.sql:4: warning extra: never read variable "_id"',
      "hasura/sql/shop/totals/planted.sql:6: error: column o.identity does not exist",
      "hasura/sql/shop/totals/planted.sql:7: security: text type variable is not sanitized: The EXECUTE expression is SQL injection vulnerable.",
      'hasura/sql/shop/totals/planted.sql:8: performance: target type is different type than source type: cast "integer" value to "bigint" type',
      "hasura/sql/shop/totals/planted.sql: performance: routine is marked as VOLATILE, should be IMMUTABLE: attention: cannot to determine volatility of used dynamic SQL",
    ]);
  },
);

whereInstalled("checks a trigger function for each table that it serves", async () => {
  await run(`
    create table shop.others (id bigint);
    create trigger add_totals after insert on shop.others for each row execute function shop.add_totals();
  `);
  const report = lintReport(await lint(), []);
  await run("drop table shop.others");
  expect(report).toEqual([
    'shop.add_totals() line 5: error: relation "new_rows" does not exist (trigger on shop.others)',
  ]);
});

whereInstalled("reports a trigger function that no trigger calls, since it cannot be checked", async () => {
  await run("create function shop.idle() returns trigger language plpgsql as 'begin return null; end'");
  const report = lintReport(await lint(), []);
  await run("drop function shop.idle()");
  expect(report).toEqual([
    "shop.idle(): warning: no trigger calls this trigger function, so it was not checked",
  ]);
});
