import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { defaultLeaseSettings } from "../../src/domain/lease/lease.ts";
import { ask as askGate } from "../integration/sql/gate-support.ts";
import { drifts } from "../integration/sql/meter-fixtures.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort, startCommand, type StartedCommand } from "../support/start-command.ts";
import { createWorkspace, setLimit, type Workspace } from "../support/workspaces.ts";

/**
 * The actions server as it runs in production, ended by SIGKILL with keyed uses, reservations and leases in flight. Postgres
 * lives on, so that what was decided and never answered is found again by its key.
 */

const crashes = 20;
const clients = 16;
/** Reached in the last rounds, so that denials are asked again as well. */
const limit = 1_500;
/** Counted ahead by a process that was killed: the step in use and the one that was drawn before it was empty. */
const oneLease = defaultLeaseSettings.maxStep * 1.5;

let test: TestDatabase;
let workspace: Workspace;
let server: StartedCommand | undefined;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 4 });
  workspace = await createWorkspace(test.database);
  await setLimit(test.database, workspace.id, "ai_queries", limit);
  await setLimit(test.database, workspace.id, "api_calls", 10_000_000);
  env = {
    DATABASE_URL: test.url,
    ACTIONS_PORT: String(await freePort()),
    ACTION_SECRET: "a-secret-of-the-tests",
  };
}, 60_000);

afterAll(async () => {
  server?.child.kill("SIGKILL");
  await server?.exited();
  await test.drop();
});

const start = async (): Promise<StartedCommand> => {
  const started = startCommand(env, "actions/main.ts", "actions listening");
  server = started;
  await started.ready();
  return started;
};

interface Decision {
  readonly allowed: boolean;
  readonly reason: string | null;
  readonly granted: number;
  readonly used: number;
  readonly reservationId: string | null;
}

