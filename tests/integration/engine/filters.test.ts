import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { validateSchema } from "graphql";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create extension ltree;
create extension citext;
create table shops (id int primary key, name citext not null, place ltree, open_hours int4range, days int[] not null);
create table sales (
  id int primary key, shop_id int not null references shops (id), amount float8 not null, paid boolean not null,
  kind text not null
);
insert into shops values
  (1, 'Alpha', 'world.europe.berlin', '[8,18)', '{1,2,3}'), (2, 'Beta', 'world.asia', null, '{}'),
  (3, 'alphabet', 'world', '[9,12)', '{3}');
insert into sales values
  (1, 1, 10, true, 'a'), (2, 1, 20, true, 'b'), (3, 1, 30, false, 'b'), (4, 2, 5, true, 'a');
`;

const toSales = {
  name: "sales",
  using: { foreign_key_constraint_on: { table: "sales", column: "shop_id" } },
};

const metadata = metadataOf([
  {
    table: "shops",
    array_relationships: [toSales],
    select_permissions: [{ role: "viewer", permission: { columns: ["id"], filter: {} } }],
  },
  {
    table: "sales",
    select_permissions: [
      {
        role: "viewer",
        permission: { columns: ["id", "paid"], filter: { amount: { _lt: 25 } }, allow_aggregations: true },
      },
    ],
  },
]);

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata });
});
afterAll(() => bench.close());

const ids = async (where: string, options: object = {}): Promise<readonly number[]> => {
  const answer = (await bench.run(`{ shops(where: ${where}, order_by: {id: asc}) { id } }`, options)) as {
    readonly data?: { readonly shops: readonly { readonly id: number }[] };
  };
  if (answer.data === undefined) throw new Error(JSON.stringify(answer));
  return answer.data.shops.map((shop) => shop.id);
};

const viewer = { role: "viewer" };

describe("aggregates of a relationship in a filter", () => {
  it("make a schema without faults", () => {
    for (const role of ["admin", "viewer"]) expect(validateSchema(bench.schema(role))).toEqual([]);
  });

  it("compare the count of rows, distinct, filtered, or of columns", async () => {
    expect(await ids("{sales_aggregate: {count: {predicate: {_eq: 0}}}}")).toEqual([3]);
    expect(await ids("{sales_aggregate: {count: {predicate: {_gt: 1}}}}")).toEqual([1]);
    expect(
      await ids("{sales_aggregate: {count: {arguments: [kind], distinct: true, predicate: {_eq: 2}}}}"),
    ).toEqual([1]);
    expect(
      await ids("{sales_aggregate: {count: {filter: {paid: {_eq: true}}, predicate: {_eq: 1}}}}"),
    ).toEqual([2]);
    expect(await ids("{sales_aggregate: {count: {arguments: [kind, paid], predicate: {_eq: 3}}}}")).toEqual([
      1,
    ]);
  });

  it("compare bool_and, bool_or and the statistics of float8 columns", async () => {
    expect(await ids("{sales_aggregate: {bool_and: {arguments: paid, predicate: {_eq: true}}}}")).toEqual([
      2,
    ]);
    expect(await ids("{sales_aggregate: {bool_or: {arguments: paid, predicate: {_eq: true}}}}")).toEqual([
      1, 2,
    ]);
    expect(await ids("{sales_aggregate: {sum: {arguments: amount, predicate: {_gte: 60}}}}")).toEqual([1]);
    expect(
      await ids("{sales_aggregate: {corr: {arguments: {X: amount, Y: amount}, predicate: {_eq: 1}}}}"),
    ).toEqual([1]);
  });

  it("count only what the role may read, and offer only what it may name", async () => {
    expect(await ids("{sales_aggregate: {count: {predicate: {_eq: 2}}}}", viewer)).toEqual([1]);
    expect(await bench.run("{ shops(where: {sales_aggregate: {sum: {}}}) { id } }", viewer)).toMatchObject({
      errors: [{ message: "field 'sum' not found in type: 'sales_aggregate_bool_exp'" }],
    });
  });

  it("take exactly one predicate", async () => {
    const where =
      "{sales_aggregate: {count: {predicate: {_eq: 1}}, bool_or: {arguments: paid, predicate: {_eq: true}}}}";
    expect(await bench.run(`{ shops(where: ${where}) { id } }`)).toEqual({
      errors: [
        {
          message: "exactly one predicate should be specified",
          extensions: {
            path: "$.selectionSet.shops.args.where.sales_aggregate",
            code: "validation-failed",
          },
        },
      ],
    });
  });
});

describe("types with operators of their own", () => {
  it("ltree", async () => {
    expect(await ids('{place: {_ancestor: "world.europe.berlin.mitte"}}')).toEqual([1, 3]);
    expect(await ids('{place: {_descendant: "world.europe"}}')).toEqual([1]);
    expect(await ids('{place: {_descendant_any: ["world.asia", "world.europe"]}}')).toEqual([1, 2]);
    expect(await ids('{place: {_ancestor_any: ["world.asia.tokyo", "moon"]}}')).toEqual([2, 3]);
    expect(await ids('{place: {_matches: "*.europe.*"}}')).toEqual([1]);
    expect(await ids('{place: {_matches_any: ["*.asia", "*.europe.*"]}}')).toEqual([1, 2]);
    expect(await ids('{place: {_matches_fulltext: "berlin | asia"}}')).toEqual([1, 2]);
  });

  it("citext, ranges and arrays", async () => {
    expect(await ids('{name: {_eq: "ALPHA"}}')).toEqual([1]);
    expect(await ids('{name: {_like: "ALPHA%"}}')).toEqual([1, 3]);
    expect(await ids('{open_hours: {_eq: "[8,17]"}}')).toEqual([1]);
    expect(await ids("{days: {_contains: [3]}}")).toEqual([1, 3]);
    expect(await ids('{days: {_contained_in: "{3,4}"}}')).toEqual([2, 3]);
    expect(await ids("{days: {_eq: []}}")).toEqual([2]);
  });
});
