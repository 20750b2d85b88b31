import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Bench, createBench } from "./query-support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await createBench();
});
afterAll(() => bench.close());

const user = { role: "user", session: { "x-hasura-user-id": "1" } };
const failure = (message: string, path: string, code = "validation-failed"): unknown => ({
  errors: [{ message, extensions: { path, code } }],
});

describe("select", () => {
  it("reads rows with aliases, __typename and nested relationships in order", async () => {
    const query = `{ a: authors(order_by: {id: desc}, limit: 2) { __typename n: name
      articles(order_by: {title: desc}) { title author { id } } } __typename }`;
    expect(await bench.run(query)).toEqual({
      data: {
        a: [
          { __typename: "authors", n: "Cy", articles: [] },
          {
            __typename: "authors",
            n: "Bob",
            articles: [
              { title: "Zebra", author: { id: 2 } },
              { title: "Big", author: { id: 2 } },
            ],
          },
        ],
        __typename: "query_root",
      },
    });
  });

  it("keeps the key order of the selection and Postgres's own spelling of values", async () => {
    const query = `{ articles_by_pk(id: 1) { created_at score tags meta(path: "$.k[1]") id } }`;
    expect(JSON.stringify(await bench.run(query))).toBe(
      '{"data":{"articles_by_pk":{"created_at":"2020-01-02T01:04:05.12+00:00","score":1.5,"tags":["a","b"],"meta":2,"id":1}}}',
    );
    expect(await bench.run("{ articles_by_pk(id: 77) { id } }")).toEqual({ data: { articles_by_pk: null } });
  });

  it("prints big numbers as text when told to", async () => {
    const query = `{ articles(where: {id: {_eq: "9007199254740993"}}) { id score }
      articles_aggregate { aggregate { count max { id } avg { score } } } }`;
    expect(await bench.run(query, { stringify: true })).toEqual({
      data: {
        articles: [{ id: "9007199254740993", score: "4" }],
        articles_aggregate: {
          aggregate: { count: 4, max: { id: "9007199254740993" }, avg: { score: "2.5" } },
        },
      },
    });
  });

  it("carries response keys longer than an identifier", async () => {
    const one = `${"k".repeat(70)}1`;
    const two = `${"k".repeat(70)}2`;
    expect(await bench.run(`{ authors(where: {id: {_eq: 1}}) { ${one}: id ${two}: name } }`)).toEqual({
      data: { authors: [{ [one]: 1, [two]: "Ada" }] },
    });
  });

  it("resolves fragments and directives", async () => {
    const query = `query q($yes: Boolean!) { authors_by_pk(id: 1) { ...f id @skip(if: $yes) ... on authors { age @include(if: $yes) } } }
      fragment f on authors { name }`;
    expect(await bench.run(query, { variables: { yes: true } })).toEqual({
      data: { authors_by_pk: { name: "Ada", age: 36 } },
    });
    expect(await bench.run(query, { variables: { yes: false } })).toEqual({
      data: { authors_by_pk: { name: "Ada", id: 1 } },
    });
  });

  it("answers introspection from the role's schema", async () => {
    const answer = await bench.run(
      '{ t: __type(name: "authors") { fields { name } } __schema { queryType { name } } }',
      user,
    );
    expect(answer).toEqual({
      data: {
        t: { fields: expect.not.arrayContaining([{ name: "rating" }]) },
        __schema: { queryType: { name: "query_root" } },
      },
    });
  });
});

