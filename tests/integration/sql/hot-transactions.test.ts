import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";

import type { Database } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { askOne } from "./gate-support.ts";
import { addChannels, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";

/** Transactions of several statements that hold shards of hot counters while they come for more. */

interface Hot {
  readonly workspace: Workspace;
  readonly channel: string;
}

let test: TestDatabase;
let db: Database;
beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
  db = test.database;
}, 60_000);
afterAll(async () => {
  await test.drop();
});

const createHot = async (limit: number): Promise<Hot> => {
  const workspace = await createWorkspace(db);
  const channel = String((await addChannels(db, workspace, 1))[0]);
  await setLimit(db, workspace.id, "messages", limit);
  await db.query("select usage.split_counter($1, 'messages', 16)", [workspace.id]);
  return { workspace, channel };
};

/** The next transaction waits for its turn to go on; the others are free. */
const createGate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};

class Undo extends Error {}
const isUndo = (error: unknown): boolean =>
  error instanceof Undo || (error instanceof Error && error.cause instanceof Undo);

const isWaiting = async (): Promise<boolean> => {
  const [row] = await db.query<{ waiting: boolean }>(
    "select count(*) > 0 as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  return row?.waiting === true;
};

let hot: Hot;
beforeEach(async () => {
  hot = await createHot(10_000);
});

/** Asks, for the workspace of `hot`, for all but one unit of its limit. */
const askers: readonly (readonly [string, () => Promise<"allowed" | "refused">])[] = [
  ["a statement", () => isAllowed(addMessages(db, hot.workspace, hot.channel, 9_999))],
  [
    "a statement over two counters",
    async () => {
      const other = await createHot(10_000);
      return isAllowed(
        db.query(
          `insert into public.messages (workspace_id, channel_id, user_id, body)
           select h.workspace_id, h.channel_id, h.user_id, 'hello'
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[]) as h (workspace_id, channel_id, user_id, amount),
             generate_series(1, h.amount)`,
          [
            [hot.workspace.id, other.workspace.id],
            [hot.channel, other.channel],
            [hot.workspace.owner, other.workspace.owner],
            [9_999, 10],
          ],
        ),
      );
    },
  ],
  [
    "the gate",
    async () => {
      const { allowed } = await askOne(db, {
        op: "reserve",
        workspaceId: hot.workspace.id,
        metric: "messages",
        amount: 9_999,
      });
      return allowed ? "allowed" : "refused";
    },
  ],
];

const isAllowed = (statement: Promise<unknown>): Promise<"allowed" | "refused"> =>
  statement.then(
    () => "allowed" as const,
    async (error: unknown) => {
      const { code } = await refusal(Promise.reject(error as Error));
      if (code !== "23U01") throw error;
      return "refused" as const;
    },
  );

describe.each(askers)(
  "lets a transaction that holds a shard come for the row while %s waits for that shard",
  (_name, ask) => {
    it.each([
      ["commits", false, "refused"],
      ["is undone", true, "allowed"],
    ] as const)(
      "and %s",
      async (_end, undone, expected) => {
        const { workspace, channel } = hot;
        const took = createGate();
        const goOn = createGate();
        const holder = db
          .transaction(async (tx) => {
            await addMessages(tx, workspace, channel, 1);
            took.open();
            await goOn.opened;
            // More than a shard has.
            await addMessages(tx, workspace, channel, 200);
            if (undone) throw new Undo();
          })
          .catch((error: unknown) => error);
        await took.opened;
        const asked = ask();
        await waitFor("the asker to wait for a shard", isWaiting);
        goOn.open();
        const ended = await holder;
        expect(undone ? isUndo(ended) : ended).toBe(undone ? true : undefined);
        expect(await asked).toBe(expected);
        expect(await drifts(db, workspace)).toEqual([]);
      },
      60_000,
    );
  },
);

/** 12 clients whose transactions take from both counters; what they kept of each, and the codes that others ended with. */
const takeFromBoth = async (
  pair: readonly [Hot, Hot],
  orderOf: (turn: number) => readonly [0 | 1, 0 | 1],
): Promise<{ readonly kept: number; readonly codes: ReadonlySet<string> }> => {
  let kept = 0;
  const codes = new Set<string>();
  const client = async (client: number): Promise<void> => {
    for (let round = 0; round < 20; round += 1) {
      const size = 1 + ((round * 7 + client) % 20);
      try {
        await db.transaction(async (tx) => {
          for (const index of orderOf(round + client))
            await addMessages(tx, pair[index].workspace, pair[index].channel, size);
          if (round % 10 === 9) throw new Undo();
        });
        kept += size;
      } catch (error) {
        if (!isUndo(error)) codes.add((await refusal(Promise.reject(error as Error))).code);
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, index) => client(index)));
  return { kept, codes };
};

it("keeps transactions over two hot counters apart, in whichever order they come", async () => {
  const pair = [await createHot(1_000_000), await createHot(1_000_000)] as const;
  const { kept, codes } = await takeFromBoth(pair, (turn) => (turn % 2 === 0 ? [0, 1] : [1, 0]));
  expect([...codes]).toEqual([]);
  for (const { workspace } of pair) {
    expect(await used(db, workspace, "messages")).toBe(kept);
    expect(await drifts(db, workspace)).toEqual([]);
  }
}, 120_000);

it("fills two counters to the last unit without a deadlock from transactions that come in one order", async () => {
  const limit = 1_500;
  const pair = [await createHot(limit), await createHot(limit)] as const;
  const { kept, codes } = await takeFromBoth(pair, () => [0, 1]);
  expect([...codes]).toEqual(["23U01"]);
  for (const { workspace, channel } of pair) {
    expect(await used(db, workspace, "messages")).toBe(kept);
    // What twenty at a time leave over goes in one by one.
    for (let left = limit - kept; left > 0; left -= 1) await addMessages(db, workspace, channel, 1);
    expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
    expect(await used(db, workspace, "messages")).toBe(limit);
    expect(await drifts(db, workspace)).toEqual([]);
  }
}, 120_000);
