import { describe, expect, it } from "@jest/globals";

import { sliceSchema } from "../../golden/schema.ts";

const sdl = `
  type query_root { authors(where: authors_bool_exp): [authors!]!  books(where: books_bool_exp): [books!]!  now: Int }
  type authors { id: Int  books(where: books_bool_exp): [books!]!  tags: [tags!]! }
  type books { id: Int  author: authors }
  type tags { id: Int }
  input authors_bool_exp { id: Int  books: books_bool_exp }
  input books_bool_exp { id: Int  author: authors_bool_exp }
  schema { query: query_root }
`;
const tables = ["authors", "books", "tags"];

describe("sliceSchema", () => {
  it("leaves out other tables' types and the fields and arguments that need them", () => {
    const slice = sliceSchema({ sdl, tables, kept: ["authors"] })
      .replaceAll(/\s+/gu, " ")
      .trim();
    expect(slice).toBe(
      "type query_root { authors(where: authors_bool_exp): [authors!]! now: Int } type authors { id: Int } " +
        "input authors_bool_exp { id: Int } schema { query: query_root }",
    );
  });

  it("refuses tables that do not show every kind of type", () => {
    expect(() => sliceSchema({ sdl, tables, kept: ["tags"] })).toThrow(
      "no kept table has a type <table>_bool_exp; keep authors as well",
    );
  });

  it("refuses a table that does not exist", () => {
    expect(() => sliceSchema({ sdl, tables, kept: ["poems"] })).toThrow("no table is named poems in GraphQL");
  });
});
