import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "@jest/globals";

import { type Database, silentLogger, systemClock } from "../../src/core/index.ts";
import { createLeases, leaseHolder } from "../../src/domain/lease/index.ts";
import {
  createDatabase,
  type EmbeddedPostgres,
  migrate,
  startEmbeddedPostgres,
} from "../../src/postgres/index.ts";
import { ask, type Asked, askOne, type Decision } from "../integration/sql/gate-support.ts";
import { addChannels, addMessages, drifts, used } from "../integration/sql/meter-fixtures.ts";
import { hasuraDir } from "../support/database.ts";
import { postmasterPid, removeData } from "../support/start-command.ts";
import { createWorkspace, setLimit, type Workspace } from "../support/workspaces.ts";

/**
 * A hot counter, whose use lies on shards, and reservations beside it, through SIGKILL of Postgres; beside them uses with keys
 * and holds that are committed, of which the unanswered are asked again, and a lease that is answered from memory.
 */

const crashes = 20;
const writers = 8;
const limit = 20_000;
/** Counted ahead by a lease at most: the step in use and the one that was drawn before it was empty. */
const oneLease = 1.5 * 100;

let folder = "";
let server: EmbeddedPostgres | undefined;
let database: Database | undefined;

const start = async (): Promise<Database> => {
  server = await startEmbeddedPostgres({ dataDir: join(folder, "postgres"), logger: silentLogger });
  database = createDatabase({
    connectionString: server.url,
    maxConnections: writers + 8,
    applicationName: "hasura-usage-test-crash-hot",
  });
  return database;
};

afterAll(async () => {
  await database?.close();
  await server?.stop();
  await removeData(folder).catch(() => rm(folder, { recursive: true, force: true }));
}, 60_000);

/** Between 20 and 83 answers a round: the same ones in each run, so that a failure comes again. */
const answersBefore = (round: number): number => 20 + ((round * 2_654_435_761) % 64);

