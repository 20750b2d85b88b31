import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createSourcesProject, type Generated, type SourcesProject } from "../../support/sources-project.ts";

const orders = `create or replace view shop.orders_seen as
select o.id, o.amount
from shop.orders o;

comment on view shop.orders_seen is 'Orders as customers see them';
comment on column shop.orders_seen.amount is 'In cents';
`;
const totals = `create or replace view shop.totals as
select s.id, shop.with_tax(s.amount) as amount
from shop.orders_seen s;
`;
const tax = `-- 20 %, rounded down.
create or replace function shop.with_tax(p_amount bigint)
returns bigint
language sql
immutable
as $$
  select p_amount * 120 / 100
$$;

comment on function shop.with_tax(bigint) is 'The amount with tax';
revoke execute on function shop.with_tax(bigint) from public;
`;
const stamp = `create or replace function shop.stamp()
returns trigger
language plpgsql
as $$
begin
  new.amount := coalesce(new.amount, 0);
  return new;
end
$$;

create or replace trigger stamp
before insert on shop.orders
for each row
execute function shop.stamp();

comment on trigger stamp on shop.orders is 'An order without an amount is free';
`;
const total = `create or replace function shop.total_of(p_id bigint)
returns bigint
language plpgsql
stable
as $$
begin
  return (select t.amount from shop.totals t where t.id = p_id);
end
$$;
`;
const appView = `create or replace view app.dashboard as
select t.id, t.amount
from shop.totals t;
`;
const tables = `create schema shop;
create schema app;
create table shop.orders (id bigint not null, amount bigint);
create table app.pages (id bigint not null);
`;

let base: SourcesProject;
let project: SourcesProject;

beforeAll(async () => {
  base = await createSourcesProject();
  await base.put("sample.yaml", "# The sample's part\nsql: [app]\nmigrations: []\nseeds: [first]\n");
  await base.put("migrations/default/1000_create_tables/up.sql", tables);
  await base.put(
    "migrations/default/1000_create_tables/down.sql",
    "drop schema app cascade; drop schema shop cascade;",
  );
  await base.put("sql/shop/orders/README.md", "# Orders\n");
  await base.put("sql/shop/orders/orders_seen.sql", orders);
  await base.put("sql/shop/orders/stamp.sql", stamp);
  await base.put("sql/shop/totals/totals.sql", totals);
  await base.put("sql/shop/totals/total_of.sql", total);
  await base.put("sql/shop/totals/with_tax.sql", tax);
  await base.generate("create_routines");
}, 60_000);
afterAll(() => base.delete());

beforeEach(async () => {
  project = await base.copy();
});
afterEach(() => project.delete());

const change = async (path: string, from: string, to: string): Promise<void> => {
  const text = await project.read(path);
  if (!text.includes(from)) throw new Error(`${path} does not hold ${from}`);
  await project.put(path, text.replace(from, to));
};

/** Generates, and holds the result against the sources and against the description of the whole schema. */
const generate = async (): Promise<Generated> => {
  const { back: before } = await project.thereAndBack(0);
  const generated = await project.generate("change_things");
  expect(await project.check()).toEqual([]);
  const { there, back } = await project.thereAndBack(generated.written.length);
  expect(there).not.toBe(before);
  expect(back).toBe(before);
  return generated;
};

const changes = ({ written }: Generated): readonly string[] =>
  written.flatMap(({ differences }) => differences.map(({ change, object }) => `${change} ${object.label}`));

const order = (text: string): readonly string[] =>
  text.split("\n").filter((line) => /^(-- (hasura|shop|app)|drop|comment|revoke|grant)/u.test(line));

describe("the first migration", () => {
  it("holds every source whole, each behind those that it needs", async () => {
    const up = await project.read("migrations/default/5000_create_routines/up.sql");
    expect(up).toBe(
      `-- Written by npm run db:migration from hasura/sql: change the files named below, not this one.\n\n${[
        ["orders/orders_seen", orders],
        ["orders/stamp", stamp],
        ["totals/with_tax", tax],
        ["totals/totals", totals],
        ["totals/total_of", total],
      ]
        .map(([path, text]) => `-- hasura/sql/shop/${path ?? ""}.sql\n${text ?? ""}`)
        .join("\n")}`,
    );
  });

  it("drops dependants first on the way down", async () => {
    expect(order(await project.read("migrations/default/5000_create_routines/down.sql"))).toEqual([
      "drop trigger stamp on shop.orders;",
      "drop function shop.stamp();",
      "drop function shop.total_of(bigint);",
      "drop view shop.totals;",
      "drop function shop.with_tax(bigint);",
      "drop view shop.orders_seen;",
    ]);
  });
});

