import { afterAll, beforeAll, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
import { repeatContention } from "../../../src/postgres/index.ts";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace } from "../../support/workspaces.ts";

const add = (tx: Queryable, row: number): Promise<unknown> =>
  tx.query("update public.pair set value = value + 1 where id = $1", [row]);

let test: TestDatabase;
let actions: RunningActions;

beforeAll(async () => {
  test = await createTestDatabase();
  actions = await startActions(test.database);
  await test.database.query("create table public.pair (id integer primary key, value integer not null)");
  await test.database.query("insert into public.pair values (1, 0), (2, 0)");
}, 60_000);
afterAll(async () => {
  await actions.stop();
  await test.drop();
});

it("runs the loser of a deadlock again from its start", async () => {
  let attempts = 0;
  let holding = 0;
  let open = (): void => undefined;
  const bothHoldOne = new Promise<void>((resolve) => {
    open = resolve;
  });
  const hold = async (tx: Queryable, row: number): Promise<void> => {
    await add(tx, row);
    holding += 1;
    if (holding === 2) open();
    await bothHoldOne;
  };
  // Whose patience ends first is the one that Postgres ends.
  const winner = test.database.transaction(async (tx) => {
    await tx.query("set local deadlock_timeout = '1h'");
    await hold(tx, 1);
    await add(tx, 2);
  });
  await repeatContention(test.database).transaction(async (tx) => {
    attempts += 1;
    if (attempts > 1) await winner;
    await tx.query("set local deadlock_timeout = '10ms'");
    await hold(tx, 2);
    await add(tx, 1);
  });
  expect(attempts).toBe(2);
  expect(await test.database.query("select id, value from public.pair order by id")).toEqual([
    { id: 1, value: 2 },
    { id: 2, value: 2 },
  ]);
});

it("leaves every other error alone", async () => {
  let attempts = 0;
  await expect(
    repeatContention(test.database).transaction(async (tx) => {
      attempts += 1;
      await tx.query("select 1 / 0");
    }),
  ).rejects.toMatchObject({ code: "22012" });
  expect(attempts).toBe(1);
});

it.each(["40001", "40P01"])(
  "answers 503 contention where %s lasts, and no word of the database",
  async (state) => {
    const { id, owner } = await createWorkspace(test.database);
    await test.database.query(`
    create or replace function usage.gate_many(requests jsonb) returns jsonb
    language plpgsql
    as $$
    begin
      raise exception 'secret text' using errcode = '${state}';
    end
    $$
  `);
    const answer = await actions.call(
      "consumeUsage",
      { workspaceId: id, metric: "ai_queries" },
      { "x-hasura-role": "user", "x-hasura-user-id": owner, "x-hasura-workspace-id": id },
    );
    expect(answer).toEqual({
      status: 503,
      body: {
        message: "Other work kept the rows that this needed; nothing was changed. Try again.",
        extensions: { code: "contention" },
      },
    });
  },
);
