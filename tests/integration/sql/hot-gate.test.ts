import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Queryable } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { ask, askOne, type Decision } from "./gate-support.ts";
import { addChannels, addMessages, drifts, refusal, used } from "./meter-fixtures.ts";

/**
 * Everything that counts, at once and on one workspace: rows of a hot counter, holds that rows draw on, uses and holds of a
 * metric that the gate feeds, lists of both, while plans and overrides change and transactions are rolled back.
 */

const most = 1_600;
let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 18 });
  const db = test.database;
  for (const [rank, limit] of [most - 200, most - 400, most].entries()) {
    const id = `hot_${String(rank)}`;
    await db.query(
      "insert into billing.plans (id, name, rank, rate_limit_per_minute, is_public) values ($1, $1, $2, 100, false)",
      [id, 20_000 + rank],
    );
    await db.query(
      "insert into billing.plan_limits (plan_id, metric, limit_value) values ($1, 'ai_queries', $2), ($1, 'messages', $2), ($1, 'channels', 10)",
      [id, limit],
    );
  }
}, 60_000);
afterAll(() => test.drop());

class Undo extends Error {}
const isUndo = (error: unknown): boolean =>
  error instanceof Undo || (error instanceof Error && error.cause instanceof Undo);

type Metric = "messages" | "ai_queries";
type Amounts = Record<Metric, number>;

/** What clients were told, which is what the database has to agree with. */
interface Heard {
  readonly asked: Amounts;
  readonly kept: Amounts;
  refusals: number;
  /** Codes of whatever went wrong that is no refusal: a deadlock would be one. */
  readonly failures: string[];
}

const isCounted = (workspace: Workspace, metric: string): Promise<number> =>
  used(test.database, workspace, metric);