describe("a change of sources", () => {
  it("writes nothing when nothing changed, not even for a comment between statements", async () => {
    await change("sql/shop/totals/with_tax.sql", "-- 20 %, rounded down.", "-- Rounded down.");
    const { written } = await project.generate("change_things");
    expect(written).toEqual([]);
    expect(await project.check()).toEqual([]);
  });

  it("gives a changed body its file alone, and its old definition on the way down", async () => {
    await change("sql/shop/totals/with_tax.sql", "120", "119");
    expect(await project.check()).toEqual([
      "hasura/sql/shop/totals/with_tax.sql: function shop.with_tax(bigint) differs from what the migrations make",
    ]);
    const generated = await generate();
    expect(changes(generated)).toEqual(["changed function shop.with_tax(bigint)"]);
    expect(order(generated.up)).toEqual([
      "-- hasura/sql/shop/totals/with_tax.sql",
      "comment on function shop.with_tax(bigint) is 'The amount with tax';",
      "revoke execute on function shop.with_tax(bigint) from public;",
    ]);
    expect(generated.up).toContain(tax.replace("120", "119"));
    expect(generated.down).toContain("select p_amount * 120 / 100");
    expect(generated.written.map(({ name }) => name)).toEqual(["5001_change_things"]);
  });

  it("appends a column to a view without a drop, and takes it back with its dependants", async () => {
    await change("sql/shop/orders/orders_seen.sql", "o.amount\n", "o.amount, o.amount > 0 as is_paid\n");
    const { up, down } = await generate();
    expect(order(up)).not.toContain("drop view shop.orders_seen;");
    expect(order(down)).toEqual([
      "drop view shop.totals;",
      "drop view shop.orders_seen;",
      "-- shop.orders_seen",
      "comment on view shop.orders_seen is 'Orders as customers see them';",
      "comment on column shop.orders_seen.amount is 'In cents';",
      "-- shop.totals",
    ]);
  });

  it("removes a column of a view by dropping it with the views on it, and creates them again", async () => {
    await change("sql/shop/orders/orders_seen.sql", "select o.id, o.amount", "select o.amount, o.id");
    const generated = await generate();
    expect(changes(generated)).toEqual(["changed view shop.orders_seen"]);
    expect(order(generated.up)).toEqual([
      "drop view shop.totals;",
      "drop view shop.orders_seen;",
      "-- hasura/sql/shop/orders/orders_seen.sql",
      "comment on view shop.orders_seen is 'Orders as customers see them';",
      "comment on column shop.orders_seen.amount is 'In cents';",
      "-- hasura/sql/shop/totals/totals.sql",
    ]);
  });

  it("renames a parameter by dropping the function with the view on it", async () => {
    await change("sql/shop/totals/with_tax.sql", "with_tax(p_amount bigint)", "with_tax(p_net bigint)");
    await change("sql/shop/totals/with_tax.sql", "select p_amount", "select p_net");
    const { up, down } = await generate();
    const drops = ["drop view shop.totals;", "drop function shop.with_tax(bigint);"];
    expect(order(up).slice(0, 3)).toEqual([...drops, "-- hasura/sql/shop/totals/with_tax.sql"]);
    expect(order(down).slice(0, 3)).toEqual([...drops, "-- shop.with_tax"]);
    expect(down).toContain("REVOKE EXECUTE".toLowerCase());
  });

  it("changes a return type, and the column of the view that shows it", async () => {
    await change("sql/shop/totals/with_tax.sql", "returns bigint", "returns numeric");
    const { up } = await generate();
    expect(order(up).slice(0, 2)).toEqual(["drop view shop.totals;", "drop function shop.with_tax(bigint);"]);
  });

  it("changes the type of a parameter without leaving the old function behind", async () => {
    for (const _ of [1, 2, 3]) await change("sql/shop/totals/with_tax.sql", "bigint)", "numeric)");
    await change(
      "sql/shop/totals/with_tax.sql",
      "select p_amount * 120 / 100",
      "select (p_amount * 1.2)::bigint",
    );
    expect(changes(await generate())).toEqual([
      "added function shop.with_tax(numeric)",
      "changed view shop.totals",
      "removed function shop.with_tax(bigint)",
    ]);
  });

  it("adds a function that takes the row of a new view, and its caller", async () => {
    await project.put(
      "sql/shop/a/describe.sql",
      "create or replace function shop.describe(p_row shop.paid) returns text language sql as $$ select p_row.id::text $$;\n",
    );
    await project.put("sql/shop/b/paid.sql", "create or replace view shop.paid as select 1 as id;\n");
    await project.put(
      "sql/shop/a/all.sql",
      "create or replace view shop.all as select shop.describe(p) from shop.paid p;\n",
    );
    const { up } = await generate();
    expect(order(up)).toEqual([
      "-- hasura/sql/shop/b/paid.sql",
      "-- hasura/sql/shop/a/describe.sql",
      "-- hasura/sql/shop/a/all.sql",
    ]);
  });

  it("drops what has lost its source", async () => {
    await project.remove("sql/shop/totals/total_of.sql");
    await project.remove("sql/shop/orders/stamp.sql");
    expect(await project.check()).toEqual([
      "function shop.stamp() has no source below hasura/sql",
      "function shop.total_of(bigint) has no source below hasura/sql",
      "trigger stamp on shop.orders has no source below hasura/sql",
    ]);
    expect(order((await generate()).up)).toEqual([
      "drop trigger stamp on shop.orders;",
      "drop function shop.stamp();",
      "drop function shop.total_of(bigint);",
    ]);
  });

  it("adds an overload beside the function and drops it again", async () => {
    const text = await project.read("sql/shop/totals/total_of.sql");
    await project.put(
      "sql/shop/totals/total_of.sql",
      `${text}\n${text.replace("p_id bigint", "p_id text").replace("p_id;", "p_id::bigint;")}`,
    );
    expect(changes(await generate())).toEqual(["added function shop.total_of(text)"]);
    await project.put("sql/shop/totals/total_of.sql", text);
    expect(changes(await generate())).toEqual(["removed function shop.total_of(text)"]);
  });

  it("turns a function into a procedure", async () => {
    await project.put(
      "sql/shop/totals/total_of.sql",
      "create or replace procedure shop.total_of(p_id bigint) language plpgsql as $$ begin end $$;\n",
    );
    expect(order((await generate()).up)).toEqual([
      "drop function shop.total_of(bigint);",
      "-- hasura/sql/shop/totals/total_of.sql",
    ]);
  });

  it("changes a trigger, its table and its comment", async () => {
    await change("sql/shop/orders/stamp.sql", "before insert on", "before insert or update on");
    expect(changes(await generate())).toEqual(["changed trigger stamp on shop.orders"]);
    await project.put("sql/shop/orders/stamp.sql", stamp.slice(0, stamp.indexOf("comment on")));
    const { up, down } = await generate();
    expect(up).toContain("comment on trigger stamp on shop.orders is null;");
    expect(down).toContain(
      "comment on trigger stamp on shop.orders is 'An order without an amount is free';",
    );
  });

  it("drops a trigger alone when its function stays", async () => {
    await project.put(
      "sql/shop/orders/stamp.sql",
      stamp.slice(0, stamp.indexOf("create or replace trigger")),
    );
    expect(changes(await generate())).toEqual(["removed trigger stamp on shop.orders"]);
  });

  it("takes a comment with quotes and backslashes there and back", async () => {
    await change("sql/shop/totals/with_tax.sql", "'The amount with tax'", "E'It''s a \\\\ path'");
    await generate();
    await change("sql/shop/totals/with_tax.sql", "E'It''s a \\\\ path'", "'Plain'");
    expect((await generate()).down).toContain("is E'It''s a \\\\ path';");
  });

  it("removes the comment of a column with its line", async () => {
    await change(
      "sql/shop/orders/orders_seen.sql",
      "comment on column shop.orders_seen.amount is 'In cents';\n",
      "",
    );
    const { up, down } = await generate();
    expect(up).toContain("comment on column shop.orders_seen.amount is null;");
    expect(down).toContain("comment on column shop.orders_seen.amount is 'In cents';");
  });

  it("gives back a right whose revoke is gone, and takes one whose grant is gone", async () => {
    await change(
      "sql/shop/totals/with_tax.sql",
      "revoke execute on function shop.with_tax(bigint) from public;\n",
      "",
    );
    const given = await project.generate("open_tax");
    expect(given.up).toContain("grant execute on function shop.with_tax(bigint) to public;");
    expect(given.down).toContain("revoke execute on function shop.with_tax(bigint) from public;");
    await change(
      "sql/shop/orders/orders_seen.sql",
      "comment on view",
      "grant select (id), insert on shop.orders_seen to pg_monitor with grant option;\ncomment on view",
    );
    const granted = await project.generate("grant_orders");
    expect(granted.down).toContain("revoke insert on shop.orders_seen from pg_monitor;");
    expect(granted.down).toContain("revoke select (id) on shop.orders_seen from pg_monitor;");
    await project.put("sql/shop/orders/orders_seen.sql", orders);
    const taken = await project.generate("take_orders");
    expect(taken.up).toContain("revoke insert on shop.orders_seen from pg_monitor;");
    expect(taken.down).toContain("grant select (id) on shop.orders_seen to pg_monitor with grant option;");
    expect(await project.check()).toEqual([]);
  });

  it("keeps the options of a view", async () => {
    await change(
      "sql/shop/orders/orders_seen.sql",
      "orders_seen as",
      "orders_seen with (security_barrier) as",
    );
    await generate();
    await project.put("sql/shop/orders/orders_seen.sql", orders);
    expect((await generate()).down).toContain("WITH (security_barrier=true)");
  });
});

