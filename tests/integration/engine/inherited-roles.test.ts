import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { validateSchema } from "graphql";
import { parseMetadata } from "../../../src/engine/metadata/index.ts";
import { withInheritedRoles } from "../../../src/engine/schema/index.ts";
import { type Bench, createBench, metadataOf } from "./query-support.ts";

const schemaSql = `
create table staff (id int primary key, name text not null, salary int not null, team int not null);
create function staff_bonus(staff) returns int language sql stable as $$ select $1.salary / 10 $$;
insert into staff values (1, 'Ann', 100, 1), (2, 'Ben', 200, 1), (3, 'Col', 300, 2);
`;

const roles = {
  inherited_roles: [
    { role_name: "chief", role_set: ["lead", "visitor"] },
    { role_name: "lead", role_set: ["colleague", "self"] },
  ],
};

const metadata = metadataOf(
  [
    {
      table: "staff",
      computed_fields: [{ name: "bonus", definition: { function: "staff_bonus" } }],
      select_permissions: [
        {
          role: "colleague",
          permission: { columns: ["id", "name"], filter: { team: { _eq: "X-Hasura-Team" } }, limit: 2 },
        },
        {
          role: "self",
          permission: {
            columns: "*",
            computed_fields: ["bonus"],
            filter: { id: { _eq: "X-Hasura-User-Id" } },
            allow_aggregations: true,
          },
        },
        { role: "visitor", permission: { columns: ["name"], filter: {} } },
      ],
      update_permissions: [
        { role: "colleague", permission: { columns: ["name"], filter: { team: { _eq: "X-Hasura-Team" } } } },
        { role: "self", permission: { columns: ["name"], filter: { id: { _eq: "X-Hasura-User-Id" } } } },
      ],
      delete_permissions: [{ role: "self", permission: { filter: { id: { _eq: "X-Hasura-User-Id" } } } }],
    },
  ],
  roles,
);

let bench: Bench;
beforeAll(async () => {
  bench = await createBench({ schemaSql, metadata });
});
afterAll(() => bench.close());

const lead = { role: "lead", session: { "x-hasura-team": "1", "x-hasura-user-id": "2" } };

describe("inherited roles", () => {
  it("make a schema without faults", () => {
    for (const role of ["admin", "lead", "chief"]) expect(validateSchema(bench.schema(role))).toEqual([]);
  });

  it("see the rows of all parents, but a cell only where a parent shows it for that row", async () => {
    const query = "{ staff(order_by: {id: asc}) { id name salary bonus } }";
    expect(await bench.run(query, lead)).toEqual({
      data: {
        staff: [
          { id: 1, name: "Ann", salary: null, bonus: null },
          { id: 2, name: "Ben", salary: 200, bonus: 20 },
        ],
      },
    });
  });

  it("cannot learn a hidden cell from a filter, an order or an aggregate", async () => {
    expect(await bench.run("{ staff(where: {salary: {_lt: 150}}) { id } }", lead)).toEqual({
      data: { staff: [] },
    });
    expect(await bench.run("{ staff(order_by: {salary: desc_nulls_last}) { id } }", lead)).toEqual({
      data: { staff: [{ id: 2 }, { id: 1 }] },
    });
    const aggregate =
      "{ staff_aggregate { aggregate { count count_salary: count(columns: salary) sum { salary bonus } } } }";
    expect(await bench.run(aggregate, lead)).toEqual({
      data: {
        staff_aggregate: { aggregate: { count: 2, count_salary: 1, sum: { salary: 200, bonus: 20 } } },
      },
    });
    expect(await bench.run("{ staff(distinct_on: salary) { salary } }", lead)).toEqual({
      data: { staff: [{ salary: 200 }, { salary: null }] },
    });
  });

  it("inherit from inherited roles without adding up rows and columns", async () => {
    const chief = { role: "chief", session: lead.session };
    expect(await bench.run("{ staff(order_by: {name: asc}) { name id salary } }", chief)).toEqual({
      data: {
        staff: [
          { name: "Ann", id: 1, salary: null },
          { name: "Ben", id: 2, salary: 200 },
        ],
      },
    });
    expect(await bench.run('{ staff(where: {name: {_eq: "Col"}}) { name id } }', chief)).toEqual({
      data: { staff: [{ name: "Col", id: null }] },
    });
  });

  it("take over a mutation that the parents agree on, and lose one they disagree on", async () => {
    expect(
      await bench.run("mutation { delete_staff(where: {id: {_eq: 3}}) { affected_rows } }", lead),
    ).toEqual({
      data: { delete_staff: { affected_rows: 0 } },
    });
    expect(
      await bench.run('mutation { update_staff(where: {}, _set: {name: "x"}) { affected_rows } }', lead),
    ).toMatchObject({ errors: [{ message: "field 'update_staff' not found in type: 'mutation_root'" }] });
    const { conflicts } = withInheritedRoles(parseMetadata(metadata));
    expect(conflicts.map(({ role, reason }) => [role, reason])).toEqual([
      [
        "lead",
        "Could not inherit permission for the role 'lead' for the entity: 'update permission, table: staff, source: 'default''",
      ],
    ]);
  });

  it("refuse to inherit from themselves", () => {
    const circle = metadataOf([], {
      inherited_roles: [
        { role_name: "a", role_set: ["b"] },
        { role_name: "b", role_set: ["a"] },
      ],
    });
    expect(() => withInheritedRoles(parseMetadata(circle))).toThrow("found cycle(s) in roles");
  });
});
