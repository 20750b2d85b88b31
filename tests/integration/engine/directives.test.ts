import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { type Bench, createBench } from "./query-support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await createBench();
});
afterAll(() => bench.close());

const first = { data: { authors: [{ id: 1 }] } };
const refused = (message: string, path: string): unknown => ({
  errors: [{ message, extensions: { path, code: "validation-failed" } }],
});

describe("directives", () => {
  it("are listed as Hasura lists them", async () => {
    expect(
      await bench.run(
        "{ __schema { directives { name isRepeatable locations args { name defaultValue } } } }",
      ),
    ).toEqual({
      data: {
        __schema: {
          directives: [
            {
              name: "include",
              isRepeatable: false,
              locations: ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
              args: [{ name: "if", defaultValue: null }],
            },
            {
              name: "skip",
              isRepeatable: false,
              locations: ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"],
              args: [{ name: "if", defaultValue: null }],
            },
            {
              name: "cached",
              isRepeatable: false,
              locations: ["QUERY"],
              args: [
                { name: "ttl", defaultValue: "60" },
                { name: "refresh", defaultValue: "false" },
              ],
            },
          ],
        },
      },
    });
  });

  it("may cache a query, whose variables then count as used", async () => {
    const query = "query ($ttl: Int!) @cached(ttl: $ttl) { authors(order_by: {id: asc}, limit: 1) { id } }";
    expect(await bench.run(query, { variables: { ttl: 10 } })).toEqual(first);
    expect(await bench.run("mutation @cached { __typename }")).toEqual(
      refused("directive 'cached' is not allowed on a mutation", "$"),
    );
    expect(await bench.run("{ authors(limit: 1) @cached { id } }")).toEqual(
      refused("directive 'cached' is not allowed on a field", "$.selectionSet"),
    );
  });

  it("leave out spreads and fragments by a variable", async () => {
    const query = `query ($no: Boolean!) {
      authors(order_by: {id: asc}, limit: 1) { id ...Name @include(if: $no) ... @skip(if: true) { age } }
    }
    fragment Name on authors { name }`;
    expect(await bench.run(query, { variables: { no: false } })).toEqual(first);
  });
});
