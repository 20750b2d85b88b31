import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createEngine, type Engine, parseMetadata } from "../../../src/engine/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const schema = `
  create table public.author (id int generated always as identity primary key, name text not null, bio text);
  create table public.article (
    id int generated always as identity primary key,
    title text not null,
    author_id int not null references public.author (id)
  );
  insert into public.author (name) values ('Ann'), ('Bob');
  insert into public.article (title, author_id) values ('one', 1), ('two', 1), ('three', 2);
`;

const secret = "admin-secret-of-the-test";

let test: TestDatabase;
let engine: Engine;
let server: Server;
let base: string;

const start = async (options: { readonly enableAllowList?: boolean; readonly metadata?: unknown } = {}) => {
  engine = await createEngine({
    database: test.database,
    logger: silentLogger,
    ...(options.metadata === undefined ? {} : { metadata: parseMetadata(options.metadata) }),
    settings: { adminSecret: secret, enableAllowList: options.enableAllowList ?? false },
  });
  server = createServer(engine.handler).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
};

const stop = async (): Promise<void> => {
  await engine.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
};

beforeEach(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.transaction((tx) => tx.script(schema));
  await start();
});

afterEach(async () => {
  await stop();
  await test.drop();
});

const send = async (
  path: string,
  body?: unknown,
  options: { readonly role?: string; readonly method?: string } = {},
) => {
  const response = await fetch(base + path, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      "content-type": "application/json",
      "x-hasura-admin-secret": secret,
      connection: "close",
      ...(options.role === undefined ? {} : { "x-hasura-role": options.role }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

const command = (type: string, args: unknown) => send("/v1/metadata", { type, args });

const done = async (type: string, args: unknown): Promise<void> => {
  expect(await command(type, args)).toEqual({ status: 200, body: { message: "success" } });
};

const sql = (text: string, extra: object = {}) =>
  send("/v2/query", { type: "run_sql", args: { sql: text, ...extra } });

const query = async (text: string, role?: string) =>
  (await send("/v1/graphql", { query: text }, role === undefined ? {} : { role })).body;

const track = async (): Promise<void> => {
  await done("pg_track_table", { source: "default", table: "author" });
  await done("pg_track_table", { source: "default", table: { schema: "public", name: "article" } });
  await done("pg_create_array_relationship", {
    table: "author",
    name: "articles",
    using: { foreign_key_constraint_on: { table: "article", column: "author_id" } },
  });
  await done("pg_create_object_relationship", {
    table: "article",
    name: "author",
    using: { foreign_key_constraint_on: "author_id" },
  });
  await done("pg_create_select_permission", {
    table: "article",
    role: "user",
    permission: { columns: ["id", "title"], filter: { author: { name: { _eq: "Ann" } } } },
  });
};

describe("commands", () => {
  it("build a schema step by step, and the database holds what they built", async () => {
    await track();
    expect(await query("{ article(order_by: {id: asc}) { title } }", "user")).toEqual({
      data: { article: [{ title: "one" }, { title: "two" }] },
    });
    const [stored] = await test.database.query<{
      readonly metadata: unknown;
      readonly resource_version: number;
    }>("select metadata, resource_version from hdb_catalog.hdb_metadata");
    const exported = await send("/v1/metadata", { type: "export_metadata", version: 2, args: {} });
    expect(exported.body).toEqual({
      resource_version: stored?.resource_version,
      metadata: stored?.metadata,
    });
  });

  it("serve the same after a restart without a metadata folder", async () => {
    await track();
    await stop();
    await start();
    expect(await query("{ author(order_by: {id: asc}, limit: 1) { articles { title } } }")).toEqual({
      data: { author: [{ articles: [{ title: "one" }, { title: "two" }] }] },
    });
  });

  it("refuse with Hasura's words, codes and paths, and leave everything as it was", async () => {
    await track();
    const refusals: readonly (readonly [string, unknown, string, string])[] = [
      ["pg_track_table", { table: "author" }, "already-tracked", 'view/table already tracked: "author"'],
      [
        "pg_track_table",
        { table: "nowhere" },
        "invalid-configuration",
        'Inconsistent object: no such table/view exists in source: "nowhere"',
      ],
      [
        "pg_untrack_table",
        { table: "nowhere" },
        "already-untracked",
        'view/table already untracked: "nowhere"',
      ],
      [
        "pg_untrack_table",
        { table: "author" },
        "dependency-error",
        'cannot drop due to the following dependent objects: relationship article.author in source "default"',
      ],
      [
        "pg_create_array_relationship",
        {
          table: "author",
          name: "others",
          using: { foreign_key_constraint_on: { table: "article", column: "title" } },
        },
        "invalid-configuration",
        'Inconsistent object: in table "author": in relationship "others": no foreign constraint exists on the given column(s)',
      ],
      [
        "pg_create_select_permission",
        { table: "article", role: "user", permission: { columns: "*", filter: {} } },
        "already-exists",
        'select permission already defined on table "article" with role "user"',
      ],
      [
        "pg_create_select_permission",
        { table: "article", role: "other", permission: { columns: ["nope"], filter: {} } },
        "invalid-configuration",
        'Inconsistent object: in table "article": in permission for role "other": "nope" does not exist',
      ],
      [
        "pg_drop_relationship",
        { table: "article", relationship: "author" },
        "dependency-error",
        'cannot drop due to the following dependent objects: permission article.user.select in source "default"',
      ],
      ["drop_action", { name: "nothing" }, "not-exists", 'action with name "nothing" does not exist'],
      [
        "pg_track_table",
        { source: "other", table: "author" },
        "not-exists",
        'source with name "other" does not exist',
      ],
    ];
    for (const [type, args, code, error] of refusals) {
      expect(await command(type, args)).toMatchObject({ status: 400, body: { code, error, path: "$.args" } });
    }
    expect(await query("{ article { id } }", "user")).toEqual({ data: { article: [{ id: 1 }, { id: 2 }] } });
  });

  it("refuse a key that the engine would not carry out", async () => {
    await track();
    expect(
      await command("pg_create_select_permission", {
        table: "author",
        role: "user",
        permission: { columns: "*", filter: {}, limitt: 3 },
      }),
    ).toMatchObject({
      status: 400,
      body: { code: "invalid-metadata", error: expect.stringContaining("limitt") },
    });
    expect(await command("pg_frobnicate", {})).toMatchObject({
      status: 400,
      body: { code: "not-supported" },
    });
  });

  it("are all or nothing in a list, with the path of the one at fault", async () => {
    const list = [
      { type: "pg_track_table", args: { table: "author" } },
      { type: "pg_track_table", args: { table: "nowhere" } },
    ];
    expect(await command("bulk", list)).toMatchObject({
      status: 400,
      body: { code: "invalid-configuration", path: "$.args[1].args" },
    });
    expect(await query("{ author { id } }")).toMatchObject({
      errors: [{ extensions: { code: "validation-failed" } }],
    });
    expect(await command("bulk_keep_going", list)).toMatchObject({
      status: 200,
      body: [{ message: "success" }, { code: "invalid-configuration" }],
    });
    expect(await query("{ author { id } }")).toEqual({ data: { author: [{ id: 1 }, { id: 2 }] } });
  });

  it("refuse a change of metadata that is not the newest any more", async () => {
    const { body } = await send("/v1/metadata", { type: "export_metadata", version: 2, args: {} });
    const change = (resourceVersion: unknown) =>
      send("/v1/metadata", {
        type: "pg_track_table",
        resource_version: resourceVersion,
        args: { table: "author" },
      });
    expect(await change(Number(body["resource_version"]) + 5)).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    expect(await change(body["resource_version"])).toMatchObject({ status: 200 });
  });

  it("take over what another server on the same database has changed", async () => {
    await track();
    const other = await createEngine({
      database: test.database,
      logger: silentLogger,
      settings: { adminSecret: secret },
    });
    await done("pg_rename_relationship", { table: "author", name: "articles", new_name: "works" });
    await other.reload();
    expect(other.sdl("admin")).toContain("works(");
    await other.stop();
  });
});

describe("SQL", () => {
  it("is refused while metadata depends on what it drops, and takes it along with cascade", async () => {
    await track();
    expect(await sql("alter table public.article drop column title")).toMatchObject({
      status: 400,
      body: {
        code: "dependency-error",
        path: "$",
        error:
          'cannot drop due to the following dependent objects: permission article.user.select in source "default"',
      },
    });
    expect(await query("{ article(limit: 1) { title } }")).toEqual({ data: { article: [{ title: "one" }] } });
    expect(await sql("alter table public.article drop column title", { cascade: true })).toEqual({
      status: 200,
      body: { result_type: "CommandOk", result: null },
    });
    expect(await query("{ article { id } }", "user")).toMatchObject({
      errors: [{ message: "field 'article' not found in type: 'query_root'" }],
    });
  });

  it("carries the new names of tables and columns into permissions and relationships", async () => {
    await track();
    await sql("alter table public.author rename column name to full_name");
    await sql("alter table public.article rename to essay");
    await sql("alter table public.essay rename column author_id to writer_id");
    expect(await query("{ essay(order_by: {id: asc}) { title } }", "user")).toEqual({
      data: { essay: [{ title: "one" }, { title: "two" }] },
    });
    expect(await query("{ author(limit: 1) { full_name articles(limit: 1) { writer_id } } }")).toEqual({
      data: { author: [{ full_name: "Ann", articles: [{ writer_id: 1 }] }] },
    });
  });

  it("answers with the rows of the last statement as text, and with Postgres's own words when it fails", async () => {
    expect(await sql("select 1; select id, bio, id > 1 as late from public.author order by id")).toEqual({
      status: 200,
      body: {
        result_type: "TuplesOk",
        result: [
          ["id", "bio", "late"],
          ["1", "NULL", "f"],
          ["2", "NULL", "t"],
        ],
      },
    });
    expect(await sql("insert into public.author (name) values ('X')", { read_only: true })).toMatchObject({
      status: 400,
      body: { code: "postgres-error", internal: { error: { status_code: "25006" } } },
    });
  });
});

describe("inconsistent metadata", () => {
  it("is left out and listed after the database changed under it, and dropped on demand", async () => {
    await track();
    await test.database.query("drop table public.article");
    const reloaded = await command("reload_metadata", {});
    expect(reloaded).toMatchObject({ status: 200, body: { is_consistent: false } });
    const listed = (await command("get_inconsistent_metadata", {})).body;
    expect(listed["inconsistent_objects"]).toMatchObject([
      { type: "table", name: "table article in source default" },
      { type: "array_relation", name: "array_relation articles in table author in source default" },
    ]);
    expect(await query("{ author { id } }")).toEqual({ data: { author: [{ id: 1 }, { id: 2 }] } });
    await done("drop_inconsistent_metadata", {});
    expect((await command("get_inconsistent_metadata", {})).body).toEqual({
      is_consistent: true,
      inconsistent_objects: [],
    });
  });

  it("keeps the engine from starting on a folder, unless that is allowed", async () => {
    const document = {
      version: 3,
      sources: [
        {
          name: "default",
          kind: "postgres",
          configuration: { connection_info: { database_url: { from_env: "X" } } },
          tables: [{ table: "author" }, { table: "nowhere" }],
        },
      ],
    };
    const options = { database: test.database, logger: silentLogger, metadata: parseMetadata(document) };
    await expect(createEngine({ ...options, settings: { adminSecret: secret } })).rejects.toThrow("nowhere");
    const lenient = await createEngine({
      ...options,
      settings: { adminSecret: secret, allowInconsistentMetadata: true },
    });
    expect(lenient.sdl("admin")).toContain("type author ");
    await lenient.stop();
  });
});

describe("endpoints", () => {
  const collection = {
    name: "app",
    definition: {
      queries: [
        { name: "byName", query: "query ($name: String!) { author(where: {name: {_eq: $name}}) { id } }" },
        { name: "all", query: "query all { article { id } }" },
      ],
    },
  };
  const endpoint = (url: string, name = url, methods: readonly string[] = ["GET", "POST"]) => ({
    name,
    url,
    methods,
    definition: { query: { collection_name: "app", query_name: "byName" } },
  });

  it("answer with data alone, their variables from path, query string or body", async () => {
    await track();
    await done("create_query_collection", collection);
    await done("create_rest_endpoint", endpoint("authors/:name"));
    await done("create_rest_endpoint", endpoint("find"));
    const ann = { status: 200, body: { author: [{ id: 1 }] } };
    expect(await send("/api/rest/authors/Ann")).toEqual(ann);
    expect(await send("/api/rest/find?name=Ann")).toEqual(ann);
    expect(await send("/api/rest/find", { name: "Ann" })).toEqual(ann);
    expect(await send("/api/rest/find")).toMatchObject({ status: 400, body: { code: "validation-failed" } });
    expect(await send("/api/rest/find", undefined, { method: "DELETE" })).toMatchObject({ status: 405 });
    expect(await send("/api/rest/nothing")).toEqual({
      status: 404,
      body: { error: "Endpoint not found", path: "$", code: "not-found" },
    });
  });

  it("are refused when their paths could mean each other", async () => {
    await track();
    await done("create_query_collection", collection);
    await done("create_rest_endpoint", endpoint("authors/:name"));
    expect(await command("create_rest_endpoint", endpoint("authors/all", "clash"))).toMatchObject({
      status: 400,
    });
  });

  it("let other roles than admin send only what stands on the allow list", async () => {
    await stop();
    await start({ enableAllowList: true });
    await track();
    await done("create_query_collection", collection);
    const allowed = "query all {\n  article { id __typename }\n}";
    const refusal = {
      errors: [{ message: "query is not allowed", extensions: { code: "validation-failed" } }],
    };
    expect(await query(allowed, "user")).toMatchObject(refusal);
    await done("add_collection_to_allowlist", { collection: "app" });
    expect(await query(allowed, "user")).toMatchObject({ data: { article: [{ id: 1 }, { id: 2 }] } });
    expect(await query("{ article { title } }", "user")).toMatchObject(refusal);
    expect(await query("{ article { title } }")).toMatchObject({ data: {} });
    await done("update_scope_of_collection_in_allowlist", {
      collection: "app",
      scope: { global: false, roles: ["other"] },
    });
    expect(await query(allowed, "user")).toMatchObject(refusal);
  });

  it("explain what a role would send, for the administrator only", async () => {
    await track();
    const request = { query: { query: "{ article { id } }" }, user: { "x-hasura-role": "user" } };
    const { status, body } = await send("/v1/graphql/explain", request);
    expect(status).toBe(200);
    expect(body).toMatchObject([{ field: "article", sql: expect.stringContaining("select") }]);
    expect(await send("/v1/graphql/explain", request, { role: "user" })).toMatchObject({
      status: 400,
      body: { code: "access-denied" },
    });
  });

  it("hide the schema from roles that may not ask for it", async () => {
    await track();
    await done("set_graphql_schema_introspection_options", { disabled_for_roles: ["user"] });
    expect(await query("{ __schema { queryType { name } } }", "user")).toMatchObject({
      errors: [{ message: "field '__schema' not found in type: 'query_root'" }],
    });
    expect(await query("{ __typename article { __typename } }", "user")).toMatchObject({ data: {} });
    expect(await query("{ __schema { queryType { name } } }")).toMatchObject({ data: {} });
  });
});

describe("a change under load", () => {
  it("is seen by every request whole or not at all", async () => {
    await track();
    const seen = new Set<string>();
    let changing = true;
    const ask = async (): Promise<void> => {
      while (changing) {
        // The two names are swapped in one change: no request may find both, or neither.
        const answer = JSON.stringify(
          await query('{ __type(name: "author") { fields { name } } author { id } }'),
        );
        expect(answer).not.toContain("errors");
        seen.add([answer.includes('"left"'), answer.includes('"right"')].join());
      }
    };
    const askers = Array.from({ length: 4 }, ask);
    const column = (name: string) => ({
      table: "author",
      configuration: { column_config: { bio: { custom_name: name } } },
    });
    await done("pg_set_table_customization", column("left"));
    for (let round = 0; round < 25; round += 1) {
      await done("pg_set_table_customization", column(round % 2 === 0 ? "right" : "left"));
      expect(await command("reload_metadata", {})).toMatchObject({
        status: 200,
        body: { is_consistent: true },
      });
    }
    changing = false;
    await Promise.all(askers);
    expect(seen.has("true,true")).toBe(false);
    expect([...seen]).toEqual(expect.arrayContaining(["true,false", "false,true"]));
  }, 60_000);
});

describe("the catalog", () => {
  it("is complete, at the versions of Hasura v2.48", async () => {
    const tables = await test.database.query<{ readonly name: string }>(
      "select tablename as name from pg_tables where schemaname = 'hdb_catalog' order by 1",
    );
    expect(tables.map(({ name }) => name)).toEqual([
      "event_invocation_logs",
      "event_log",
      "hdb_action_log",
      "hdb_cron_event_invocation_logs",
      "hdb_cron_events",
      "hdb_event_log_cleanups",
      "hdb_metadata",
      "hdb_scheduled_event_invocation_logs",
      "hdb_scheduled_events",
      "hdb_schema_notifications",
      "hdb_source_catalog_version",
      "hdb_version",
    ]);
    const [versions] = await test.database.query(
      `select
         (select version from hdb_catalog.hdb_version) as catalog,
         (select version from hdb_catalog.hdb_source_catalog_version) as source`,
    );
    expect(versions).toEqual({ catalog: "48", source: "3" });
  });

  it("of an older Hasura is left to it", async () => {
    await test.database.query("update hdb_catalog.hdb_version set version = '45'");
    const attempt = createEngine({
      database: test.database,
      logger: silentLogger,
      settings: { adminSecret: secret },
    });
    await expect(attempt).rejects.toThrow("version 45");
  });
});
