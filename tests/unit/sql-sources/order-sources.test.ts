import { describe, expect, it } from "@jest/globals";

import { orderSources, type SourceFile } from "../../../src/sql-sources/index.ts";

const routine = (name: string, body: string, { language = "plpgsql", head = "" } = {}): SourceFile => ({
  path: `usage/topic/${name}.sql`,
  text: `-- Größe\ncreate or replace function usage.${name}(${head}) returns integer language ${language} as $$ ${body} $$;\n`,
});
const calling = (name: string, ...callees: readonly string[]): SourceFile =>
  routine(name, `begin ${callees.map((callee) => `perform usage.${callee}();`).join(" ")} return 1; end`);
const view = (name: string, query: string): SourceFile => ({
  path: `usage/topic/${name}.sql`,
  text: `create or replace view usage.${name} as ${query};\n`,
});

const order = async (...files: readonly SourceFile[]): Promise<string> =>
  (await orderSources(files)).map(({ name }) => name).join(" ");

describe("orderSources", () => {
  it("puts a callee before its caller", async () => {
    expect(await order(calling("a", "b"), calling("b", "c"), calling("c"))).toBe("c b a");
  });

  it("keeps files that do not need each other in the order of their paths", async () => {
    expect(await order(calling("c"), calling("a"), calling("b", "a"))).toBe("a b c");
  });

  it("puts a view behind what its query names, in subqueries and by row type", async () => {
    expect(
      await order(
        view("a", "select (select usage.x(m)) from (select null::usage.m as m) m"),
        view("m", "select 1 as id"),
        routine("x", "select 1", { language: "sql", head: "usage.m" }),
      ),
    ).toBe("m x a");
  });

  it("reads the body of a function in SQL and the defaults of its parameters", async () => {
    expect(
      await order(
        routine("a", "select id from usage.b", { language: "sql", head: "p integer default usage.c()" }),
        view("b", "select usage.d() as id"),
        routine("c", "select 1", { language: "sql" }),
        routine("d", "select 1", { language: "sql" }),
      ),
    ).toBe("d b c a");
  });

  it("reads a body of standard SQL", async () => {
    const standard: SourceFile = {
      path: "usage/topic/a.sql",
      text: "create or replace function usage.a() returns integer return usage.b();",
    };
    expect(await order(standard, routine("b", "select 1", { language: "sql" }))).toBe("b a");
  });

  it("takes a common table expression for itself, not for a view of its name in public", async () => {
    const inPublic: SourceFile = {
      path: "public/topic/b.sql",
      text: "create or replace view public.b as select 1 from usage.a;",
    };
    expect(await order(view("a", "with b as (select 1) select 1 from b"), inPublic)).toBe("a b");
  });

  it("passes over comments and strings in a body of PL/pgSQL", async () => {
    const a = routine("a", "begin -- usage.b()\n return length('usage.b()'); end");
    expect(await order(a, calling("b", "a"))).toBe("a b");
  });

  it("puts a view before a body that names it, even where a caller comes before its callee for it", async () => {
    expect(
      await order(
        routine("a", "declare _row usage.v; begin perform usage.b(); return 1; end"),
        routine("b", "begin perform usage.a(); return 1; end"),
        view("v", "select usage.b() as id"),
      ),
    ).toBe("b v a");
  });

  it("orders routines that call each other, with the views that need them behind", async () => {
    expect(await order(calling("a", "b"), calling("b", "a"), view("c", "select usage.b()"))).toBe("a b c");
  });

  it("names the views that need each other", async () => {
    await expect(
      order(view("a", "select 1 from usage.b"), view("b", "select 1 from usage.a")),
    ).rejects.toThrow(
      "these sources need each other before they can be created: hasura/sql/usage/topic/a.sql, hasura/sql/usage/topic/b.sql",
    );
  });

  it("names file and line of a syntax error", async () => {
    await expect(
      order({
        path: "usage/topic/a.sql",
        text: "-- Größe\n\ncreate or replace view usage.a as\nselect from from;",
      }),
    ).rejects.toThrow('hasura/sql/usage/topic/a.sql:4: syntax error at or near "from"');
  });

  it("refuses a statement that belongs in a migration", async () => {
    await expect(
      order({ path: "usage/topic/a.sql", text: "\n-- why\nalter table usage.t add column c text;" }),
    ).rejects.toThrow(/^hasura\/sql\/usage\/topic\/a.sql:3: a source holds create or replace/u);
  });

  it("refuses a parameter with the type of a column, which names no function for good", async () => {
    await expect(
      order(routine("a", "select 1", { language: "sql", head: "p_id usage.meters.id%type" })),
    ).rejects.toThrow("hasura/sql/usage/topic/a.sql:2: write the type of a parameter itself");
  });

  it("refuses a last statement without its semicolon", async () => {
    await expect(
      order({ path: "usage/topic/a.sql", text: "create or replace view usage.a as select 1" }),
    ).rejects.toThrow("hasura/sql/usage/topic/a.sql:1: end the statement with a semicolon");
  });

  it("refuses to create without replacing", async () => {
    await expect(
      order({ path: "usage/topic/a.sql", text: "create view usage.a as select 1;" }),
    ).rejects.toThrow("hasura/sql/usage/topic/a.sql:1: write create or replace");
  });
});
