import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect } from "@jest/globals";

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

export const secret = "admin-secret-of-the-test";

/** Before each test of the file: an engine over HTTP, on authors and articles that no metadata tracks yet. */
export const useMetadataApi = () => {
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
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
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

  return { database: () => test.database, start, stop, send, command, done, sql, query, track };
};
