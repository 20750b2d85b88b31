import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type RunningActions, startActions } from "../../support/actions.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit } from "../../support/workspaces.ts";

const clients = 16;
const keysEach = 24;
const limit = 500;

let test: TestDatabase;
let actions: RunningActions;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: clients });
  actions = await startActions(test.database);
});

afterAll(async () => {
  await actions.stop();
  await test.drop();
});

interface Sending {
  readonly workspaceId: string;
  readonly key: string;
  readonly amount: number;
}

interface Said {
  readonly text: string;
  readonly allowed: boolean;
  readonly reason: string | null;
}

/** The gate as clients reach it. The text is what is compared: the same answer is the same to the byte. */
const ways: Readonly<Record<string, (sending: Sending) => Promise<Said>>> = {
  "over HTTP": async ({ workspaceId, key, amount }) => {
    const response = await actions.post("/actions/consumeUsage", {
      action: { name: "consumeUsage" },
      input: { workspaceId, metric: "ai_queries", amount, idempotencyKey: key },
      session_variables: { "x-hasura-role": "service", "x-hasura-workspace-id": workspaceId },
      request_query: "",
    });
    const text = await response.text();
    const body = JSON.parse(text) as {
      readonly allowed?: boolean;
      readonly reason?: string | null;
      readonly extensions?: { readonly code: string };
    };
    return { text, allowed: body.allowed ?? false, reason: body.reason ?? body.extensions?.code ?? null };
  },
  "in SQL": async ({ workspaceId, key, amount }) => {
    const [row] = await test.database.query<{ text: string; allowed: boolean; reason: string | null }>(
      `select answer::text as text, (answer ->> 'allowed')::boolean as allowed, answer ->> 'reason' as reason
       from (select usage.gate_many($1::jsonb) -> 0 as answer) as asked`,
      [JSON.stringify([{ op: "consume", workspaceId, metric: "ai_queries", amount, idempotencyKey: key }])],
    );
    if (row === undefined) throw new Error("no answer");
    return row;
  },
};

/** Each client has keys of its own, sends half of them at another client's side, and every list begins elsewhere. */
const play = async (send: (sending: Sending) => Promise<Said>, workspaceIds: readonly string[]) => {
  const sendings = Array.from({ length: clients * keysEach }, (_, n): Sending => ({
    workspaceId: workspaceIds[n % workspaceIds.length] ?? "",
    key: randomUUID(),
    amount: 1 + (n % 4),
  }));
  const said = new Map<string, Said[]>();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const mine = sendings.filter((_, n) => n % clients === client);
      const neighbours = sendings.filter((_, n) => n % clients === (client + 1) % clients && n % 2 === 0);
      const all = [...mine, ...neighbours].sort((one, other) => one.key.localeCompare(other.key));
      for (const sending of all) {
        const heard = await send(sending);
        said.set(sending.key, [...(said.get(sending.key) ?? []), heard]);
      }
    }),
  );
  return { sendings, said };
};

describe.each(Object.entries(ways))("half of all requests sent twice, %s", (_, send) => {
  it.each([1, 5])("count once and get the same answer (%i workspaces)", async (count) => {
    const workspaceIds: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const { id } = await createWorkspace(test.database);
      // Below what is asked of all of them, so that denials are repeated too.
      await setLimit(test.database, id, "ai_queries", Math.floor(limit / count));
      workspaceIds.push(id);
    }
    const { sendings, said } = await play(send, workspaceIds);
    const repeated = sendings.filter(({ key }) => said.get(key)?.length === 2);
    expect(repeated).toHaveLength(sendings.length / 2);
    for (const { key } of sendings) expect(new Set(said.get(key)?.map(({ text }) => text)).size).toBe(1);

    for (const workspaceId of workspaceIds) {
      const allowed = sendings
        .filter((sending) => sending.workspaceId === workspaceId)
        .filter(({ key }) => said.get(key)?.[0]?.allowed === true)
        .reduce((sum, { amount }) => sum + amount, 0);
      const [row] = await test.database.query(
        `select
           counters.used::int as used,
           (select sum(amount)::int from usage.counter_log where workspace_id = $1 and metric = 'ai_queries') as entered,
           (select sum(amount)::int from usage.ledger where workspace_id = $1 and allowed) as recorded
         from usage.counter_totals as counters
         where workspace_id = $1
           and metric = 'ai_queries'`,
        [workspaceId],
      );
      expect(row).toEqual({ used: allowed, entered: allowed, recorded: allowed });
      // Amounts are 4 at most: no more than 3 are left while somebody was refused.
      expect(allowed).toBeGreaterThan(Math.floor(limit / count) - 4);
      expect(allowed).toBeLessThanOrEqual(Math.floor(limit / count));
    }
  });

  it("refuse the same key with another amount, whoever comes first, and count the first", async () => {
    const { id: workspaceId } = await createWorkspace(test.database);
    await setLimit(test.database, workspaceId, "ai_queries", 10_000);
    let expected = 0;
    for (let round = 0; round < 8; round += 1) {
      const key = randomUUID();
      const answers = await Promise.all(
        Array.from({ length: clients }, async (_, client) => {
          const amount = 1 + (client % 2);
          return { amount, ...(await send({ workspaceId, key, amount })) };
        }),
      );
      const amounts = new Set(answers.filter(({ allowed }) => allowed).map(({ amount }) => amount));
      expect(amounts.size).toBe(1);
      const [first = 0] = amounts;
      expected += first;
      for (const { allowed, reason, amount } of answers)
        expect([allowed, reason]).toEqual(amount === first ? [true, null] : [false, "idempotency-conflict"]);
    }
    const [row] = await test.database.query<{ used: string }>(
      "select used from usage.counter_totals where workspace_id = $1 and metric = 'ai_queries'",
      [workspaceId],
    );
    expect(Number(row?.used)).toBe(expected);
  });
});
