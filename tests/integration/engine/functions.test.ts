import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create table items (id int primary key, name text not null, owner text not null, price int not null);
insert into items values (1, 'axe', 'a', 10), (2, 'bow', 'b', 20), (3, 'cap', 'a', 30);
create function cheapest() returns items language sql stable as $$ select * from items order by price limit 1 $$;
create function nothing() returns items language sql stable as $$ select * from items where false $$;
create function mine(hasura_session json) returns setof items language sql stable as $$
  select * from items where owner = hasura_session ->> 'x-hasura-user-id' $$;
create function between_prices(int, high int default 100, int default 0) returns setof items language sql stable as $$
  select * from items where price >= $1 and price <= high and price >= $3 $$;
create function raise_prices(by_amount int) returns setof items language sql volatile as $$
  update items set price = price + by_amount returning * $$;
create function count_reads() returns setof items language sql volatile as $$ select * from items $$;
`;

const fn = (name: string, rest: object = {}): object => ({ function: { schema: "public", name }, ...rest });

const metadata = metadataOf(
  [
    {
      table: "items",
      select_permissions: [
        {
          role: "user",
          permission: {
            columns: ["id", "price"],
            filter: { owner: { _eq: "X-Hasura-User-Id" } },
            allow_aggregations: true,
          },
        },
      ],
    },
  ],
  {},
  {
    functions: [
      fn("cheapest"),
      fn("nothing"),
      fn("mine", { configuration: { session_argument: "hasura_session" }, permissions: [{ role: "user" }] }),
      fn("between_prices", { permissions: [{ role: "user" }] }),
      fn("raise_prices", { permissions: [{ role: "user" }] }),
      fn("count_reads", { configuration: { exposed_as: "query" } }),
    ],
  },
);

let bench: Bench;
let explicit: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata });
  explicit = await createBench({ schemaSql, metadata, inferFunctionPermissions: false });
});
afterAll(async () => {
  await bench.close();
  await explicit.close();
});

const user = { role: "user", session: { "x-hasura-user-id": "a" } };

describe("tracked functions", () => {
  it("return one row or none, under the role's filter and the client's", async () => {
    expect(await bench.run("{ cheapest { name } nothing { id } }")).toEqual({
      data: { cheapest: { name: "axe" }, nothing: null },
    });
    expect(await bench.run("{ cheapest(where: {price: {_gt: 10}}) { id } }")).toEqual({
      data: { cheapest: null },
    });
    const other = { role: "user", session: { "x-hasura-user-id": "b" } };
    expect(await bench.run("{ cheapest { id } }", other)).toEqual({ data: { cheapest: null } });
  });

  it("take the session as an argument that no client can give", async () => {
    expect(
      await bench.run("{ mine(order_by: {id: desc}) { id } mine_aggregate { aggregate { count } } }", user),
    ).toEqual({
      data: { mine: [{ id: 3 }, { id: 1 }], mine_aggregate: { aggregate: { count: 2 } } },
    });
    expect(await bench.run('{ mine(args: {hasura_session: "{}"}) { id } }', user)).toMatchObject({
      errors: [{ message: "'mine' has no argument named 'args'" }],
    });
  });

  it("count unnamed arguments among themselves, and leave only the last out", async () => {
    expect(await bench.run("{ between_prices(args: {arg_1: 15}) { id } }")).toEqual({
      data: { between_prices: [{ id: 2 }, { id: 3 }] },
    });
    expect(await bench.run("{ between_prices(args: {arg_1: 15, high: 25, arg_2: 20}) { id } }")).toEqual({
      data: { between_prices: [{ id: 2 }] },
    });
    expect(await bench.run("{ between_prices(args: {arg_1: 15, arg_2: 20}) { id } }")).toEqual({
      errors: [
        {
          message: "Only last set of positional arguments can be omitted",
          extensions: { path: "$.selectionSet.between_prices.args.args", code: "not-supported" },
        },
      ],
    });
  });

  it("stand where their volatility or the metadata puts them, volatile ones without an aggregate", async () => {
    expect(await bench.run("{ count_reads { id } }")).toMatchObject({ data: { count_reads: [{}, {}, {}] } });
    expect(await bench.run("mutation { raise_prices(args: {by_amount: 0}) { id } }", user)).toEqual({
      data: { raise_prices: [{ id: 1 }, { id: 3 }] },
    });
    expect(
      await bench.run("mutation { raise_prices_aggregate(args: {by_amount: 0}) { nodes { id } } }"),
    ).toMatchObject({
      errors: [{ message: "field 'raise_prices_aggregate' not found in type: 'mutation_root'" }],
    });
  });

  it("need a permission of their own where permissions are not inferred", async () => {
    expect(await explicit.run("{ mine { id } }", user)).toEqual({ data: { mine: [{ id: 1 }, { id: 3 }] } });
    expect(await explicit.run("{ cheapest { id } }", user)).toMatchObject({
      errors: [{ message: "field 'cheapest' not found in type: 'query_root'" }],
    });
    expect(await explicit.run("{ cheapest { id } }")).toEqual({ data: { cheapest: { id: 1 } } });
  });
});
