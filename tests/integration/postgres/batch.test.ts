import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Database } from "../../../src/core/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";

let test: TestDatabase;
/** One session, so that what is left behind in it would be met again. */
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase({ empty: true });
  await test.database.transaction((tx) =>
    tx.script(`
create table item (id bigint constraint item_pkey primary key);
create table part (
  id bigint constraint part_pkey primary key,
  item_id bigint constraint part_item_id_fkey references item (id) deferrable initially deferred
);
`),
  );
  database = createDatabase({ connectionString: test.url, maxConnections: 1, applicationName: "batch" });
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

beforeEach(async () => {
  await test.database.query("truncate item, part");
});

const insertItem = (id: string) => ({
  text: "insert into item values ($1) returning id",
  values: [id],
  name: "insert_item",
});

const items = async (): Promise<readonly unknown[]> =>
  (await test.database.query("select id from item order by id")).map((row) => row["id"]);

const backend = async (): Promise<unknown> =>
  (await database.query("select pg_backend_pid() as pid", [], { name: "backend" }))[0]?.["pid"];

const accepting = () => undefined;

describe("batch", () => {
  it("shows the rows of each statement and commits them together", async () => {
    const seen: unknown[] = [];
    await database.batch(
      [
        { text: "select set_config('batch.word', $1, true)", values: ["heard"] },
        insertItem("1"),
        insertItem("2"),
        {
          text: "select current_setting('batch.word') as word, null as nothing, count(*) from item",
          values: [],
        },
      ],
      (index, rows) => seen.push([index, rows]),
    );
    expect(seen).toEqual([
      [0, [{ set_config: "heard" }]],
      [1, [{ id: "1" }]],
      [2, [{ id: "2" }]],
      [3, [{ word: "heard", nothing: null, count: "2" }]],
    ]);
    expect(await items()).toEqual(["1", "2"]);
    expect(await database.query("select current_setting('batch.word', true) as word")).toEqual([
      { word: "" },
    ]);
  });

  it("takes everything back when an answer is refused, and goes on with the same session", async () => {
    const before = await backend();
    const refused = database.batch([insertItem("1"), insertItem("2"), insertItem("2")], (index) => {
      if (index === 0) throw new Error("not this one");
    });
    // The refusal came first, so it is told rather than what happened behind it.
    await expect(refused).rejects.toThrow("not this one");
    expect(await items()).toEqual([]);
    const refusedLast = database.batch([insertItem("1"), insertItem("2")], (index) => {
      if (index === 1) throw new Error("nor this one");
    });
    await expect(refusedLast).rejects.toThrow("nor this one");
    expect(await items()).toEqual([]);
    await database.batch([insertItem("3")], accepting);
    expect(await items()).toEqual(["3"]);
    expect(await backend()).toBe(before);
  });

  it("takes everything back when a statement fails, and goes on with the same session", async () => {
    const before = await backend();
    const failing = database.batch(
      [insertItem("1"), insertItem("1"), { text: "insert into item values (9)", values: [], name: "nine" }],
      accepting,
    );
    await expect(failing).rejects.toMatchObject({ code: "23505" });
    expect(await items()).toEqual([]);
    // What was to be prepared behind the failure is prepared now.
    await database.batch([{ text: "insert into item values (9)", values: [], name: "nine" }], accepting);
    expect(await items()).toEqual(["9"]);
    expect(await backend()).toBe(before);
  });

  it("reports what deferred constraints say at the commit", async () => {
    const seen: number[] = [];
    const failing = database.batch(
      [insertItem("1"), { text: "insert into part values (1, $1)", values: ["7"] }],
      (index) => seen.push(index),
    );
    await expect(failing).rejects.toMatchObject({ code: "23503" });
    expect(seen).toEqual([0, 1]);
    expect(await items()).toEqual([]);
  });

  it("tells the loss of the session as an outage", async () => {
    const lost = database.batch(
      [insertItem("1"), { text: "select pg_terminate_backend(pg_backend_pid())", values: [] }],
      accepting,
    );
    await expect(lost).rejects.toMatchObject({ kind: "unavailable" });
    expect(await items()).toEqual([]);
    await database.batch([insertItem("1")], accepting);
    expect(await items()).toEqual(["1"]);
  });
});

describe("prepared statements", () => {
  const prepared = async (): Promise<number> => {
    const [row] = await database.query("select count(*)::int as n from pg_prepared_statements");
    return Number(row?.["n"]);
  };

  it("keeps only so many in a session, and prepares again what it let go", async () => {
    const ask = (number: number) =>
      database.query(`select $1::int + ${String(number)} as sum`, ["1"], { name: `sum_${String(number)}` });
    for (let number = 0; number < 520; number += 1) await ask(number);
    expect(await prepared()).toBe(500);
    expect(await ask(0)).toEqual([{ sum: 1 }]);
    expect(await ask(519)).toEqual([{ sum: 520 }]);
    expect(await prepared()).toBe(500);
  });

  it("keeps the session when a statement is refused", async () => {
    const before = await backend();
    const refused = database.query("select $1::int as n", ["no number"], { name: "number" });
    await expect(refused).rejects.toMatchObject({ code: "22P02" });
    expect(await database.query("select $1::int as n", ["5"], { name: "number" })).toEqual([{ n: 5 }]);
    expect(await backend()).toBe(before);
  });

  it("recovers from a table that changed under a prepared statement", async () => {
    const ask = () => database.query("select * from shape where $1 = ''", [""], { name: "shape" });
    await test.database.query("create table shape as select 1 as one");
    expect(await ask()).toEqual([{ one: 1 }]);
    await test.database.query("alter table shape add column two text default 'b'");
    await expect(ask()).rejects.toMatchObject({ code: "0A000" });
    expect(await ask()).toEqual([{ one: 1, two: "b" }]);
    await database.query("deallocate all");
    await expect(ask()).rejects.toMatchObject({ code: "26000" });
    expect(await ask()).toEqual([{ one: 1, two: "b" }]);
  });

  it("refuses a name that stands for another statement", async () => {
    await database.query("select $1 as a", ["x"], { name: "twice" });
    await expect(database.query("select $1 as b", ["x"], { name: "twice" })).rejects.toThrow(
      "another statement",
    );
    expect(await database.query("select $1 as a", ["y"], { name: "twice" })).toEqual([{ a: "y" }]);
  });
});
