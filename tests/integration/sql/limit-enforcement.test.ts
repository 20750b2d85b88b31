import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { addChannels, addFile, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

const clients = 16;
let test: TestDatabase;
let workspace: Workspace;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: clients });
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
});

describe("a hard limit", () => {
  it("refuses the whole statement with its reason", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "channels", 5);
    await addChannels(db, workspace, 4);
    expect(await refusal(addChannels(db, workspace, 2))).toEqual({
      code: "23U01",
      message: "limit of 5 channels reached: 4 used, 2 more requested",
    });
    expect(await used(db, workspace, "channels")).toBe(4);
    await addChannels(db, workspace, 1);
    expect((await refusal(addChannels(db, workspace, 1))).message).toBe(
      "limit of 5 channels reached: 5 used, 1 more requested",
    );
  });

  it("refuses more bytes by an insert, an update, an unarchive or a move", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "storage_bytes", 100);
    const file = await addFile(db, workspace, 100);
    expect(
      (await refusal(db.query("update public.files set size_bytes = 101 where id = $1", [file]))).code,
    ).toBe("23U01");
    await db.query("update public.files set status = 'deleted' where id = $1", [file]);
    await addFile(db, workspace, 1);
    expect(
      (await refusal(db.query("update public.files set status = 'ready' where id = $1", [file]))).code,
    ).toBe("23U01");
    const other = await createWorkspace(db);
    const foreign = await addFile(db, other, 100);
    const moved = db.query("update public.files set workspace_id = $2 where id = $1", [
      foreign,
      workspace.id,
    ]);
    expect((await refusal(moved)).code).toBe("23U01");
    expect([await drifts(db, workspace), await drifts(db, other)]).toEqual([[], []]);
  });

  it("below the present use blocks only more use", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "channels", 5);
    const [channel] = await addChannels(db, workspace, 5);
    await db.query("update billing.limit_overrides set limit_value = 2 where workspace_id = $1", [
      workspace.id,
    ]);
    await db.query("update public.channels set name = 'renamed' where id = $1", [channel]);
    await db.query("delete from public.channels where id = $1", [channel]);
    expect((await refusal(addChannels(db, workspace, 1))).message).toBe(
      "limit of 2 channels reached: 4 used, 1 more requested",
    );
  });

  it("counts open reservations, except the one that this transaction draws on", async () => {
    const db = test.database;
    await setLimit(db, workspace.id, "channels", 3);
    const reserve = (amount: number, expires: string) =>
      db.query<{ id: string }>(
        "insert into usage.reservations (workspace_id, metric, amount, expires_at, period_start) values ($1, 'channels', $2, now() + $3::interval, '-infinity') returning id",
        [workspace.id, amount, expires],
      );
    await reserve(3, "-1 second");
    const [held] = await reserve(2, "1 hour");
    expect((await refusal(addChannels(db, workspace, 2))).message).toBe(
      "limit of 3 channels reached: 0 used, 2 reserved, 2 more requested",
    );
    await db.transaction(async (tx) => {
      await tx.query("select set_config('usage.reservation_id', $1, true)", [held?.id]);
      await addChannels(tx, workspace, 2);
      await tx.query(
        "update usage.reservations set status = 'committed', committed_amount = 2 where id = $1",
        [held?.id],
      );
    });
    await addChannels(db, workspace, 1);
    expect((await refusal(addChannels(db, workspace, 1))).code).toBe("23U01");
  });

  it("is 0 for a metric that the plan does not include", async () => {
    const db = test.database;
    await db.query("delete from billing.plan_limits where plan_id = 'free' and metric = 'integrations'");
    const refused = await refusal(
      db.query("insert into public.integrations (workspace_id, name) values ($1, 'x')", [workspace.id]),
    );
    expect(refused.code).toBe("23U01");
    expect(refused.message).toMatch(/^integrations is not included in the plan/u);
  });
});