describe("product and sample", () => {
  it("have a migration each, and the manifest names the sample's", async () => {
    await project.put("sql/app/pages/dashboard.sql", appView);
    await change("sql/shop/totals/with_tax.sql", "120", "119");
    const { written } = await generate();
    expect(written.map(({ name, series }) => [name, series])).toEqual([
      ["5001_change_things", "product"],
      ["5002_change_things_in_sample", "sample"],
    ]);
    expect(await project.read("sample.yaml")).toBe(
      "# The sample's part\nsql: [ app ]\nmigrations: [ 5002_change_things_in_sample ]\nseeds: [ first ]\n",
    );
  });

  it("change together where the sample stands on a view of the product that must be dropped", async () => {
    await project.put("sql/app/pages/dashboard.sql", appView);
    await generate();
    await change("sql/shop/orders/orders_seen.sql", "select o.id, o.amount", "select o.amount, o.id");
    const { written } = await generate();
    expect(written.map(({ name }) => name)).toEqual([
      "5002_change_things_release_sample",
      "5003_change_things",
      "5004_change_things_in_sample",
    ]);
    expect(await project.read("migrations/default/5003_change_things/up.sql")).not.toContain("app.");
    expect(await project.read("migrations/default/5003_change_things/down.sql")).not.toContain("app.");
  });

  it("give back what a series has lost by a migration of that series", async () => {
    await project.put("sql/app/pages/dashboard.sql", appView);
    await generate();
    await project.remove("sql/app/pages/dashboard.sql");
    const { written } = await generate();
    expect(written.map(({ name, series }) => [name, series])).toEqual([["5002_change_things", "sample"]]);
  });
});

