import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Bench, createBench, schemaSql } from "./query-support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await createBench();
});
afterAll(() => bench.close());

const inserts = schemaSql.slice(schemaSql.indexOf("insert into authors"));
beforeEach(async () => {
  await bench.database.transaction((tx) => tx.script(`truncate authors, profiles, articles; ${inserts}`));
});

const user = { role: "user", session: { "x-hasura-user-id": "1" } };
const failure = (message: string, path: string, code: string): unknown => ({
  errors: [{ message, extensions: { path, code } }],
});
const checkFailed = (path: string): unknown =>
  failure("check constraint of an insert/update permission has failed", path, "permission-error");
const count = async (): Promise<number> => {
  const [row] = await bench.database.query<{ n: number }>("select count(*)::int as n from articles");
  return row?.n ?? -1;
};

describe("insert", () => {
  it("writes rows with presets, defaults and the session, and returns them", async () => {
    const query = `mutation ($o: [articles_insert_input!]!) { insert_articles(objects: $o) {
      affected_rows returning { __typename title author_id last_user author { name } } } }`;
    const variables = { o: [{ title: "New", score: 5 }, { title: "Other" }] };
    expect(await bench.run(query, { ...user, variables: { o: [variables.o[0]] } })).toEqual({
      data: {
        insert_articles: {
          affected_rows: 1,
          returning: [
            { __typename: "articles", title: "New", author_id: 1, last_user: "1", author: { name: "Ada" } },
          ],
        },
      },
    });
    expect(await count()).toBe(5);
  });

  it("refuses a row that fails the check, whole and without a trace", async () => {
    const query = `mutation { insert_articles(objects: [{title: "ok", score: 1}, {title: "too much", score: 100}]) { affected_rows } }`;
    expect(await bench.run(query, user)).toEqual(checkFailed("$.selectionSet.insert_articles.args.objects"));
    expect(await bench.run(`mutation { insert_articles_one(object: {title: "null"}) { id } }`, user)).toEqual(
      checkFailed("$.selectionSet.insert_articles_one.args.object"),
    );
    expect(await count()).toBe(4);
  });

  it("knows no preset and no foreign column", async () => {
    expect(
      await bench.run("mutation { insert_articles(objects: [{author_id: 2}]) { affected_rows } }", user),
    ).toEqual(
      failure(
        "field 'author_id' not found in type: 'articles_insert_input'",
        "$.selectionSet.insert_articles.args.objects[0].author_id",
        "validation-failed",
      ),
    );
  });

  it("answers with nothing for no objects", async () => {
    expect(
      await bench.run("mutation { insert_articles(objects: []) { affected_rows returning { id } } }"),
    ).toEqual({
      data: { insert_articles: { affected_rows: 0, returning: [] } },
    });
  });

  it("resolves conflicts", async () => {
    const upsert = (columns: string, where = ""): string => `mutation { insert_authors_one(
      object: {name: "Ada", age: 1}, on_conflict: {constraint: authors_name_key, update_columns: [${columns}]${where}}) { id age } }`;
    expect(await bench.run(upsert("age"))).toEqual({ data: { insert_authors_one: { id: 1, age: 1 } } });
    expect(await bench.run(upsert(""))).toEqual({ data: { insert_authors_one: null } });
    expect(await bench.run(upsert("age", ", where: {age: {_gt: 1}}"))).toEqual({
      data: { insert_authors_one: null },
    });
  });

  it("names what Postgres refuses", async () => {
    const one = (object: string): Promise<unknown> =>
      bench.run(`mutation { insert_articles_one(object: ${object}) { id } }`);
    const path = "$.selectionSet.insert_articles_one.args.object";
    expect(await bench.run('mutation { insert_authors(objects: {name: "Ada"}) { affected_rows } }')).toEqual(
      failure(
        'Uniqueness violation. duplicate key value violates unique constraint "authors_name_key"',
        "$.selectionSet.insert_authors.args.objects",
        "constraint-violation",
      ),
    );
    expect(await one("{author_id: 99}")).toEqual(
      failure(
        'Foreign key violation. insert or update on table "articles" violates foreign key constraint "articles_author_id_fkey"',
        path,
        "constraint-violation",
      ),
    );
    expect(await one("{title: null}")).toEqual(
      failure(
        'Not-NULL violation. null value in column "author_id" of relation "articles" violates not-null constraint',
        path,
        "constraint-violation",
      ),
    );
    expect(await one("{author_id: 1, score: 1000}")).toEqual(
      failure(
        'Check constraint violation. new row for relation "articles" violates check constraint "articles_score_check"',
        path,
        "permission-error",
      ),
    );
    expect(await one(`{author_id: 1, title: "${"x".repeat(21)}"}`)).toEqual(
      failure("value too long for type character varying(20)", path, "data-exception"),
    );
    expect(await one('{author_id: 1, title: "refused"}')).toEqual(
      failure("limit of 5 articles reached", path, "constraint-violation"),
    );
    expect(await one('{author_id: 1, title: "broken"}')).toEqual(
      failure("database query error", path, "unexpected"),
    );
  });
});

