import { afterAll, beforeAll, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});

const names = async (condition: string): Promise<readonly string[]> => {
  const rows = await test.database.query<{ readonly name: string }>(`
    select p.oid::regprocedure::text as name
    from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'billing'::regnamespace, 'usage'::regnamespace, 'analytics'::regnamespace)
      and p.prosecdef
      and (${condition})
    order by 1
  `);
  return rows.map(({ name }) => name);
};

it("there are functions with the rights of their owner", async () => {
  expect((await names("true")).length).toBeGreaterThan(5);
});

it("each of them has its search path pinned, with the temporary schema last", async () => {
  expect(await names("(p.proconfig @> array['search_path=pg_catalog, pg_temp']) is not true")).toEqual([]);
});

it("none of them may be called by just any role", async () => {
  expect(await names("has_function_privilege('public', p.oid, 'execute')")).toEqual([]);
});
