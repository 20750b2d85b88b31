import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { validateSchema } from "graphql";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create schema lib;
create table user_kinds (value text primary key, comment text);
create table lib.book_author (
  id int primary key, first_name text not null, birth_year int, user_kind text references user_kinds (value),
  extra_data jsonb not null default '{}'
);
create table lib.written_book (
  id int primary key, author_id int not null references lib.book_author (id), book_title text not null,
  constraint written_book_title unique (book_title)
);
create function lib.books_like(title_part text) returns setof lib.written_book language sql stable as $$
  select * from lib.written_book where book_title ilike '%' || title_part || '%' $$;
insert into user_kinds values ('pen_name', null), ('real', null);
insert into lib.book_author values (1, 'Ann', 1900, 'real', '{"a_b": 1}'), (2, 'Ben', null, 'pen_name', '{}');
insert into lib.written_book values (1, 1, 'One'), (2, 1, 'Two');
`;

const tables = [
  { table: "user_kinds", is_enum: true },
  {
    table: { schema: "lib", name: "book_author" },
    array_relationships: [
      {
        name: "all_books",
        using: {
          foreign_key_constraint_on: { table: { schema: "lib", name: "written_book" }, column: "author_id" },
        },
      },
    ],
    configuration: { column_config: { birth_year: { custom_name: "born_in" } } },
  },
  {
    table: { schema: "lib", name: "written_book" },
    configuration: { custom_name: "Book_x", custom_root_fields: { select_by_pk: "the_book" } },
  },
];
const functions = [{ function: { schema: "lib", name: "books_like" } }];

const benchOf = (customization: object): Promise<Bench> =>
  createBench({ schemaSql, metadata: metadataOf(tables, {}, { functions, customization }) });

describe("naming_convention graphql-default", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await benchOf({ naming_convention: "graphql-default" });
  });
  afterAll(() => bench.close());

  it("writes fields, arguments, operators and enums in its own case, and custom names as they are", async () => {
    const query = `query ($where: LibBookAuthorBoolExp!) {
      libBookAuthor(where: $where, orderBy: [{born_in: DESC_NULLS_LAST}], distinctOn: [born_in]) {
        __typename firstName born_in userKind all_booksAggregate { aggregate { count stddevPop { id } } __typename }
        extraData(path: "a_b") all_books(orderBy: {bookTitle: DESC}) { bookTitle } }
    }`;
    const where = { firstName: { _iregex: "a" }, born_in: { _isNull: false }, userKind: { _in: ["REAL"] } };
    expect(await bench.run(query, { variables: { where } })).toEqual({
      data: {
        libBookAuthor: [
          {
            __typename: "LibBookAuthor",
            firstName: "Ann",
            born_in: 1900,
            userKind: "real",
            all_booksAggregate: {
              aggregate: { count: 2, stddevPop: { id: 0.5 } },
              __typename: "Book_xAggregate",
            },
            extraData: 1,
            all_books: [{ bookTitle: "Two" }, { bookTitle: "One" }],
          },
        ],
      },
    });
    const counted =
      "{ libBookAuthor(where: {all_booksAggregate: {count: {predicate: {_eq: 0}}}}) { firstName } }";
    expect(await bench.run(counted)).toEqual({ data: { libBookAuthor: [{ firstName: "Ben" }] } });
  });

  it("makes a schema without faults", () => {
    expect(validateSchema(bench.schema())).toEqual([]);
  });

  it("names root fields around custom names", async () => {
    expect(
      await bench.run("{ the_book(id: 1) { bookTitle } Book_x { id } Book_xAggregate { __typename } }"),
    ).toEqual({
      data: {
        the_book: { bookTitle: "One" },
        Book_x: [{ id: 1 }, { id: 2 }],
        Book_xAggregate: { __typename: "Book_xAggregate" },
      },
    });
    expect(await bench.run('{ libBooksLike(args: {title_part: "tw"}) { id } }')).toEqual({
      data: { libBooksLike: [{ id: 2 }] },
    });
    const mutation = `mutation {
      insertBook_x(objects: {id: 1, authorId: 2, bookTitle: "One"}, onConflict: {
        constraint: written_book_title, updateColumns: [authorId]}) { affectedRows returning { authorId } __typename }
      updateLibBookAuthorByPk(pkColumns: {id: 2}, _set: {userKind: REAL}, _deleteKey: {extraData: "x"}) { userKind }
      deleteBook_xByPk(id: 2) { id }
    }`;
    expect(await bench.run(mutation)).toEqual({
      data: {
        insertBook_x: { affectedRows: 1, returning: [{ authorId: 2 }], __typename: "Book_xMutationResponse" },
        updateLibBookAuthorByPk: { userKind: "real" },
        deleteBook_xByPk: { id: 2 },
      },
    });
  });

  it("says the name of the request in errors", async () => {
    expect(await bench.run("{ libBookAuthor(where: {firstName: {_is_null: true}}) { id } }")).toEqual({
      errors: [
        {
          message: "field '_is_null' not found in type: 'StringComparisonExp'",
          extensions: {
            path: "$.selectionSet.libBookAuthor.args.where.firstName._is_null",
            code: "validation-failed",
          },
        },
      ],
    });
  });
});

describe("customization of a source", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await benchOf({
      root_fields: { namespace: "shop", prefix: "my_", suffix: "_now" },
      type_names: { prefix: "T_", suffix: "_z" },
    });
  });
  afterAll(() => bench.close());

  it("makes a schema without faults", () => {
    expect(validateSchema(bench.schema())).toEqual([]);
  });

  it("puts root fields into a namespace, with prefix and suffix, and types likewise", async () => {
    const query = `query ($w: T_lib_book_author_bool_exp_z) { __typename
      a: shop { __typename my_lib_book_author_now(where: $w) { __typename id } my_the_book_now(id: 1) { id } }
      shop { my_lib_books_like_now(args: {title_part: "one"}) { book_title } } }`;
    expect(await bench.run(query, { variables: { w: { id: { _eq: 1 } } } })).toEqual({
      data: {
        __typename: "query_root",
        a: {
          __typename: "T_shop_query_z",
          my_lib_book_author_now: [{ __typename: "T_lib_book_author_z", id: 1 }],
          my_the_book_now: { id: 1 },
        },
        shop: { my_lib_books_like_now: [{ book_title: "One" }] },
      },
    });
    const mutation =
      "mutation { shop { my_delete_Book_x_now(where: {id: {_eq: 9}}) { affected_rows __typename } } }";
    expect(await bench.run(mutation)).toEqual({
      data: {
        shop: { my_delete_Book_x_now: { affected_rows: 0, __typename: "T_Book_x_mutation_response_z" } },
      },
    });
    expect(await bench.run("{ shop { nope } }")).toEqual({
      errors: [
        {
          message: "field 'nope' not found in type: 'T_shop_query_z'",
          extensions: { path: "$.selectionSet.shop.selectionSet.nope", code: "validation-failed" },
        },
      ],
    });
  });
});
