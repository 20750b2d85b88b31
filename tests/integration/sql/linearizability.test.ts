import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Database } from "../../../src/core/index.ts";
import { createDatabase } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createHistory, linearize, type Model } from "../../support/linearizability.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

const clients = 8;
const callsEach = 25;
const limit = 120;

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  database = createDatabase({ connectionString: test.url, maxConnections: clients });
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

type Op =
  | {
      readonly kind: "use" | "reserve";
      readonly amount: number;
      readonly allowed: boolean;
      readonly id?: string;
    }
  | { readonly kind: "commit" | "release"; readonly id: string; readonly amount: number }
  | { readonly kind: "read"; readonly used: number; readonly reserved: number };

interface Level {
  readonly used: number;
  readonly holds: Readonly<Record<string, number>>;
}

const heldBy = (holds: Level["holds"]): number =>
  Object.values(holds).reduce((sum, amount) => sum + amount, 0);

/** One workspace and metric under a hard limit, as the docs describe it and not as it is built. */
const model: Model<Level, Op> = {
  initial: { used: 0, holds: {} },
  step: (level, op) => {
    const { used, holds } = level;
    switch (op.kind) {
      case "use":
      case "reserve": {
        if (used + heldBy(holds) + op.amount <= limit !== op.allowed) return undefined;
        if (!op.allowed) return level;
        return op.kind === "use"
          ? { used: used + op.amount, holds }
          : { used, holds: { ...holds, [op.id ?? ""]: op.amount } };
      }
      case "commit":
      case "release": {
        const { [op.id]: held, ...rest } = holds;
        if (held === undefined || op.amount > held) return undefined;
        return { used: used + op.amount, holds: rest };
      }
      case "read":
        return op.used === used && op.reserved === heldBy(holds) ? level : undefined;
    }
  },
  key: ({ used, holds }) => `${String(used)} ${Object.keys(holds).sort().join(",")}`,
};

interface Decision {
  readonly allowed: boolean;
  readonly reservationId: string | null;
}

const decide = async (request: object): Promise<Decision> => {
  const [row] = await database.query<{ answers: readonly Decision[] }>(
    "select usage.gate_many($1::jsonb) as answers",
    [JSON.stringify([request])],
  );
  const decision = row?.answers[0];
  if (decision === undefined) throw new Error("no answer");
  return decision;
};

/** The same seed gives the same choices; how they interleave is the database's affair. */
const choices = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const isLimit = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "23U01";

const insertMessages = async (workspace: Workspace, channelId: string, amount: number): Promise<boolean> => {
  try {
    await database.query(
      "insert into public.messages (workspace_id, channel_id, user_id, body) select $1, $2, $3, 'x' from generate_series(1, $4)",
      [workspace.id, channelId, workspace.owner, amount],
    );
    return true;
  } catch (error) {
    if (isLimit(error)) return false;
    throw error;
  }
};

const createChannel = async ({ id, owner }: Workspace): Promise<string> => {
  const [row] = await database.query<{ id: string }>(
    "insert into public.channels (workspace_id, name, created_by) values ($1, 'general', $2) returning id",
    [id, owner],
  );
  if (row === undefined) throw new Error("no channel");
  return row.id;
};

/** Plays `clients` at once and gives what each of them saw. */
const play = async (metric: "messages" | "ai_queries", seed: number) => {
  const workspace = await createWorkspace(database);
  await setLimit(database, workspace.id, metric, limit);
  const channelId = await createChannel(workspace);
  const history = createHistory<Op>();
  const use = async (amount: number): Promise<boolean> =>
    metric === "messages"
      ? insertMessages(workspace, channelId, amount)
      : (await decide({ op: "consume", workspaceId: workspace.id, metric, amount: String(amount) })).allowed;

  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const choose = choices(seed * 100 + client);
      const holds: { readonly id: string; readonly amount: number }[] = [];
      for (let call = 0; call < callsEach; call += 1) {
        const amount = 1 + choose(4);
        const turn = choose(10);
        await history.record(async () => {
          if (turn < 2) {
            const [row] = await database.query<{ used: string; reserved: string }>(
              "select used, reserved from usage.current where workspace_id = $1 and metric = $2",
              [workspace.id, metric],
            );
            return { kind: "read", used: Number(row?.used), reserved: Number(row?.reserved) };
          }
          if (turn < 4) {
            const answer = await decide({
              op: "reserve",
              workspaceId: workspace.id,
              metric,
              amount: String(amount),
              ttlSeconds: 600,
            });
            const id = answer.reservationId ?? "";
            if (answer.allowed) holds.push({ id, amount });
            return { kind: "reserve", amount, allowed: answer.allowed, id };
          }
          const hold = turn < 6 ? holds.pop() : undefined;
          if (hold !== undefined) {
            // A commit of a metric that rows feed only ends the hold.
            const kind = turn === 4 ? "commit" : "release";
            const part = kind === "commit" ? Math.min(amount, hold.amount) : 0;
            const answer = await decide({
              op: kind,
              workspaceId: workspace.id,
              reservationId: hold.id,
              ...(kind === "commit" ? { amount: String(part) } : {}),
            });
            expect(answer.allowed).toBe(true);
            return { kind, id: hold.id, amount: metric === "messages" ? 0 : part };
          }
          return { kind: "use", amount, allowed: await use(amount) };
        });
      }
    }),
  );
  return history.calls;
};

describe.each(["messages", "ai_queries"] as const)("concurrent calls about %s", (metric) => {
  it.each([1, 2, 3, 4, 5, 6])(
    "can be put in one order that explains every answer (seed %i)",
    async (seed) => {
      const calls = await play(metric, seed);
      expect(calls).toHaveLength(clients * callsEach);
      expect(calls.some(({ op }) => "allowed" in op && !op.allowed)).toBe(true);
      expect(linearize(calls, model)).toBeDefined();
    },
  );
});