describe("where", () => {
  const ids = async (where: string, variables?: Record<string, unknown>, declare = ""): Promise<unknown> => {
    const answer = await bench.run(
      `query ${declare} { articles(where: ${where}, order_by: {id: asc}) { id } }`,
      {
        ...(variables ? { variables } : {}),
      },
    );
    const { data } = answer as { data?: { articles: { id: number }[] } };
    return data ? data.articles.map((row) => (row.id > 100 ? 4 : row.id)) : answer;
  };

  it.each([
    ["{}", [1, 2, 3, 4]],
    ["{_or: []}", []],
    ["{_and: []}", [1, 2, 3, 4]],
    ["{id: {_in: []}}", []],
    ["{id: {_nin: []}}", [1, 2, 3, 4]],
    ["{id: {_in: [1, 3]}}", [1, 3]],
    ["{score: {_neq: 2}}", [1, 4]],
    ["{score: {_is_null: true}}", [3]],
    ["{_not: {score: {_is_null: true}}}", [1, 2, 4]],
    ['{_or: [{title: {_like: "N%"}}, {title: {_ilike: "z%"}}]}', [2, 3]],
    ['{title: {_nlike: "N%", _nilike: "z%"}}', [1, 4]],
    ['{title: {_similar: "(Engines|Big)"}}', [1, 4]],
    ['{title: {_regex: "^E"}}', [1]],
    ['{title: {_niregex: "^e"}}', [2, 3, 4]],
    ['{tags: {_contains: ["a"]}}', [1]],
    ['{tags: {_eq: "{b}"}}', [2]],
    ['{meta: {_contains: {s: "x"}}}', [1]],
    ['{meta: {_has_key: "z"}}', [2]],
    ['{meta: {_has_keys_any: ["z", "k"]}}', [1, 2]],
    ['{meta: {_has_keys_all: ["s", "k"]}}', [1]],
    ['{author: {name: {_eq: "Ada"}}}', [1, 2]],
    ['{author: {articles: {title: {_eq: "Zebra"}}}}', [3, 4]],
    ['{created_at: {_gt: "2019-01-01"}, id: {_lte: "2"}}', [1, 2]],
  ])("%s", async (where, expected) => {
    expect(await ids(where)).toEqual(expected);
  });

  it("takes variables as parameters and reuses the plan for other values", async () => {
    const declare = "($ids: [bigint!], $title: String)";
    const where = "{id: {_in: $ids}, title: {_neq: $title}}";
    expect(await ids(where, { ids: [1, 2], title: "x" }, declare)).toEqual([1, 2]);
    expect(await ids(where, { ids: [2, 3, 1], title: "Notes" }, declare)).toEqual([1, 3]);
    expect(await ids(where, { ids: [2], title: "'; drop table articles; --" }, declare)).toEqual([2]);
    expect(await ids(where, { ids: [2], title: null }, declare)).toEqual(
      failure("unexpected null value for type 'String'", "$.selectionSet.articles.args.where.title._neq"),
    );
  });

  it("takes whole objects from variables", async () => {
    const declare = "($w: articles_bool_exp!)";
    expect(await ids("$w", { w: { id: { _gt: 1 }, published: { _eq: true } } }, declare)).toEqual([3, 4]);
    expect(await ids("$w", { w: { id: { _eq: 1 } } }, declare)).toEqual([1]);
    expect(await ids("$w", { w: { nope: { _eq: 1 } } }, declare)).toEqual(
      failure(
        "field 'nope' not found in type: 'articles_bool_exp'",
        "$.selectionSet.articles.args.where.nope",
      ),
    );
  });
});

describe("order_by, distinct_on, limit", () => {
  const titles = async (args: string): Promise<unknown> => {
    const answer = await bench.run(`{ articles(${args}) { title } }`);
    const { data } = answer as { data?: { articles: { title: string }[] } };
    return data ? data.articles.map((row) => row.title) : answer;
  };

  it.each([
    ["order_by: {score: desc}", ["Zebra", "Big", "Notes", "Engines"]],
    ["order_by: {score: desc_nulls_last}", ["Big", "Notes", "Engines", "Zebra"]],
    ["order_by: [{author: {name: desc}}, {title: asc}]", ["Big", "Zebra", "Engines", "Notes"]],
    [
      "order_by: {author: {articles_aggregate: {max: {score: asc}}}, title: asc}",
      ["Engines", "Notes", "Big", "Zebra"],
    ],
    ["distinct_on: author_id, order_by: [{author_id: asc}, {score: desc_nulls_last}]", ["Notes", "Big"]],
    ["order_by: {title: asc}, limit: 1, offset: 1", ["Engines"]],
    ["order_by: {title: asc}, limit: null, where: null", ["Big", "Engines", "Notes", "Zebra"]],
  ])("%s", async (args, expected) => {
    expect(await titles(args)).toEqual(expected);
  });

  it("refuses what Hasura refuses", async () => {
    expect(await titles("distinct_on: author_id, order_by: {title: asc}")).toEqual(
      failure('"distinct_on" columns must match initial "order_by" columns', "$.selectionSet.articles.args"),
    );
    expect(await titles("limit: -1")).toEqual(
      failure(
        "expected a non-negative 32-bit integer for type 'Int', but found an integer",
        "$.selectionSet.articles.args.limit",
      ),
    );
    expect(await titles('limit: "1"')).toEqual(
      failure(
        "expected a non-negative 32-bit integer for type 'Int', but found a string",
        "$.selectionSet.articles.args.limit",
      ),
    );
    expect(await titles("offset: -1")).toEqual(failure("OFFSET must not be negative", "$", "data-exception"));
  });
});

