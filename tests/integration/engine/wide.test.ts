import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parseJson } from "../../../src/engine/json/index.ts";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const columns = Array.from({ length: 130 }, (_, index) => `c${String(index)}`);
const schemaSql = `
create table wide (id bigint primary key, amount numeric, ${columns.map((name) => `${name} int default 7`).join(", ")});
insert into wide (id) values (1);
`;

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata: metadataOf([{ table: "wide" }]) });
});
afterAll(() => bench.close());

const expected = Object.fromEntries(columns.map((name) => [name, 7]));

describe("objects of more fields than a function takes arguments", () => {
  it("of rows, also with keys longer than an identifier", async () => {
    const query = `{ wide { ${columns.join(" ")} ${"k".repeat(80)}: id } }`;
    const answer = (await bench.run(query)) as { data: { wide: readonly object[] } };
    expect(answer.data.wide).toEqual([{ ...expected, ["k".repeat(80)]: 1 }]);
    expect(Object.keys(answer.data.wide[0] ?? {})).toEqual([...columns, "k".repeat(80)]);
  });

  it("of aggregates", async () => {
    const counts = columns.map((name) => `n_${name}: count`).join(" ");
    const query = `{ wide_aggregate { aggregate { max { ${columns.join(" ")} } ${counts} } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        wide_aggregate: {
          aggregate: { max: expected, ...Object.fromEntries(columns.map((name) => [`n_${name}`, 1])) },
        },
      },
    });
  });

  it("of mutation answers", async () => {
    const fields = columns.map((name) => `a_${name}: affected_rows`).join(" ");
    expect(
      await bench.run(`mutation { update_wide(where: {id: {_eq: 1}}, _set: {c0: 7}) { ${fields} } }`),
    ).toEqual({ data: { update_wide: Object.fromEntries(columns.map((name) => [`a_${name}`, 1])) } });
  });
});

describe("numbers beyond a double", () => {
  it("keep their digits in literals and in variables", async () => {
    const variables = parseJson('{"id": 9007199254740993, "amount": 0.1000000000000000000001}') as Record<
      string,
      unknown
    >;
    await bench.run(
      `mutation ($id: bigint!, $amount: numeric) {
        a: insert_wide_one(object: {id: $id, amount: $amount}) { id }
        b: insert_wide_one(object: {id: 9007199254740995, amount: 123456789012345678901234567890.5}) { id }
      }`,
      { variables },
    );
    const query = `query ($id: bigint!) { a: wide_by_pk(id: $id) { id amount }
      b: wide(where: {id: {_in: [9007199254740995]}}) { id amount } }`;
    expect(await bench.run(query, { variables, stringify: true })).toMatchObject({
      errors: [{ message: "unexpected variables in variableValues: amount" }],
    });
    expect(await bench.run(query, { variables: { id: variables["id"] }, stringify: true })).toEqual({
      data: {
        a: { id: "9007199254740993", amount: "0.1000000000000000000001" },
        b: [{ id: "9007199254740995", amount: "123456789012345678901234567890.5" }],
      },
    });
  });
});
