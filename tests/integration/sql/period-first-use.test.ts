import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";
import { addChannels, addMessages, drifts, used } from "./meter-fixtures.ts";

/**
 * A new anchor or zone is in force at once for a workspace without use. A concurrent first use must be in the present
 * period afterwards, whichever commits first.
 */

let test: TestDatabase;
let workspace: Workspace;
let channel: string;

beforeAll(async () => {
  test = await createTestDatabase();
}, 60_000);
afterAll(async () => {
  await test.drop();
});
beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  channel = String((await addChannels(test.database, workspace, 1))[0]);
});

const changes = {
  "a subscription with an anchor": (db: Queryable) =>
    db.query(
      "insert into billing.subscriptions (workspace_id, plan_id, anchor_at) values ($1, 'starter', now() - interval '3 days 5 hours')",
      [workspace.id],
    ),
  "a time zone": (db: Queryable) =>
    db.query("update public.workspaces set time_zone = 'Pacific/Kiritimati' where id = $1", [workspace.id]),
};

const uses = {
  "a row": (db: Queryable) => addMessages(db, workspace, channel, 1),
  "the gate": (db: Queryable) =>
    askOne(db, { op: "consume", workspaceId: workspace.id, metric: "ai_queries" }),
};

const inPresentPeriod = async (): Promise<number> =>
  (await used(test.database, workspace, "messages")) + (await used(test.database, workspace, "ai_queries"));

const isBlocked = (ended: () => boolean): Promise<boolean> =>
  waitFor("the second one to wait or to end", async () => {
    if (ended()) return true;
    const waiting = await test.database.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return waiting.length > 0;
  });

describe.each(Object.entries(changes))("%s", (_change, change) => {
  it.each(Object.entries(uses))(
    "that waits for an uncommitted first use by %s leaves it in the present period",
    async (_use, use) => {
      const db = test.database;
      let isSet = false;
      let setting: Promise<unknown> = Promise.resolve();
      await db.transaction(async (tx) => {
        await use(tx);
        setting = change(db).then(() => (isSet = true));
        await isBlocked(() => isSet);
      });
      await setting;
      expect(await inPresentPeriod()).toBe(1);
      expect(await drifts(db, workspace)).toEqual([]);
    },
  );

  it.each(Object.entries(uses))(
    "that is uncommitted makes a first use by %s wait and count in the present period",
    async (_use, use) => {
      const db = test.database;
      let isUsed = false;
      let using: Promise<unknown> = Promise.resolve();
      await db.transaction(async (tx) => {
        await change(tx);
        using = use(db).then(() => (isUsed = true));
        await isBlocked(() => isUsed);
      });
      await using;
      expect(await inPresentPeriod()).toBe(1);
      expect(await drifts(db, workspace)).toEqual([]);
    },
  );
});
