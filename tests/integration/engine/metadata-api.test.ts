import { describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createEngine, parseMetadata } from "../../../src/engine/index.ts";
import { secret, useMetadataApi } from "./metadata-api-support.ts";

const { database, start, stop, send, command, done, sql, query, track } = useMetadataApi();

describe("commands", () => {
  it("build a schema step by step, and the database holds what they built", async () => {
    await track();
    expect(await query("{ article(order_by: {id: asc}) { title } }", "user")).toEqual({
      data: { article: [{ title: "one" }, { title: "two" }] },
    });
    const [stored] = await database().query<{
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
      database: database(),
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

describe("insert of the first version", () => {
  it("keeps numbers as Hasura binds them: all digits, and decimals in groups of four", async () => {
    await sql("create table public.price (id bigint primary key, amount numeric, plain numeric)");
    await done("pg_track_table", { source: "default", table: "price" });
    const response = await send(
      "/v1/query",
      '{"type":"insert","args":{"table":"price","objects":[{"id":9007199254740993,"amount":12345.67,"plain":7}]}}',
    );
    expect(response).toEqual({ status: 200, body: { affected_rows: 1 } });
    expect(await sql("select id, amount, plain from public.price")).toMatchObject({
      body: {
        result: [
          ["id", "amount", "plain"],
          ["9007199254740993", "12345.6700", "7"],
        ],
      },
    });
  });
});

describe("inconsistent metadata", () => {
  it("is left out and listed after the database changed under it, and dropped on demand", async () => {
    await track();
    await database().query("drop table public.article");
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

  it("is a single permission where only its rule cannot be carried out", async () => {
    await track();
    const { body } = await command("export_metadata", {});
    const { sources } = body as { readonly sources: readonly { readonly tables: readonly object[] }[] };
    const permission = { columns: ["id"], filter: { id: { _sounds_like: 1 } } };
    const metadata = {
      ...body,
      sources: sources.map((source) => ({
        ...source,
        tables: source.tables.map((entry) => ({
          ...entry,
          select_permissions: [{ role: "reader", permission }],
        })),
      })),
    };
    const { status, body: answer } = await send("/v1/metadata", {
      type: "replace_metadata",
      version: 2,
      args: { allow_inconsistent_metadata: true, metadata },
    });
    expect({ status, listed: answer["inconsistent_objects"] }).toMatchObject({
      status: 200,
      listed: [
        { type: "select_permission", name: "select_permission reader in table author in source default" },
        { type: "select_permission", name: "select_permission reader in table article in source default" },
      ],
    });
    expect(JSON.stringify(answer)).toContain("unknown operator _sounds_like");
    expect(await query("{ author { id } }")).toEqual({ data: { author: [{ id: 1 }, { id: 2 }] } });
    expect(await query("{ author { id } }", "reader")).toMatchObject({
      errors: [{ message: "field 'author' not found in type: 'query_root'" }],
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
    const options = { database: database(), logger: silentLogger, metadata: parseMetadata(document) };
    await expect(createEngine({ ...options, settings: { adminSecret: secret } })).rejects.toThrow("nowhere");
    const lenient = await createEngine({
      ...options,
      settings: { adminSecret: secret, allowInconsistentMetadata: true },
    });
    expect(lenient.sdl("admin")).toContain("type author ");
    await lenient.stop();
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
    const tables = await database().query<{ readonly name: string }>(
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
    const [versions] = await database().query(
      `select
         (select version from hdb_catalog.hdb_version) as catalog,
         (select version from hdb_catalog.hdb_source_catalog_version) as source`,
    );
    expect(versions).toEqual({ catalog: "48", source: "3" });
  });

  it("of an older Hasura is left to it", async () => {
    await database().query("update hdb_catalog.hdb_version set version = '45'");
    const attempt = createEngine({
      database: database(),
      logger: silentLogger,
      settings: { adminSecret: secret },
    });
    await expect(attempt).rejects.toThrow("version 45");
  });
});