describe("the limit of a subscription", () => {
  it.each([
    ["that has run out", "now() - interval '40 days'", "now() - interval '1 second'"],
    ["that has not begun", "now() + interval '1 hour'", null],
  ])("%s does not apply", async (_which, starts, ends) => {
    const db = test.database;
    await db.query(
      `insert into billing.subscriptions (workspace_id, plan_id, status, starts_at, ends_at)
       values ($1, 'starter', 'active', ${starts}, ${String(ends)})`,
      [workspace.id],
    );
    // free has headroom for 5 channels, starter for 25
    expect((await refusal(addChannels(db, workspace, 6))).message).toBe(
      "limit of 5 channels reached: 0 used, 6 more requested",
    );
    await addChannels(db, workspace, 5);
  });

  it("ends with it, keeps the use and refuses more", async () => {
    const db = test.database;
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')", [
      workspace.id,
    ]);
    await addChannels(db, workspace, 20);
    await db.query("update billing.subscriptions set ends_at = now() where workspace_id = $1", [
      workspace.id,
    ]);
    expect((await refusal(addChannels(db, workspace, 1))).message).toBe(
      "limit of 5 channels reached: 20 used, 1 more requested",
    );
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'starter')", [
      workspace.id,
    ]);
    await addChannels(db, workspace, 5);
    expect((await refusal(addChannels(db, workspace, 1))).code).toBe("23U01");
  });
});

it("a soft limit allows use above it and counts it", async () => {
  const db = test.database;
  await db.query(
    "update billing.plan_limits set enforcement = 'soft', limit_value = 1 where plan_id = 'free' and metric = 'bots'",
  );
  await db.query(
    "insert into public.bots (workspace_id, name) select $1, g::text from generate_series(1, 4) g",
    [workspace.id],
  );
  expect(await used(db, workspace, "bots")).toBe(4);
});

it("an unlimited metric refuses nothing", async () => {
  const db = test.database;
  await setLimit(db, workspace.id, "channels", null);
  await addChannels(db, workspace, 500);
  expect(await used(db, workspace, "channels")).toBe(500);
});

it("a negative amount of a counter and an unknown metric are refused", async () => {
  const db = test.database;
  expect((await refusal(db.query("select usage.add($1, 'messages', -1)", [workspace.id]))).code).toBe(
    "23U02",
  );
  expect((await refusal(db.query("select usage.add($1, 'nothing', 1)", [workspace.id]))).message).toBe(
    'unknown metric "nothing"',
  );
});

describe.each([
  ["channels", "read committed"],
  ["messages", "read committed"],
  ["channels", "repeatable read"],
  ["messages", "repeatable read"],
] as const)("16 clients that ask for three times the limit of %s (%s)", (metric, isolation) => {
  it("use exactly the limit, with a tenth rolled back", async () => {
    const db = test.database;
    const most = isolation === "read committed" ? 200 : 40;
    const [channel] = metric === "messages" ? await addChannels(db, workspace, 1) : [];
    const add = async (tx: Queryable): Promise<unknown> =>
      channel === undefined ? addChannels(tx, workspace, 1) : addMessages(tx, workspace, channel, 1);
    await setLimit(db, workspace.id, metric, most);
    let asked = 0;
    let refused = 0;
    let kept = 0;
    class Undo extends Error {}
    const client = async (): Promise<void> => {
      while (asked < 3 * most) {
        asked += 1;
        const undo = asked % 10 === 0;
        try {
          await db.transaction(async (tx) => {
            await tx.query(`set transaction isolation level ${isolation}`);
            await add(tx);
            if (undo) throw new Undo();
          });
          kept += 1;
        } catch (error) {
          if (error instanceof Undo || (error instanceof Error && error.cause instanceof Undo)) continue;
          const { code } = await refusal(Promise.reject(error as Error));
          if (code === "40001") asked -= 1;
          else {
            expect(code).toBe("23U01");
            refused += 1;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    const rows = await db.query(`select id from public.${metric} where workspace_id = $1`, [workspace.id]);
    expect({ kept, rows: rows.length, used: await used(db, workspace, metric) }).toEqual({
      kept: most,
      rows: most,
      used: most,
    });
    expect(refused).toBeGreaterThan(0);
    expect(await drifts(db, workspace)).toEqual([]);
  }, 120_000);
});

it("statements over many workspaces do not deadlock, whatever the order of their rows", async () => {
  const db = test.database;
  const many: Workspace[] = [];
  for (let index = 0; index < 12; index += 1) many.push(await createWorkspace(db));
  const ids = many.map(({ id }) => id);
  const run = async (client: number): Promise<void> => {
    const order = client % 2 === 0 ? "asc" : "desc";
    for (let round = 0; round < 5; round += 1)
      await db.query(
        `insert into public.files (workspace_id, uploader_id, name, size_bytes) select id, $2, 'f', 1 from unnest($1::uuid[]) id, generate_series(1, 3) order by id ${order}`,
        [ids, workspace.owner],
      );
  };
  await Promise.all(Array.from({ length: 8 }, (_, client) => run(client)));
  for (const each of many) expect(await used(db, each, "storage_bytes")).toBe(8 * 5 * 3);
}, 60_000);