describe("generated routines", () => {
  const body = `create or replace function shop.tag_body()
returns text
language sql
immutable
as $$
  select 'begin return null; end'
$$;
`;
  const rebuild = `create or replace function shop.rebuild_tags()
returns void
language plpgsql
as $$
declare
  _table regclass;
begin
  for _table in select t.relation from shop.tagged t loop
    execute format('create or replace function shop.tag_%s() returns trigger language plpgsql as %L', _table, shop.tag_body());
    execute format('create or replace trigger tag after delete on %s for each statement execute function shop.tag_%s()', _table, _table);
  end loop;
end
$$;
`;
  const attached = `create table tagged_orders (id bigint);
create table shop.tagged (relation regclass not null);
insert into shop.tagged values ('tagged_orders');
select shop.rebuild_tags();
`;
  const detached = `drop table tagged_orders; drop function shop.tag_tagged_orders(); drop table shop.tagged;`;

  beforeEach(async () => {
    await project.delete();
    project = await createSourcesProject({
      generated: {
        query: "select t.tgfoid as oid from pg_trigger t join shop.tagged g on g.relation = t.tgrelid",
        rebuild: "select shop.rebuild_tags();",
      },
    });
    await project.put(
      "migrations/default/1000_create_tables/up.sql",
      `create schema shop; create schema app; ${body} ${rebuild} ${attached}`,
    );
    await project.put(
      "migrations/default/1000_create_tables/down.sql",
      `${detached} drop schema app cascade; drop schema shop cascade;`,
    );
    await project.put("sql/shop/tags/tag_body.sql", body);
    await project.put("sql/shop/tags/rebuild_tags.sql", rebuild);
  });

  it("need no source", async () => {
    expect(await project.check()).toEqual([]);
    expect((await project.generate("change_things")).written).toEqual([]);
  });

  it("are rebuilt when what their template makes is another, and back again", async () => {
    await change("sql/shop/tags/tag_body.sql", "return null", "return new");
    const { up, down } = await project.generate("change_things");
    expect(up.trimEnd().split("\n").at(-1)).toBe("select shop.rebuild_tags();");
    expect(down.trimEnd().split("\n").at(-1)).toBe("select shop.rebuild_tags();");
    expect(await project.check()).toEqual([]);
  });

  it("are left alone by a change that does not reach them", async () => {
    await project.put("sql/shop/tags/one.sql", "create or replace view shop.one as select 1 as id;\n");
    const { up } = await project.generate("change_things");
    expect(up).not.toContain("rebuild_tags");
  });

  it("are named when the migrations left them behind their template", async () => {
    await project.put(
      "migrations/default/2000_change_body/up.sql",
      body.replace("return null", "return new"),
    );
    await project.put("sql/shop/tags/tag_body.sql", body.replace("return null", "return new"));
    expect(await project.check()).toEqual([
      "function shop.tag_tagged_orders() is generated, and differs from what its rebuild makes",
    ]);
  });
});