describe("aggregates", () => {
  it("counts, sums and lists nodes, nested ones too", async () => {
    const query = `{ articles_aggregate(where: {author_id: {_eq: 1}}, order_by: {id: asc}) {
        aggregate { count distinct: count(columns: author_id, distinct: true) sum { score } min { title } __typename }
        nodes { id } }
      authors(order_by: {id: asc}) { articles_aggregate { aggregate { count } } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        articles_aggregate: {
          aggregate: {
            count: 2,
            distinct: 1,
            sum: { score: 3.5 },
            min: { title: "Engines" },
            __typename: "articles_aggregate_fields",
          },
          nodes: [{ id: 1 }, { id: 2 }],
        },
        authors: [2, 2, 0].map((count) => ({ articles_aggregate: { aggregate: { count } } })),
      },
    });
  });

  it("lets a permission's limit cap nodes and nested lists, never the count", async () => {
    const query = `{ articles_aggregate(order_by: {id: asc}) { aggregate { count } nodes { id author { articles(order_by: {id: asc}) { id } } } } }`;
    expect(await bench.run(query, { role: "limited" })).toEqual({
      data: {
        articles_aggregate: {
          aggregate: { count: 4 },
          nodes: [{ id: 1, author: { articles: [{ id: 1 }] } }],
        },
      },
    });
  });
});

describe("functions", () => {
  it("passes arguments by name, defaults and the session", async () => {
    const query = `{ search_articles(args: {needle: "e"}, where: {id: {_lt: 3}}, order_by: {id: desc}) { id }
      few: search_articles(args: {needle: "e", at_most: 1}) { id } }`;
    expect(await bench.run(query, user)).toEqual({
      data: { search_articles: [{ id: 2 }, { id: 1 }], few: [{ id: 1 }] },
    });
  });
});

describe("permissions", () => {
  it("filters rows at every hop", async () => {
    const query =
      "{ articles(order_by: {id: asc}) { id author { name } } authors { name articles_aggregate { aggregate { count } } } }";
    expect(await bench.run(query, { ...user, session: { "x-hasura-user-id": "3" } })).toEqual({
      data: {
        articles: [
          { id: 1, author: { name: "Ada" } },
          { id: 3, author: { name: "Bob" } },
          { id: Number("9007199254740993"), author: { name: "Bob" } },
        ],
        authors: [
          { name: "Ada", articles_aggregate: { aggregate: { count: 1 } } },
          { name: "Bob", articles_aggregate: { aggregate: { count: 2 } } },
          { name: "Cy", articles_aggregate: { aggregate: { count: 0 } } },
        ],
      },
    });
  });

  it("reads array session variables as Postgres literals, and _exists", async () => {
    expect(
      await bench.run("{ articles { id } }", { role: "chosen", session: { "x-hasura-ids": "{2,3}" } }),
    ).toEqual({
      data: { articles: [{ id: 2 }, { id: 3 }] },
    });
    const peers = (id: string): Promise<unknown> =>
      bench.run("{ authors { id } }", { role: "peer", session: { "x-hasura-user-id": id } });
    expect(await peers("1")).toEqual({ data: { authors: [{ id: 1 }, { id: 2 }, { id: 3 }] } });
    expect(await peers("3")).toEqual({ data: { authors: [] } });
  });

  it("misses a session variable only where it is needed", async () => {
    expect(await bench.run("{ articles { id } }", { role: "user" })).toEqual(
      failure('missing session variable: "x-hasura-user-id"', "$", "not-found"),
    );
    expect(await bench.run("{ __typename }", { role: "user" })).toEqual({
      data: { __typename: "query_root" },
    });
  });

  it("hides what the role may not see", async () => {
    expect(await bench.run("{ authors { rating } }", user)).toEqual(
      failure("field 'rating' not found in type: 'authors'", "$.selectionSet.authors.selectionSet.rating"),
    );
    expect(await bench.run("{ authors(where: {rating: {_eq: 1}}) { id } }", user)).toEqual(
      failure(
        "field 'rating' not found in type: 'authors_bool_exp'",
        "$.selectionSet.authors.args.where.rating",
      ),
    );
    expect(
      await bench.run("mutation { delete_articles(where: {}) { affected_rows } }", { role: "chosen" }),
    ).toEqual(failure("no mutations exist", "$"));
  });
});

describe("what a request gets wrong", () => {
  it.each([
    ["{ nope { id } }", "field 'nope' not found in type: 'query_root'", "$.selectionSet.nope"],
    [
      "{ authors { x: nope } }",
      "field 'nope' not found in type: 'authors'",
      "$.selectionSet.authors.selectionSet.nope",
    ],
    ["{ authors(foo: 1) { id } }", "'authors' has no argument named 'foo'", "$.selectionSet.authors"],
    ["{ authors_by_pk { id } }", "missing required field 'id'", "$.selectionSet.authors_by_pk.args.id"],
    [
      "{ authors(where: {age: {_eq: null}}) { id } }",
      "unexpected null value for type 'Int'",
      "$.selectionSet.authors.args.where.age._eq",
    ],
    [
      "query a { authors { id } } query b { authors { id } }",
      "exactly one operation has to be present in the document when operationName is not specified",
      "$",
    ],
    [
      "{ authors(order_by: {id: up}) { id } }",
      expect.stringContaining("expected one of the values ['asc', "),
      "$.selectionSet.authors.args.order_by[0].id",
    ],
  ])("%s", async (query, message, path) => {
    expect(await bench.run(query)).toEqual(failure(message as string, path));
  });

  it("names fragment cycles", async () => {
    const query = `{ authors { ...authorF } } fragment authorF on authors { articles { ...articleF } }
      fragment articleF on articles { author { ...authorF } }`;
    expect(await bench.run(query)).toEqual(
      failure(
        "the fragment definition(s) authorF and articleF form a cycle",
        "$.selectionSet.authors.selectionSet.authorF.selectionSet.articles.selectionSet.articleF.selectionSet.author.selectionSet",
      ),
    );
  });

  it("checks variables", async () => {
    const query = "query ($n: Int!) { authors(limit: $n) { id } }";
    expect(await bench.run(query)).toEqual(failure('expecting a value for non-nullable variable: "n"', "$"));
    expect(await bench.run(query, { variables: { n: 1, m: 2 } })).toEqual(
      failure("unexpected variables in variableValues: m", "$"),
    );
    expect(await bench.run(query, { variables: { n: "1" } })).toEqual(
      failure(
        "expected a non-negative 32-bit integer for type 'Int', but found a string",
        "$.selectionSet.authors.args.limit",
      ),
    );
    expect(
      await bench.run("query ($n: String!) { authors(limit: $n) { id } }", { variables: { n: "1" } }),
    ).toEqual(
      failure(
        "variable 'n' is declared as 'String!', but used where 'Int' is expected",
        "$.selectionSet.authors.args.limit",
      ),
    );
  });

  it("judges column values as Hasura does", async () => {
    const query = "query ($id: Int!) { authors(where: {id: {_eq: $id}}) { id } }";
    expect(await bench.run(query, { variables: { id: "1" } })).toEqual({ data: { authors: [{ id: 1 }] } });
    expect(await bench.run(query, { variables: { id: "abc" } })).toEqual(
      failure('invalid input syntax for type integer: "abc"', "$", "data-exception"),
    );
    expect(await bench.run("{ authors(where: {id: {_eq: 99999999999}}) { id } }")).toEqual(
      failure(
        "The value 9.9999999999e10 lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?",
        "$.selectionSet.authors.args.where.id._eq",
        "parse-failed",
      ),
    );
  });
});
