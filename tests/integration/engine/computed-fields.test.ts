import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { validateSchema } from "graphql";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create table students (id int primary key, name text not null, school int not null, data jsonb);
create table marks (id int primary key, student_id int not null references students (id), points int not null);
create function total(student_row students) returns bigint language sql stable as $$
  select coalesce(sum(points), 0) from marks where student_id = student_row.id $$;
create function total_with(bonus int, student_row students, hasura_session json, factor int default 1)
returns bigint language sql stable as $$
  select (coalesce(sum(points), 0) + bonus + coalesce((hasura_session ->> 'x-hasura-extra')::int, 0)) * factor
  from marks where student_id = student_row.id $$;
create function best(students) returns setof marks language sql stable as $$
  select * from marks where student_id = $1.id order by points desc $$;
create function above(student_row students, floor_points int default 0) returns setof marks language sql stable as $$
  select * from marks where student_id = student_row.id and points >= floor_points $$;
create function data_of(student_row students) returns jsonb language sql stable as $$ select student_row.data $$;
create function classmates(student_row students) returns setof students language sql stable as $$
  select * from students s where s.school = student_row.school and s.id <> student_row.id $$;
insert into students values (1, 'Ann', 1, '{"a": {"b": 1}}'), (2, 'Ben', 1, '{}'), (3, 'Col', 2, '{}');
insert into marks values (1, 1, 5), (2, 1, 7), (3, 2, 20), (4, 3, 1);
`;

const computed = (name: string, fn: string, rest: object = {}): object => ({
  name,
  definition: { function: fn, ...rest },
});

const metadata = metadataOf([
  {
    table: "students",
    computed_fields: [
      computed("total", "total", { table_argument: "student_row" }),
      computed("total_with", "total_with", {
        table_argument: "student_row",
        session_argument: "hasura_session",
      }),
      computed("best", "best"),
      computed("above", "above", { table_argument: "student_row" }),
      computed("data_of", "data_of"),
      computed("classmates", "classmates"),
    ],
    select_permissions: [
      {
        role: "pupil",
        permission: { columns: ["id", "name"], computed_fields: ["total"], filter: { total: { _gt: 5 } } },
      },
    ],
  },
  {
    table: "marks",
    select_permissions: [
      { role: "pupil", permission: { columns: ["points"], filter: { points: { _lt: 20 } } } },
    ],
  },
]);

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata });
});
afterAll(() => bench.close());

const pupil = { role: "pupil" };

describe("computed fields", () => {
  it("make a schema without faults", () => {
    for (const role of ["admin", "pupil"]) expect(validateSchema(bench.schema(role))).toEqual([]);
  });

  it("show the value of the function beside the columns, with arguments, defaults and the session", async () => {
    const query = `{ students(order_by: {id: asc}, limit: 1) { name total data_of(path: "$.a.b")
      one: total_with(args: {bonus: 1}) two: total_with(args: {bonus: 1, factor: 10}) } }`;
    expect(await bench.run(query, { session: { "x-hasura-extra": "100" } })).toEqual({
      data: { students: [{ name: "Ann", total: 12, data_of: 1, one: 113, two: 1130 }] },
    });
  });

  it("refuse to guess an argument without a default", async () => {
    expect(await bench.run("{ students { total_with(args: {factor: 2}) } }")).toEqual({
      errors: [
        {
          message: "Non default arguments cannot be omitted",
          extensions: {
            path: "$.selectionSet.students.selectionSet.total_with.args.args",
            code: "not-supported",
          },
        },
      ],
    });
  });

  it("that return rows take the arguments of a table and nest further", async () => {
    const query = `{ students(where: {id: {_eq: 1}}) { best(limit: 1) { points }
      above(args: {floor_points: 6}, order_by: {points: asc}) { id } classmates { name total } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        students: [{ best: [{ points: 7 }], above: [{ id: 2 }], classmates: [{ name: "Ben", total: 20 }] }],
      },
    });
  });

  it("filter and sort where they need no arguments", async () => {
    const filtered = `{ students(where: {total: {_gte: 12}, best: {points: {_gt: 10}}}) { name } }`;
    expect(await bench.run(filtered)).toEqual({ data: { students: [{ name: "Ben" }] } });
    const sorted = `{ a: students(order_by: {total: desc}) { name }
      b: students(order_by: {best_aggregate: {count: desc}, total: asc}) { name } }`;
    expect(await bench.run(sorted)).toEqual({
      data: {
        a: [{ name: "Ben" }, { name: "Ann" }, { name: "Col" }],
        b: [{ name: "Ann" }, { name: "Col" }, { name: "Ben" }],
      },
    });
    expect(await bench.run(`{ students(where: {above: {points: {_eq: 1}}}) { id } }`)).toEqual({
      errors: [
        {
          message: "field 'above' not found in type: 'students_bool_exp'",
          extensions: { path: "$.selectionSet.students.args.where.above", code: "validation-failed" },
        },
      ],
    });
  });

  it("can be aggregated", async () => {
    const query = `{ students_aggregate(where: {school: {_eq: 1}}) { aggregate {
      sum { total total_with(args: {bonus: 1}) } max { total name } } } }`;
    expect(await bench.run(query)).toEqual({
      data: {
        students_aggregate: {
          aggregate: { sum: { total: 32, total_with: 34 }, max: { total: 20, name: "Ben" } },
        },
      },
    });
  });

  it("come back from a mutation", async () => {
    const query = `mutation { update_students_by_pk(pk_columns: {id: 3}, _set: {name: "Dan"}) { name total best { points } } }`;
    expect(await bench.run(query)).toEqual({
      data: { update_students_by_pk: { name: "Dan", total: 1, best: [{ points: 1 }] } },
    });
  });

  it("stand in row filters, and scalar ones need a permission where rows need one on their table", async () => {
    expect(
      await bench.run("{ students(order_by: {id: asc}) { name total best { points } } }", pupil),
    ).toEqual({
      data: {
        students: [
          { name: "Ann", total: 12, best: [{ points: 7 }, { points: 5 }] },
          { name: "Ben", total: 20, best: [] },
        ],
      },
    });
    expect(await bench.run("{ students { data_of } }", pupil)).toMatchObject({
      errors: [{ message: "field 'data_of' not found in type: 'students'" }],
    });
  });
});