describe("refusals", () => {
  const refused = async (message: string | RegExp): Promise<void> => {
    await expect(project.generate("change_things")).rejects.toThrow(message);
  };

  it("names the rule for a migration's name", async () => {
    await expect(project.generate("Change Things")).rejects.toThrow(
      '"Change Things" is not a name for a migration: write a verb and its object in lower case, as change_limits',
    );
  });

  it("names file and line of a syntax error, in a statement and in a body", async () => {
    await change("sql/shop/totals/with_tax.sql", "select p_amount * 120", "select p_amount ** from");
    await refused(/^hasura\/sql\/shop\/totals\/with_tax.sql:2: syntax error/u);
    await project.put("sql/shop/totals/with_tax.sql", tax.replace("immutable", "unchanging"));
    await refused('hasura/sql/shop/totals/with_tax.sql:5: syntax error at or near "unchanging"');
  });

  it("names file and line of what Postgres refuses", async () => {
    await change("sql/shop/totals/totals.sql", "select s.id,", "select s.number,");
    await refused("hasura/sql/shop/totals/totals.sql:2: column s.number does not exist");
    await project.put("sql/shop/totals/totals.sql", totals);
    await change("sql/shop/totals/total_of.sql", "return (", "retrn (");
    await refused(/^hasura\/sql\/shop\/totals\/total_of.sql:7: syntax error/u);
  });

  it("names a file that defines another object than its path says", async () => {
    await project.put("sql/shop/totals/gross.sql", totals);
    await project.put("sql/shop/totals/comments.sql", "comment on view shop.totals is 'Totals';\n");
    await project.put("sql/shop/totals/stamp_page.sql", stamp.slice(0, stamp.indexOf("comment")));
    await project.put(
      "sql/shop/totals/tax_note.sql",
      "create or replace view shop.tax_note as select 1 as id;\ncomment on function shop.with_tax(bigint) is 'Tax';\n",
    );
    await project.put("sql/shop/total.sql", total);
    await refused(
      [
        "hasura/sql/shop/total.sql: move it to <schema>/<topic>/<name>.sql",
        "hasura/sql/shop/totals/comments.sql: defines nothing",
        "hasura/sql/shop/totals/gross.sql:1: defines shop.totals, but its path says shop.gross",
        "hasura/sql/shop/totals/stamp_page.sql:1: defines shop.stamp, but its path says shop.stamp_page",
        "hasura/sql/shop/totals/stamp_page.sql:11: trigger stamp calls shop.stamp: move it to the file of that function, or to shop/<topic>/stamp.sql",
        "hasura/sql/shop/totals/tax_note.sql:2: is about shop.with_tax, which it does not define",
      ].join("\n"),
    );
  });

  it("names two files of one object", async () => {
    await project.put("sql/shop/other/totals.sql", totals);
    await refused(
      "hasura/sql/shop/totals/totals.sql: hasura/sql/shop/other/totals.sql is the file of view shop.totals already",
    );
  });

  it("names the column whose default stands in the way of a drop", async () => {
    await project.put(
      "migrations/default/6000_add_default/up.sql",
      "alter table shop.orders add column gross bigint default shop.with_tax(1);",
    );
    await change("sql/shop/totals/with_tax.sql", "returns bigint", "returns numeric");
    await refused(
      "function shop.with_tax(bigint) must be dropped to be changed, but default value for column gross of table shop.orders depends on it: change that in a migration of its own first",
    );
  });

  it("names what is wrong in the manifest", async () => {
    await project.put("sample.yaml", "sql: [/app]\n");
    await refused(/sample.yaml: sql.0: must be a folder below hasura\/sql/u);
  });
});