describe("nested insert", () => {
  it("writes referred and referring rows, counts all and returns the tree", async () => {
    const query = `mutation { insert_articles(objects: [
      {title: "a", author: {data: {name: "Dee", profile: {data: {bio: "b"}}}}},
      {title: "b", author_id: 1}]) { affected_rows returning { title author { name profile { bio } } } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        insert_articles: {
          affected_rows: 4,
          returning: [
            { title: "a", author: { name: "Dee", profile: { bio: "b" } } },
            { title: "b", author: { name: "Ada", profile: null } },
          ],
        },
      },
    });
  });

  it("hangs array relationships on the new row", async () => {
    const query = `mutation { insert_authors_one(object: {name: "Eve", articles: {data: [{title: "x", tags: ["q"]}, {title: "y"}]}}) {
      name articles(order_by: {title: asc}) { title tags author { name } } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        insert_authors_one: {
          name: "Eve",
          articles: [
            { title: "x", tags: ["q"], author: { name: "Eve" } },
            { title: "y", tags: [], author: { name: "Eve" } },
          ],
        },
      },
    });
  });

  it("refuses values decided twice", async () => {
    const code = "validation-failed";
    expect(
      await bench.run(
        'mutation { insert_authors(objects: [{name: "F", articles: {data: [{author_id: 1}]}}]) { affected_rows } }',
      ),
    ).toEqual(
      failure(
        'cannot insert "author_id" columns as their values are already being determined by parent insert',
        "$.selectionSet.insert_authors.args.objects[0].articles.data[0]",
        code,
      ),
    );
    expect(
      await bench.run(
        'mutation { insert_articles(objects: [{author_id: 1, author: {data: {name: "G"}}}]) { affected_rows } }',
      ),
    ).toEqual(
      failure(
        'cannot insert object relationship "author" as "author_id" column values are already determined',
        "$.selectionSet.insert_articles.args.objects[0].author",
        code,
      ),
    );
  });

  it("leaves nothing behind when a child fails", async () => {
    await bench.run(
      'mutation { insert_authors(objects: [{name: "H", articles: {data: [{title: "refused"}]}}]) { affected_rows } }',
    );
    const rows = await bench.database.query("select 1 from authors where name = 'H'");
    expect(rows).toEqual([]);
  });
});

