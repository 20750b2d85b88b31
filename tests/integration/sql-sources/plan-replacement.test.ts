import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { describeSchema } from "../../../src/postgres/index.ts";
import { type CatalogObject, describeObjects, planReplacement } from "../../../src/sql-sources/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

const describeSettings = { foreignSchemas: [] };
const table = "create table public.orders (id int, amount bigint);";

let here: TestDatabase;
let there: TestDatabase;

beforeEach(async () => {
  here = await createTestDatabase({ empty: true });
  there = await createTestDatabase({ empty: true });
});

afterEach(async () => {
  await here.drop();
  await there.drop();
});

const run = ({ database }: TestDatabase, script: string): Promise<void> =>
  database.transaction((tx) => tx.script(script));

const schemaOf = ({ database }: TestDatabase): Promise<string> => describeSchema(database, ["public"]);

const plan = async (
  from: TestDatabase,
  to: TestDatabase,
  isLeft: (object: CatalogObject) => boolean = () => false,
): Promise<string> => {
  const target = await to.database.transaction((tx) => describeObjects(tx, describeSettings));
  const { script } = await from.database.transaction((tx) =>
    planReplacement(tx, { target, describe: describeSettings, isLeft }),
  );
  return script;
};

/** Makes the one database what the other is, and back again; returns the script there. */
const replace = async (): Promise<string> => {
  const [before, after] = [await schemaOf(here), await schemaOf(there)];
  const up = await plan(here, there);
  const original = await here.database.transaction((tx) => describeObjects(tx, describeSettings));
  await run(here, up);
  expect(await schemaOf(here)).toBe(after);
  const { script: down } = await here.database.transaction((tx) =>
    planReplacement(tx, { target: original, describe: describeSettings, isLeft: () => false }),
  );
  await run(here, down);
  expect(await schemaOf(here)).toBe(before);
  return up;
};

describe("planReplacement", () => {
  it("gives nothing for equal databases", async () => {
    for (const test of [here, there])
      await run(test, `${table} create view public.all_orders as select * from orders;`);
    expect(await replace()).toBe("");
  });

  it("changes, adds and removes, with comments and rights", async () => {
    await run(
      here,
      `${table}
       create function public.tax(amount bigint) returns bigint language sql as 'select amount';
       create function public.gone() returns int language sql as 'select 1';
       comment on function public.tax(bigint) is 'Before';`,
    );
    await run(
      there,
      `${table}
       create function public.tax(amount bigint) returns bigint language sql as 'select amount * 2';
       create view public.taxed as select id, public.tax(amount) as amount from orders;
       create function public.stamp() returns trigger language plpgsql as 'begin return new; end';
       create trigger stamp before insert on orders for each row execute function stamp();
       comment on function public.tax(bigint) is 'It''s double';
       comment on column public.taxed.amount is 'In cents';
       revoke execute on function public.tax(bigint) from public;`,
    );
    const script = await replace();
    expect(script).toMatch(/^drop function public\.gone\(\);/u);
    expect(script).not.toMatch(/drop function public\.tax/u);
  });

  it("drops what cannot be replaced with its dependants, and makes them again", async () => {
    const schema = (parameter: string): string => `${table}
      create function public.tax(${parameter} bigint) returns bigint language sql as 'select 1::bigint';
      create view public.taxed as select id, public.tax(amount) as amount from orders;
      create view public.dear as select id from taxed where amount > 9;
      comment on view public.dear is 'The dear ones';`;
    await run(here, schema("amount"));
    await run(there, schema("cents"));
    expect(await replace()).toMatch(
      /drop view public\.dear;\ndrop view public\.taxed;\ndrop function public\.tax\(bigint\);/u,
    );
  });

  it("creates a function before the view that needs it, whichever the other database had first", async () => {
    await run(here, table);
    await run(
      there,
      `${table}
       create view public.older as select 1::bigint as n;
       create function public.newer() returns bigint language sql as 'select 2::bigint';
       create or replace view public.older as select public.newer() as n;`,
    );
    expect(await replace()).toMatch(/-- function public\.newer\(\)[\s\S]*-- view public\.older/u);
  });

  it("leaves alone what is not to be touched", async () => {
    const hook = (n: number): string =>
      `${table} create function public.hook() returns int language sql as 'select ${String(n)}';`;
    await run(here, hook(1));
    await run(there, hook(2));
    expect(await plan(here, there, ({ name }) => name === "hook")).toBe("");
    expect(await plan(here, there)).not.toBe("");
  });

  it("refuses to drop what a column needs, by name", async () => {
    await run(
      here,
      `create function public.first() returns int language sql immutable as 'select 1';
       create table public.orders (id int default public.first());`,
    );
    await run(there, "create table public.orders (id int);");
    await expect(plan(here, there)).rejects.toMatchObject({
      code: "cannot-drop",
      message: expect.stringMatching(/function public\.first\(\) must be dropped .*default value/u),
    });
  });
});
