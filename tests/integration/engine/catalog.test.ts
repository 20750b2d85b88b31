import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Catalog, readCatalog } from "../../../src/engine/catalog/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const script = `
create schema library;
create domain library.short_text as text not null check (length(value) < 50);
create table public.genres (value text primary key, comment text);
insert into public.genres values ('poetry', 'verse'), ('novel', null);
create table public.authors (
  id uuid primary key default gen_random_uuid(),
  full_name text not null,
  constraint authors_full_name_key unique (full_name)
);
comment on table public.authors is 'who wrote';
create table library.books (
  id bigint generated always as identity,
  author_id uuid not null,
  title library.short_text,
  tags text[] not null default '{}',
  details jsonb,
  genre text,
  title_length integer generated always as (length(title)) stored,
  constraint books_pkey primary key (id),
  constraint books_author_id_fkey foreign key (author_id) references public.authors (id),
  constraint books_genre_fkey foreign key (genre) references public.genres (value)
);
comment on column library.books.tags is 'free words';
create view library.titles as select id, title from library.books;
create view library.counts as select author_id, count(*) as books from library.books group by author_id;
create materialized view library.snapshot as select id from library.books;
create function library.long_books(pages integer, genre text default null, hasura_session json default null)
  returns setof library.books language sql stable as 'select * from library.books';
create function library.shelf(out total bigint, wanted text) language sql as 'select 1::bigint';
create function library.twice(a integer) returns setof library.books language sql as 'select * from library.books';
create function library.twice(a text) returns setof library.books language sql as 'select * from library.books';
`;

describe("readCatalog", () => {
  let test: TestDatabase;
  let catalog: Catalog;

  beforeAll(async () => {
    test = await createTestDatabase({ empty: true });
    await test.database.transaction((tx) => tx.script(script));
    catalog = await readCatalog(test.database, { enumTables: [{ schema: "public", name: "genres" }] });
  });

  afterAll(async () => {
    await test.drop();
  });

  it("reads columns with type, default and comment", () => {
    const books = catalog.tables.get("library.books");
    expect([...(books?.columns.keys() ?? [])]).toEqual([
      "id",
      "author_id",
      "title",
      "tags",
      "details",
      "genre",
      "title_length",
    ]);
    expect(books?.columns.get("id")).toMatchObject({ type: "int8", hasDefault: true, isGenerated: true });
    expect(books?.columns.get("title")).toMatchObject({ type: "text", nullable: false });
    expect(books?.columns.get("tags")).toMatchObject({
      type: "_text",
      sqlType: "text[]",
      nullable: false,
      comment: "free words",
    });
    expect(books?.columns.get("title_length")).toMatchObject({ isGenerated: true });
  });

  it("reads keys", () => {
    const books = catalog.tables.get("library.books");
    expect(books?.primaryKey).toEqual({ name: "books_pkey", columns: ["id"] });
    expect(books?.foreignKeys[0]).toEqual({
      name: "books_author_id_fkey",
      columns: ["author_id"],
      target: { schema: "public", name: "authors" },
      targetColumns: ["id"],
    });
    expect(catalog.tables.get("public.authors")).toMatchObject({
      comment: "who wrote",
      uniqueConstraints: [{ name: "authors_full_name_key", columns: ["full_name"] }],
    });
  });

  it("knows which views can be written", () => {
    const writable = (name: string) => {
      const table = catalog.tables.get(name);
      return [table?.kind, table?.insertable, table?.updatable, table?.deletable];
    };
    expect(writable("library.titles")).toEqual(["view", true, true, true]);
    expect(writable("library.counts")).toEqual(["view", false, false, false]);
    expect(writable("library.snapshot")).toEqual(["materialized", false, false, false]);
    expect(writable("library.books")).toEqual(["table", true, true, true]);
  });

  it("reads functions with their input arguments", () => {
    expect(catalog.functions.get("library.long_books")).toMatchObject({
      volatility: "stable",
      returnsSet: true,
      returnTable: { schema: "library", name: "books" },
      overloaded: false,
      args: [
        { name: "pages", type: "int4", hasDefault: false },
        { name: "genre", type: "text", hasDefault: true },
        { name: "hasura_session", type: "json", hasDefault: true },
      ],
    });
    expect(catalog.functions.get("library.shelf")?.args).toMatchObject([{ name: "wanted" }]);
    expect(catalog.functions.get("library.twice")?.overloaded).toBe(true);
  });

  it("reads the rows of enum tables", () => {
    expect(catalog.enumValues.get("public.genres")).toEqual([
      { value: "novel", comment: null },
      { value: "poetry", comment: "verse" },
    ]);
  });
});
