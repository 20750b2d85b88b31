import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let workspace: Workspace;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
});
afterAll(() => test.drop());

const hour = "2026-11-24T15:00:00.000Z";

const call = (fields: Readonly<Record<string, unknown>> = {}) => ({
  workspace_id: workspace.id,
  hour,
  user_id: workspace.owner,
  api_key_id: null,
  operation: "List",
  role: "user",
  protocol: "http",
  status: 200,
  code: "",
  count: 1,
  refused: 0,
  errors: 0,
  latency_ms_sum: 12,
  latency_ms_min: 12,
  latency_ms_max: 12,
  bytes_in: 100,
  bytes_out: 1_000,
  ...fields,
});

const add = async (batch: string, calls: readonly object[]): Promise<boolean | undefined> => {
  const [row] = await test.database.query<{ added: boolean }>("select usage.add_api_calls($1, $2) as added", [
    batch,
    JSON.stringify(calls),
  ]);
  return row?.added;
};

const rows = () =>
  test.database.query(
    `select user_id, operation, count, refused, errors, latency_ms_sum, latency_ms_min, latency_ms_max, bytes_in, bytes_out
     from usage.api_calls
     where workspace_id = $1
     order by operation, count`,
    [workspace.id],
  );

describe("usage.add_api_calls", () => {
  it("adds up what belongs together and keeps the rest apart", async () => {
    await add(randomUUID(), [call(), call({ operation: null, user_id: null })]);
    await add(randomUUID(), [
      call({ count: 2, errors: 1, latency_ms_sum: 30, latency_ms_min: 5, latency_ms_max: 25 }),
      call({ operation: null, user_id: null, count: 0, refused: 3, latency_ms_min: null }),
    ]);
    expect(await rows()).toEqual([
      {
        user_id: workspace.owner,
        operation: "List",
        count: "3",
        refused: "0",
        errors: "1",
        latency_ms_sum: "42",
        latency_ms_min: 5,
        latency_ms_max: 25,
        bytes_in: "200",
        bytes_out: "2000",
      },
      {
        user_id: null,
        operation: null,
        count: "1",
        refused: "3",
        errors: "0",
        latency_ms_sum: "24",
        latency_ms_min: 12,
        latency_ms_max: 12,
        bytes_in: "200",
        bytes_out: "2000",
      },
    ]);
  });

  it("does nothing for a batch that was written before", async () => {
    const batch = randomUUID();
    expect(await add(batch, [call()])).toBe(true);
    expect(await add(batch, [call()])).toBe(false);
    expect(await rows()).toMatchObject([{ count: "1" }]);
  });

  it("leaves out a workspace that is gone, not its neighbours", async () => {
    const gone = randomUUID();
    expect(await add(randomUUID(), [call({ workspace_id: gone }), call()])).toBe(true);
    expect(await rows()).toHaveLength(1);
    expect(await test.database.query("select from usage.api_calls where workspace_id = $1", [gone])).toEqual(
      [],
    );
  });

  it("takes the batches of many gateways at once, in any order", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        add(
          randomUUID(),
          (n % 2 === 0 ? names : names.toReversed()).map((operation) => call({ operation })),
        ),
      ),
    );
    expect((await rows()).map((row) => row["count"])).toEqual(names.map(() => "20"));
  });

  it("keeps nothing of a batch that cannot be written", async () => {
    const batch = randomUUID();
    await expect(add(batch, [call(), call({ protocol: "smoke" })])).rejects.toThrow();
    expect(await rows()).toEqual([]);
    expect(await add(batch, [call()])).toBe(true);
  });
});

it("usage.prune_api_calls drops old hours and marks of batches", async () => {
  await add(randomUUID(), [call({ hour: "2020-01-01T00:00:00Z" }), call()]);
  const [row] = await test.database.query(
    "select usage.prune_api_calls('2020-01-01T01:00:00Z', now() + interval '1 second') as pruned, (select count(*) from usage.api_call_batches) as before",
  );
  expect(row).toMatchObject({ pruned: "1" });
  expect(Number(row?.["before"])).toBeGreaterThan(0);
  expect(await rows()).toHaveLength(1);
  expect(await test.database.query("select from usage.api_call_batches")).toEqual([]);
});
