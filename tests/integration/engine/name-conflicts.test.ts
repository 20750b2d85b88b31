import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { silentLogger } from "../../../src/core/index.ts";
import { createEngine, parseMetadata } from "../../../src/engine/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { metadataOf } from "./query-support.ts";

const schema = `
  create table public.authors (id int primary key, name text, extra jsonb);
  create table public.articles (id int primary key, author_id int references authors (id), title text);
  create function public.shout(authors_row authors) returns text
    language sql stable as $$ select upper(authors_row.name) $$;
`;

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.transaction((tx) => tx.script(schema));
});
afterAll(() => test.drop());

/** Root fields out of everybody's way, so that only the name of the type is left to clash. */
const elsewhere = Object.fromEntries(
  [
    "select",
    "select_by_pk",
    "select_aggregate",
    "select_stream",
    "insert",
    "insert_one",
    "update",
    "update_by_pk",
    "update_many",
    "delete",
    "delete_by_pk",
  ].map((root) => [root, `own_${root}`]),
);

const authors = { table: "authors" };
const named = (customName: string) => ({
  table: "articles",
  configuration: { custom_name: customName, custom_root_fields: elsewhere },
});
const articles = {
  name: "articles",
  using: { foreign_key_constraint_on: { table: "articles", column: "author_id" } },
};
const fields = [{ name: "id", type: "Int!" }];
const action = (name: string, output: string, args: readonly object[] = []) => ({
  name,
  definition: { type: "query", handler: "http://actions.invalid", output_type: output, arguments: args },
});

const start = async (document: object): Promise<string> => {
  try {
    const engine = await createEngine({
      metadata: parseMetadata(document),
      database: test.database,
      logger: silentLogger,
      settings: {},
    });
    await engine.stop();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const twice = "two different types have this name";
const column = "field definition conflicts with postgres column";

describe("an engine refuses to start on", () => {
  it.each([
    ["two tables of one name", [authors, named("authors")], 'another table is named "authors" already'],
    ["a table named as a type of another one", [authors, named("authors_bool_exp")], twice],
    ["a table named as the aggregate of another one", [authors, named("authors_aggregate")], twice],
    ["a table named as a root", [named("query_root")], `type query_root: ${twice}`],
    ["a table named as a scalar", [named("Int")], `type Int: ${twice}`],
    ["a table named as the order", [named("order_by")], `type order_by: ${twice}`],
    [
      "a root field of two tables",
      [authors, { table: "articles", configuration: { custom_root_fields: { select: "authors" } } }],
      "field authors: stands twice in query_root",
    ],
    [
      "a computed field named as a column",
      [{ ...authors, computed_fields: [{ name: "name", definition: { function: "shout" } }] }],
      column,
    ],
    [
      "a relationship named as a column",
      [{ ...authors, array_relationships: [{ ...articles, name: "extra" }] }, { table: "articles" }],
      column,
    ],
    [
      "a column named as the aggregate of a relationship",
      [
        {
          ...authors,
          configuration: { column_config: { extra: { custom_name: "articles_aggregate" } } },
          array_relationships: [articles],
        },
        { table: "articles" },
      ],
      column,
    ],
  ])("%s", async (_, tables, message) => {
    expect(await start(metadataOf(tables))).toContain(message);
  });

  it.each([
    [
      "a type",
      { actions: [action("act", "authors")], custom_types: { objects: [{ name: "authors", fields }] } },
    ],
    [
      "an input",
      {
        actions: [action("act", "Out", [{ name: "in", type: "authors_bool_exp" }])],
        custom_types: {
          objects: [{ name: "Out", fields }],
          input_objects: [{ name: "authors_bool_exp", fields }],
        },
      },
    ],
  ])("%s of an action that is one of a table", async (_, rest) => {
    expect(await start(metadataOf([authors], rest))).toContain(twice);
  });

  it("an action named as a root field", async () => {
    const rest = {
      actions: [action("authors", "Out")],
      custom_types: { objects: [{ name: "Out", fields }] },
    };
    expect(await start(metadataOf([authors], rest))).toContain("field authors: stands twice in query_root");
  });
});