it("keeps what was answered and counts nothing twice, twenty times", async () => {
  folder = await mkdtemp(join(tmpdir(), "hasura-usage-crash-hot-"));
  let db = await start();
  await migrate({ database: db, migrationsDir: join(hasuraDir, "migrations", "default") });
  const workspace: Workspace = await createWorkspace(db);
  await setLimit(db, workspace.id, "channels", 1);
  const channel = String((await addChannels(db, workspace, 1))[0]);
  await setLimit(db, workspace.id, "messages", limit);
  await setLimit(db, workspace.id, "ai_queries", limit);
  await setLimit(db, workspace.id, "api_calls", 10_000_000);
  /** What carries a key, or settles a hold, with its first answer. */
  const keyed = new Map<string, { readonly request: Asked; answer: Decision | undefined }>();
  const leased = { asked: 0, answered: 0 };
  const kept = new Set<string>();
  const held = new Set<string>();
  const released = new Set<string>();

  for (let round = 1; round <= crashes; round += 1) {
    await db.query("select usage.split_counter($1, 'messages', 16)", [workspace.id]);
    const target = kept.size + answersBefore(round);
    const asked = keyed.size;
    let killed = false;
    /** Runs until the crash; what was not answered is nobody's. */
    const untilKilled = async (work: (turn: number) => Promise<void>): Promise<void> => {
      for (let turn = 0; !killed; turn += 1) {
        try {
          await work(turn);
        } catch (error) {
          if (!killed) throw error;
        }
      }
    };
    const writer = (index: number): Promise<void> =>
      untilKilled(async (turn) => {
        const ids = await db.transaction(async (tx) => {
          const first = await addMessages(tx, workspace, channel, 1 + ((turn + index) % 3));
          return index % 4 === 0 ? [...first, ...(await addMessages(tx, workspace, channel, 1))] : first;
        });
        for (const id of ids) kept.add(id);
      });
    const holder = untilKilled(async (turn) => {
      const answer = await askOne(db, {
        op: "reserve",
        workspaceId: workspace.id,
        metric: "messages",
        amount: 3,
        ttlSeconds: 3_600,
      });
      const reservationId = answer.reservationId ?? "";
      held.add(reservationId);
      if (turn % 4 === 0) return;
      held.delete(reservationId);
      await ask(db, [{ op: "release", workspaceId: workspace.id, reservationId }]);
      released.add(reservationId);
    });
    const once = async (name: string, request: Asked): Promise<Decision> => {
      const entry = {
        request: { workspaceId: workspace.id, ...request },
        answer: undefined as Decision | undefined,
      };
      keyed.set(name, entry);
      entry.answer = await askOne(db, entry.request);
      return entry.answer;
    };
    const user = (): Promise<void> =>
      untilKilled(async (turn) => {
        const idempotencyKey = randomUUID();
        await once(idempotencyKey, {
          op: "consume",
          metric: "ai_queries",
          amount: 1 + (turn % 3),
          idempotencyKey,
        });
      });
    const committer = untilKilled(async (turn) => {
      const idempotencyKey = randomUUID();
      const { reservationId } = await once(idempotencyKey, {
        op: "reserve",
        metric: "ai_queries",
        amount: 3,
        ttlSeconds: 3_600,
        idempotencyKey,
      });
      if (turn % 4 !== 0)
        await once(reservationId ?? "", { op: "commit", reservationId, amount: 1 + (turn % 3) });
    });
    const leases = createLeases({
      database: db,
      clock: systemClock,
      logger: silentLogger,
      holder: leaseHolder(),
      settings: { maxStep: 100 },
    });
    const leaser = untilKilled(async () => {
      leased.asked += 1;
      const { allowed } = await leases.take(workspace.id, "api_calls", 1);
      if (allowed) leased.answered += 1;
      // Memory answers at once: the others have to get their turn.
      await new Promise((resolve) => setImmediate(resolve));
    });
    const killer = (async () => {
      const pid = await postmasterPid(folder);
      while (kept.size < target) await new Promise((resolve) => setImmediate(resolve));
      killed = true;
      process.kill(pid, "SIGKILL");
    })();
    await Promise.all([
      killer,
      holder,
      committer,
      leaser,
      ...[user(), user(), user()],
      ...Array.from({ length: writers }, (_, index) => writer(index)),
    ]);
    await db.close();

    db = await start();
    const rows = await db.query<{ id: string }>("select id from public.messages where workspace_id = $1", [
      workspace.id,
    ]);
    const present = new Set(rows.map(({ id }) => id));
    expect([...kept].filter((id) => !present.has(id))).toEqual([]);
    expect(await used(db, workspace, "messages")).toBe(rows.length);
    expect(await drifts(db, workspace)).toEqual([]);

    for (const { request, answer } of [...keyed.values()].slice(asked))
      if (answer !== undefined) expect(await askOne(db, request)).toEqual(answer);
    for (const entry of keyed.values()) entry.answer ??= await askOne(db, entry.request);
    const answers = [...keyed.values()].filter(({ request }) => request["op"] !== "reserve");
    expect(await used(db, workspace, "ai_queries")).toBe(
      answers.reduce((sum, { answer }) => sum + (answer?.granted ?? 0), 0),
    );
    expect(await used(db, workspace, "api_calls")).toBeGreaterThanOrEqual(leased.answered);
    expect(await used(db, workspace, "api_calls")).toBeLessThanOrEqual(leased.asked + round * oneLease);
    expect(await drifts(db, workspace)).toEqual([]);
    const reservations = await db.query<{ id: string; status: string }>(
      "select id, status from usage.reservations where workspace_id = $1 and metric = 'messages'",
      [workspace.id],
    );
    const statusOf = new Map(reservations.map(({ id, status }) => [id, status]));
    expect([...held].filter((id) => statusOf.get(id) !== "held")).toEqual([]);
    expect([...released].filter((id) => statusOf.get(id) !== "released")).toEqual([]);
  }

  for (const { request, answer } of keyed.values()) expect(await askOne(db, request)).toEqual(answer);

  // All that is held comes back, and exactly the limit gets in.
  expect(held.size).toBeGreaterThan(0);
  const open = await db.query<{ id: string }>(
    "select id from usage.reservations where workspace_id = $1 and status = 'held' and lease_holder is null",
    [workspace.id],
  );
  await ask(
    db,
    open.map(({ id }) => ({ op: "release", workspaceId: workspace.id, reservationId: id })),
  );
  // A lease is nobody's to release: it ends by its time.
  await db.query(
    "update usage.reservations set expires_at = clock_timestamp() - interval '1 millisecond' where workspace_id = $1 and lease_holder is not null",
    [workspace.id],
  );
  for (const metric of ["ai_queries", "api_calls"])
    expect(await askOne(db, { op: "check", workspaceId: workspace.id, metric })).toMatchObject({
      reserved: 0,
    });
  const left = limit - (await used(db, workspace, "messages"));
  expect(
    await askOne(db, { op: "check", workspaceId: workspace.id, metric: "messages", amount: left }),
  ).toMatchObject({ allowed: true, reserved: 0, remaining: left });
  await addMessages(db, workspace, channel, left);
  await expect(addMessages(db, workspace, channel, 1)).rejects.toMatchObject({ code: "23U01" });
  expect(await used(db, workspace, "messages")).toBe(limit);
  expect(await drifts(db, workspace)).toEqual([]);
}, 240_000);