describe("update", () => {
  it("changes rows the filter lets through", async () => {
    const query =
      'mutation { update_articles(where: {}, _set: {title: "t"}, _inc: {score: 1}) { affected_rows returning { id score } } }';
    const answer = await bench.run(query, user);
    expect(answer).toEqual({
      data: {
        update_articles: {
          affected_rows: 2,
          returning: expect.arrayContaining([
            { id: 1, score: 2.5 },
            { id: 2, score: 3 },
          ]),
        },
      },
    });
  });

  it("checks the row afterwards and answers null for a foreign row", async () => {
    const byPk = (id: number, score: number): Promise<unknown> =>
      bench.run(
        `mutation { update_articles_by_pk(pk_columns: {id: ${String(id)}}, _set: {score: ${String(score)}}) { score } }`,
        user,
      );
    expect(await byPk(1, 9)).toEqual({ data: { update_articles_by_pk: { score: 9 } } });
    expect(await byPk(1, -9)).toEqual(checkFailed("$"));
    expect(await byPk(3, 9)).toEqual({ data: { update_articles_by_pk: null } });
  });

  it("edits json in place", async () => {
    const set = (change: string): Promise<unknown> =>
      bench.run(`mutation { update_articles_by_pk(pk_columns: {id: 1}, ${change}) { meta } }`);
    const meta = (value: unknown): unknown => ({ data: { update_articles_by_pk: { meta: value } } });
    expect(await set("_append: {meta: {n: 12345678901234567890}}")).toMatchObject({ data: {} });
    expect(await set('_delete_key: {meta: "n"}')).toEqual(meta({ k: [1, 2], s: "x" }));
    expect(await set('_delete_at_path: {meta: ["k", "0"]}')).toEqual(meta({ k: [2], s: "x" }));
    expect(await set("_set: {meta: [1]}")).toEqual(meta([1]));
    expect(await set("_prepend: {meta: 0}")).toEqual(meta([0, 1]));
    expect(await set("_delete_elem: {meta: 1}")).toEqual(meta([0]));
  });

  it("takes many updates in order", async () => {
    const query = `mutation { update_articles_many(updates: [
      {where: {id: {_eq: 1}}, _set: {title: "m"}}, {where: {title: {_eq: "m"}}, _set: {score: 7}}, {where: {}}]) {
      affected_rows returning { title score } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        update_articles_many: [
          { affected_rows: 1, returning: [{ title: "m", score: 1.5 }] },
          { affected_rows: 1, returning: [{ title: "m", score: 7 }] },
          { affected_rows: 0, returning: [] },
        ],
      },
    });
  });

  it("refuses a column in two operators and a null where", async () => {
    expect(
      await bench.run(
        "mutation { update_articles(where: {}, _set: {score: 1}, _inc: {score: 1}) { affected_rows } }",
      ),
    ).toEqual(
      failure(
        "Column found in multiple operators: ['score'].",
        "$.selectionSet.update_articles.args",
        "validation-failed",
      ),
    );
    expect(await bench.run("mutation { delete_articles(where: null) { affected_rows } }")).toEqual(
      failure(
        "expected an object for type 'articles_bool_exp', but found null",
        "$.selectionSet.delete_articles.args.where",
        "validation-failed",
      ),
    );
  });
});

describe("delete", () => {
  it("removes rows the filter lets through and returns them", async () => {
    expect(
      await bench.run(
        "mutation { delete_articles(where: {}) { affected_rows returning { title author { id } } } }",
        user,
      ),
    ).toEqual({
      data: {
        delete_articles: {
          affected_rows: 2,
          returning: [
            { title: "Engines", author: { id: 1 } },
            { title: "Notes", author: { id: 1 } },
          ],
        },
      },
    });
    expect(await bench.run("mutation { delete_articles_by_pk(id: 3) { id } }", user)).toEqual({
      data: { delete_articles_by_pk: null },
    });
    expect(await bench.run("mutation { delete_articles_by_pk(id: 3) { id } }")).toEqual({
      data: { delete_articles_by_pk: { id: 3 } },
    });
    expect(await bench.run("mutation { delete_authors(where: {id: {_eq: 2}}) { affected_rows } }")).toEqual({
      data: { delete_authors: { affected_rows: 1 } },
    });
  });
});

describe("one document", () => {
  it("runs its mutations in order in one transaction", async () => {
    const query = `mutation { a: insert_articles_one(object: {author_id: 3, title: "first"}) { title }
      publish_all { id published } b: insert_articles_one(object: {author_id: 3, title: "refused"}) { id } }`;
    expect(await bench.run(query)).toEqual(
      failure(
        "limit of 5 articles reached",
        "$.selectionSet.insert_articles_one.args.object",
        "constraint-violation",
      ),
    );
    expect(await count()).toBe(4);
    expect(await bench.run("mutation { publish_all { id published } __typename }")).toEqual({
      data: { publish_all: [{ id: 2, published: true }], __typename: "mutation_root" },
    });
  });
});