describe.each([
  ["one row a statement", 1],
  ["seven rows a statement", 7],
])("sixteen clients that ask for three times the limit, %s", (_name, size) => {
  it("get exactly the limit of rows and of uses, whatever changes meanwhile, without a deadlock", async () => {
    const db = test.database;
    const workspace = await createWorkspace(db);
    const channel = String((await addChannels(db, workspace, 1))[0]);
    await db.query("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'hot_0')", [
      workspace.id,
    ]);
    await db.query("select usage.split_counter($1, 'messages', 4)", [workspace.id]);
    const [spread] = await db.query<{ shards: number }>(
      "select shards from usage.counters where workspace_id = $1 and metric = 'messages'",
      [workspace.id],
    );
    expect(spread?.shards).toBe(4);
    const heard: Heard = {
      asked: { messages: 0, ai_queries: 0 },
      kept: { messages: 0, ai_queries: 0 },
      refusals: 0,
      failures: [],
    };

    /** Until three times the limit was asked for. */
    const client = async (metric: Metric, work: (turn: number) => Promise<void>): Promise<void> => {
      for (let turn = 0; heard.asked[metric] < 3 * most; turn += 1) {
        try {
          await work(turn);
        } catch (error) {
          if (isUndo(error)) continue;
          const { code, message } = await refusal(Promise.reject(error as Error));
          if (code === "23U01") heard.refusals += 1;
          else heard.failures.push(`${code} ${message}`);
        }
      }
    };
    const gate = async (op: string, metric: Metric, more: object = {}): Promise<Decision> => {
      const answer = await askOne(db, { op, workspaceId: workspace.id, metric, ...more });
      if (!answer.allowed) heard.refusals += 1;
      return answer;
    };
    const drawn = async (tx: Queryable, reservationId: string, rows: number): Promise<void> => {
      await tx.query("select from usage.gate(reservation_id => $1, workspace_id => $2)", [
        reservationId,
        workspace.id,
      ]);
      await addMessages(tx, workspace, channel, rows);
    };

    /** Rows, some of them in two statements of one transaction, a tenth rolled back. */
    const writer = (index: number) =>
      client("messages", async (turn) => {
        const statements = turn % 3 === 0 ? 2 : 1;
        heard.asked.messages += statements * size;
        await db.transaction(async (tx) => {
          for (let n = 0; n < statements; n += 1) await addMessages(tx, workspace, channel, size);
          if ((turn + index) % 10 === 0) throw new Undo();
        });
        heard.kept.messages += statements * size;
      });
    /** A hold of headroom for rows, which they draw on, leave, or of which the transaction fails. */
    const drawer = (index: number) =>
      client("messages", async (turn) => {
        heard.asked.messages += size;
        const { allowed, reservationId } = await gate("reserve", "messages", { amount: size + 2 });
        if (!allowed || reservationId === null) return;
        if (turn % 5 === 1) await gate("commit", "messages", { reservationId });
        else if (turn % 5 === 2) await gate("release", "messages", { reservationId });
        else
          await db
            .transaction(async (tx) => {
              await drawn(tx, reservationId, size);
              if ((turn + index) % 5 === 3) throw new Undo();
            })
            .then(
              () => (heard.kept.messages += size),
              async (error: unknown) => {
                // A rollback restores the hold.
                expect(await gate("release", "messages", { reservationId })).toMatchObject({ allowed: true });
                throw error;
              },
            );
      });
    /** Uses of what the gate feeds, half of them with a key. */
    const user = () =>
      client("ai_queries", async (turn) => {
        heard.asked.ai_queries += size;
        const idempotencyKey = turn % 2 === 0 ? randomUUID() : null;
        const { granted } = await gate("consume", "ai_queries", {
          amount: size,
          partial: turn % 3 === 0,
          idempotencyKey,
        });
        heard.kept.ai_queries += granted ?? 0;
      });
    /** Holds of it that are committed whole, in part, released, or extended before that. */
    const holder = () =>
      client("ai_queries", async (turn) => {
        heard.asked.ai_queries += size;
        const { reservationId, allowed } = await gate("reserve", "ai_queries", { amount: size });
        if (!allowed) return;
        if (turn % 3 === 0) await gate("extend", "ai_queries", { reservationId, ttlSeconds: 600 });
        const { granted } = await gate(turn % 4 === 0 ? "release" : "commit", "ai_queries", {
          reservationId,
          ...(turn % 4 === 1 && { amount: 1 }),
        });
        heard.kept.ai_queries += granted ?? 0;
      });
    /** One call for several: in the order that would deadlock if locks followed it, and as a list that is taken whole. */
    const several = (index: number) =>
      client(index === 0 ? "messages" : "ai_queries", async (turn) => {
        heard.asked.messages += 1;
        heard.asked.ai_queries += 1;
        const of = (op: string, metric: string) => ({ op, workspaceId: workspace.id, metric, amount: 1 });
        const requests = [of("consume", "ai_queries"), of("reserve", "messages")];
        if ((turn + index) % 2 === 0) {
          const [one, other] = await ask(db, (turn + index) % 4 === 0 ? requests : [...requests].reverse());
          const use = one?.metric === "ai_queries" ? one : other;
          const hold = one?.metric === "ai_queries" ? other : one;
          heard.kept.ai_queries += use?.granted ?? 0;
          if (hold?.allowed === true)
            await gate("release", "messages", { reservationId: hold.reservationId });
          return;
        }
        const [listed] = (await ask(db, [
          {
            op: "reserve",
            workspaceId: workspace.id,
            items: [
              { metric: "messages", amount: 1 },
              { metric: "ai_queries", amount: 1 },
            ],
          },
        ])) as unknown as readonly { allowed: boolean; items: readonly Decision[] }[];
        if (listed?.allowed !== true) return;
        for (const { metric, reservationId } of listed.items) {
          const { granted } = await gate("commit", "messages", { reservationId });
          if (metric === "ai_queries") heard.kept.ai_queries += granted ?? 0;
        }
      });
    /** Waits for the others to have asked for more; a change that nobody meets would prove nothing. */
    const after = async (part: number): Promise<void> => {
      while (heard.asked.messages + heard.asked.ai_queries < part * 6 * most) await db.query("select 1");
    };
    const planner = async (): Promise<void> => {
      for (const [at, plan] of [
        [0.1, "hot_1"],
        [0.25, "hot_0"],
        [0.45, "hot_2"],
      ] as const) {
        await after(at);
        await db.query("update billing.subscriptions set plan_id = $2 where workspace_id = $1", [
          workspace.id,
          plan,
        ]);
        await db.query("select usage.split_counter($1, 'messages', 4)", [workspace.id]);
      }
    };
    const overrider = async (): Promise<void> => {
      await after(0.15);
      await setLimit(db, workspace.id, "messages", most - 300);
      await after(0.3);
      await setLimit(db, workspace.id, "ai_queries", most - 500);
      await after(0.5);
      await db.query("delete from billing.limit_overrides where workspace_id = $1", [workspace.id]);
    };
    await Promise.all([
      ...[0, 1, 2, 3].map(writer),
      ...[0, 1].map(drawer),
      ...[user(), user(), user()],
      ...[holder(), holder()],
      ...[0, 1, 2].map(several),
      ...[planner(), overrider()],
    ]);
    expect(heard.failures).toEqual([]);
    expect(heard.refusals).toBeGreaterThan(0);
    expect({
      messages: await isCounted(workspace, "messages"),
      ai_queries: await isCounted(workspace, "ai_queries"),
    }).toEqual(heard.kept);

    // What seven at a time leave over goes in one by one, and not one more.
    while (heard.kept.messages < most) {
      await addMessages(db, workspace, channel, 1);
      heard.kept.messages += 1;
    }
    expect((await refusal(addMessages(db, workspace, channel, 1))).code).toBe("23U01");
    while (heard.kept.ai_queries < most) {
      expect((await gate("consume", "ai_queries", { idempotencyKey: randomUUID() })).allowed).toBe(true);
      heard.kept.ai_queries += 1;
    }
    expect(await gate("consume", "ai_queries")).toMatchObject({
      allowed: false,
      used: most,
      reserved: 0,
      remaining: 0,
    });
    const [recorded] = await db.query(
      `select
         (
           select count(*)::int
           from public.messages
           where workspace_id = $1
         ) as rows,
         (
           select sum(amount)::int
           from usage.counter_recounts
           where workspace_id = $1
             and metric = 'messages'
         ) as messages,
         (
           select sum(amount)::int
           from usage.counter_recounts
           where workspace_id = $1
             and metric = 'ai_queries'
         ) as ai_queries`,
      [workspace.id],
    );
    expect(recorded).toEqual({ rows: most, messages: most, ai_queries: most });
    expect([await isCounted(workspace, "messages"), await isCounted(workspace, "ai_queries")]).toEqual([
      most,
      most,
    ]);
    expect(await drifts(db, workspace)).toEqual([]);
  }, 120_000);
});