interface Request {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Undefined where the server was gone before it answered; what it says is an error of the test. */
const ask = async ({ action, input }: Request): Promise<Decision | undefined> => {
  const heard = await fetch(`http://127.0.0.1:${env["ACTIONS_PORT"] ?? ""}/actions/${action}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-action-secret": env["ACTION_SECRET"] ?? "" },
    body: JSON.stringify({
      action: { name: action },
      input: { workspaceId: workspace.id, ...input },
      session_variables: { "x-hasura-role": "service", "x-hasura-workspace-id": workspace.id },
      request_query: "",
    }),
  })
    .then(async (response) => ({ status: response.status, body: (await response.json()) as Decision }))
    .catch(() => undefined);
  if (heard !== undefined && heard.status !== 200)
    throw new Error(`${action}: ${String(heard.status)} ${JSON.stringify(heard.body)}`);
  return heard?.body;
};

/** Between 30 and 93 answers a round: the same ones in each run, so that a failure comes again. */
const answersBefore = (round: number): number => 30 + ((round * 2_654_435_761) % 64);

it("twenty times: what was answered stays, what was not counts once when it is asked again, and all that is held comes back", async () => {
  const db = test.database;
  /** Everything that carries a key or settles a reservation, with its first answer. */
  const first = new Map<string, { readonly request: Request; answer: Decision | undefined }>();
  const leased = { asked: 0, answered: 0 };

  /** What was answered is remembered before the next request is sent. */
  const once = async (name: string, request: Request): Promise<Decision | undefined> => {
    const entry = { request, answer: undefined as Decision | undefined };
    first.set(name, entry);
    entry.answer = await ask(request);
    return entry.answer;
  };
  const settle = (action: "commitUsage" | "releaseUsage", reservationId: string, amount?: number) =>
    once(`${action} ${reservationId}`, {
      action,
      input: { reservationId, ...(amount === undefined ? {} : { amount }) },
    });
  const use = (amount: number) => {
    const idempotencyKey = randomUUID();
    return once(idempotencyKey, {
      action: "consumeUsage",
      input: { metric: "ai_queries", amount, idempotencyKey },
    });
  };
  const hold = async (turn: number): Promise<Decision | undefined> => {
    const idempotencyKey = randomUUID();
    const held = await once(idempotencyKey, {
      action: "reserveUsage",
      input: { metric: "ai_queries", amount: 3, ttlSeconds: 3_600, idempotencyKey },
    });
    const id = held?.reservationId ?? null;
    if (id === null) return held;
    if (turn % 4 === 0) return settle("commitUsage", id, 2);
    if (turn % 4 === 1) return settle("commitUsage", id);
    if (turn % 4 === 2) return settle("releaseUsage", id);
    return held;
  };
  const lease = async (): Promise<Decision | undefined> => {
    leased.asked += 1;
    const answer = await ask({ action: "consumeUsage", input: { metric: "api_calls", amount: 1 } });
    if (answer?.allowed === true) leased.answered += 1;
    return answer;
  };

  interface Level {
    readonly used: number;
    readonly reserved: number;
  }
  const level = async (metric: string): Promise<Level> => {
    const [row] = await db.query<Level>(
      "select used::int, reserved::int from usage.current where workspace_id = $1 and metric = $2",
      [workspace.id, metric],
    );
    if (row === undefined) throw new Error(`no ${metric}`);
    return row;
  };
  /** What the answers add up to. */
  const expected = (): Level => {
    const granted = (action: string): number =>
      [...first.values()]
        .filter(({ request }) => request.action === action)
        .reduce((sum, { answer }) => sum + (answer?.allowed === true ? answer.granted : 0), 0);
    const open = [...first.values()].filter(
      ({ answer }) =>
        answer?.allowed === true &&
        answer.reservationId !== null &&
        !first.has(`commitUsage ${answer.reservationId}`) &&
        !first.has(`releaseUsage ${answer.reservationId}`),
    );
    return { used: granted("consumeUsage") + granted("commitUsage"), reserved: 3 * open.length };
  };

  for (let round = 1; round <= crashes; round += 1) {
    const running = await start();
    // What the last crash left without an answer, once more.
    const unanswered = [...first.values()].filter(({ answer }) => answer === undefined);
    for (const entry of unanswered) entry.answer = await ask(entry.request);
    expect(unanswered.filter(({ answer }) => answer === undefined)).toEqual([]);
    expect(await level("ai_queries")).toEqual(expected());

    let heard = 0;
    let killed = false;
    const client = async (index: number): Promise<void> => {
      for (let turn = index; !killed; turn += 1) {
        const answer = await (index < 6 ? use(1 + (turn % 3)) : index < 11 ? hold(turn) : lease());
        if (answer === undefined) return;
        heard += 1;
        if (heard < answersBefore(round) || killed) continue;
        killed = true;
        running.child.kill("SIGKILL");
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
    await running.exited();

    const calls = await level("api_calls");
    expect(calls.used).toBeGreaterThanOrEqual(leased.answered);
    expect(calls.used).toBeLessThanOrEqual(leased.asked + round * oneLease);
    expect(await drifts(db, workspace)).toEqual([]);
  }

  await start();
  for (const entry of first.values()) entry.answer ??= await ask(entry.request);
  const { used, reserved } = expected();
  expect(await level("ai_queries")).toEqual({ used, reserved });
  expect(reserved).toBeGreaterThan(0);

  // Every key and every settled reservation gives its first answer to whoever asks again.
  for (const { request, answer } of first.values()) expect(await ask(request)).toEqual(answer);
  expect(await level("ai_queries")).toEqual({ used, reserved });

  const [ledger] = await db.query<{ consumed: number; committed: number }>(
    `select
       (
         select sum((answer ->> 'granted')::int)::int
         from usage.ledger
         where workspace_id = $1
           and op = 'consume'
           and allowed
       ) as consumed,
       (
         select sum(committed_amount)::int
         from usage.reservations
         where workspace_id = $1
           and metric = 'ai_queries'
           and status = 'committed'
       ) as committed`,
    [workspace.id],
  );
  expect((ledger?.consumed ?? 0) + (ledger?.committed ?? 0)).toBe(used);

  // The time of all that the killed processes held is over: leases and reservations alike.
  const [orphans] = await db.query<{ leases: number }>(
    "select count(*)::int as leases from usage.reservations where workspace_id = $1 and lease_holder is not null and status = 'held'",
    [workspace.id],
  );
  expect(orphans?.leases).toBeGreaterThan(0);
  await db.query(
    "update usage.reservations set expires_at = clock_timestamp() - interval '1 millisecond' where workspace_id = $1 and status = 'held'",
    [workspace.id],
  );
  expect((await level("api_calls")).reserved).toBe(0);
  expect(await level("ai_queries")).toEqual({ used, reserved: 0 });

  // Exactly the limit gets in.
  const fill = { action: "consumeUsage", input: { metric: "ai_queries", amount: limit - used } };
  expect(await ask(fill)).toMatchObject({ allowed: true, used: limit });
  const [over] = await askGate(db, [
    { op: "consume", workspaceId: workspace.id, metric: "ai_queries", amount: 1 },
  ]);
  expect(over).toMatchObject({ allowed: false, used: limit, reserved: 0, remaining: 0 });
  expect(await drifts(db, workspace)).toEqual([]);
}, 240_000);
