import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Bench, createBench } from "./query-support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await createBench();
});
afterAll(() => bench.close());

const failure = (message: string, path: string, code = "validation-failed"): unknown => ({
  errors: [{ message, extensions: { path, code } }],
});

const outOfBounds = (number: string): string =>
  `The value ${number} lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?`;

describe("limit and offset", () => {
  const at = "$.selectionSet.authors.args.limit";
  it.each([
    ["-1", failure("expected a non-negative 32-bit integer for type 'Int', but found an integer", at)],
    ["1.5", failure("expected a non-negative 32-bit integer for type 'Int', but found a float", at)],
    ['"1"', failure("expected a non-negative 32-bit integer for type 'Int', but found a string", at)],
    ["3000000000", failure(outOfBounds("3.0e9"), at, "parse-failed")],
  ])("refuses limit: %s", async (limit, expected) => {
    expect(await bench.run(`{ authors(limit: ${limit}) { id } }`)).toEqual(expected);
  });

  it("calls a number of the variables a number", async () => {
    const query = "query ($n: Int) { authors(limit: $n) { id } }";
    expect(await bench.run(query, { variables: { n: -1 } })).toEqual(
      failure("expected a non-negative 32-bit integer for type 'Int', but found a number", at),
    );
    expect(await bench.run(query, { variables: { n: 1.5 } })).toEqual(
      failure(outOfBounds("1.5"), at, "parse-failed"),
    );
  });

  it("takes an offset of 64 bits as text, and leaves a negative one to Postgres", async () => {
    expect(await bench.run('{ authors(offset: "9007199254740993") { id } }')).toEqual({
      data: { authors: [] },
    });
    expect(await bench.run("{ authors(offset: -1) { id } }")).toEqual(
      failure("OFFSET must not be negative", "$", "data-exception"),
    );
  });
});

describe("lists", () => {
  it("are made of one value that is written out, never of a variable", async () => {
    expect(await bench.run('{ authors(where: {id: {_in: "1"}}) { id } }')).toEqual({
      data: { authors: [{ id: 1 }] },
    });
    expect(
      await bench.run("query ($id: Int!) { authors(where: {id: {_in: $id}}) { id } }", {
        variables: { id: 1 },
      }),
    ).toEqual(
      failure(
        "variable 'id' is declared as 'Int!', but used where '[Int!]' is expected",
        "$.selectionSet.authors.args.where.id._in",
      ),
    );
    expect(
      await bench.run("query ($id: [Int!]) { authors(where: {id: {_in: $id}}) { id } }", {
        variables: { id: 1 },
      }),
    ).toEqual({ data: { authors: [{ id: 1 }] } });
  });

  it("show an index in the path for a value that stands for a list of one", async () => {
    expect(await bench.run("mutation { insert_authors(objects: {nope: 1}) { affected_rows } }")).toEqual(
      failure(
        "field 'nope' not found in type: 'authors_insert_input'",
        "$.selectionSet.insert_authors.args.objects[0].nope",
      ),
    );
  });
});

describe("flags and objects", () => {
  it("take booleans only, in literals and variables", async () => {
    const at = "$.selectionSet.authors.args.where.age._is_null";
    expect(await bench.run('{ authors(where: {age: {_is_null: "yes"}}) { id } }')).toEqual(
      failure("expected a boolean for type 'Boolean', but found a string", at),
    );
    const query = "query ($no: Boolean) { authors(where: {age: {_is_null: $no}}) { id } }";
    expect(await bench.run(query, { variables: { no: true } })).toEqual({ data: { authors: [{ id: 2 }] } });
    expect(await bench.run(query, { variables: { no: 1 } })).toEqual(
      failure("expected a boolean for type 'Boolean', but found a number", at),
    );
  });

  it("name a field that is missing at its place, and unknown fields before anything else", async () => {
    const conflict = "mutation { insert_authors(objects: [], on_conflict: {}) { affected_rows } }";
    expect(await bench.run(conflict)).toEqual(
      failure(
        "missing required field 'constraint'",
        "$.selectionSet.insert_authors.args.on_conflict.constraint",
      ),
    );
    expect(await bench.run("{ authors(where: {id: {_eq: 3.5, _nope: 1}}) { id } }")).toEqual(
      failure(
        "field '_nope' not found in type: 'Int_comparison_exp'",
        "$.selectionSet.authors.args.where.id._nope",
      ),
    );
  });
});

describe("null in a filter", () => {
  const at = "$.selectionSet.articles.args.where";
  it.each([
    ["{_and: null}", failure("expected a list, but found null", `${at}._and`)],
    [
      "{_not: null}",
      failure("expected an object for type 'articles_bool_exp', but found null", `${at}._not`),
    ],
    [
      "{author: null}",
      failure("expected an object for type 'authors_bool_exp', but found null", `${at}.author`),
    ],
    [
      "{id: null}",
      failure("expected an object for type 'bigint_comparison_exp', but found null", `${at}.id`),
    ],
    ["{id: {_eq: null}}", failure("unexpected null value for type 'bigint'", `${at}.id._eq`)],
    ["{id: {_in: null}}", failure("expected a list, but found null", `${at}.id._in`)],
    [
      "{id: {_is_null: null}}",
      failure("expected a boolean for type 'Boolean', but found null", `${at}.id._is_null`),
    ],
    ["{meta: {_has_key: null}}", { data: { articles: [] } }],
  ])("where: %s", async (where, expected) => {
    expect(await bench.run(`{ articles(where: ${where}) { id } }`)).toEqual(expected);
  });
});

describe("directives", () => {
  it("check their argument and their place", async () => {
    expect(await bench.run("{ authors { id @include } }")).toEqual(
      failure("missing required field 'if'", "$.selectionSet.authors.selectionSet.include.args.if"),
    );
    expect(
      await bench.run("query ($on: Boolean) { authors { id @include(if: $on) } }", {
        variables: { on: true },
      }),
    ).toEqual(
      failure(
        "variable 'on' is declared as 'Boolean', but used where 'Boolean!' is expected",
        "$.selectionSet.authors.selectionSet.include.args.if",
      ),
    );
    expect(await bench.run("{ authors { id @cached } }")).toEqual(
      failure("directive 'cached' is not allowed on a field", "$.selectionSet.authors.selectionSet"),
    );
    expect(await bench.run("query @strange { authors { id } }")).toEqual(
      failure("directive 'strange' is not defined in the schema", "$"),
    );
    expect(await bench.run("query @cached(ttl: 5) { authors(limit: 1) { id } }")).toMatchObject({
      data: { authors: [{ id: 1 }] },
    });
  });
});
