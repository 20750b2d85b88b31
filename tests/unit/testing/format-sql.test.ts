import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { formatSql } from "../../../src/testing/index.ts";

const withoutSpace = (text: string): string => text.replaceAll(/\s/g, "");

describe("formatSql", () => {
  it("gives each clause a line and indents long subqueries", () => {
    const sql =
      'select coalesce(json_agg("r"), \'[]\') as "root" from (select "t"."id" as "id" from "public"."orders" as "t" ' +
      'where "t"."shop_id" = $1::uuid and exists (select 1 from "public"."shops" as "s" where "s"."id" = "t"."shop_id" ' +
      'and "s"."open") order by "t"."id" limit 5) as "r"';
    expect(formatSql(sql)).toBe(
      `select coalesce(json_agg("r"), '[]') as "root"
from (
  select "t"."id" as "id"
  from "public"."orders" as "t"
  where "t"."shop_id" = $1::uuid
    and exists (select 1 from "public"."shops" as "s" where "s"."id" = "t"."shop_id" and "s"."open")
  order by "t"."id"
  limit 5
) as "r"`,
    );
  });

  it("keeps operators and clauses of several words together", () => {
    expect(
      formatSql(
        "insert into t (a) values (1) on conflict (a) do update set a = 2 where t.a is distinct from 2 returning a",
      ),
    ).toBe(`insert into t (a)
values (1)
on conflict (a)
do update
set a = 2
where t.a is distinct from 2
returning a`);
    expect(formatSql("delete from t where a = 'from (where' and \"order by\" = 1")).toBe(
      "delete from t\nwhere a = 'from (where' and \"order by\" = 1",
    );
  });

  it("changes nothing but white space, and nothing the second time", () => {
    const word = fc.constantFrom(
      "select",
      "from",
      "where",
      "and",
      "a.b",
      '"x y"',
      "'it''s'",
      "$1::int8",
      ",",
      "=",
      "exists",
      "group by",
      "1",
    );
    const nested = fc.letrec<{ readonly sql: string }>((tie) => ({
      sql: fc
        .array(
          fc.oneof(
            { weight: 4, arbitrary: word },
            { weight: 1, arbitrary: tie("sql").map((inner) => `(${inner})`) },
          ),
          { minLength: 1, maxLength: 40 },
        )
        .map((parts) => parts.join(" ")),
    })).sql;
    fc.assert(
      fc.property(nested, (sql) => {
        const laidOut = formatSql(sql);
        expect(withoutSpace(laidOut)).toBe(withoutSpace(sql));
        expect(formatSql(laidOut)).toBe(laidOut);
      }),
      { numRuns: 300 },
    );
  });
});
