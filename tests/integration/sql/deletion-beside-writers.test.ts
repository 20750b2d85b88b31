import { afterAll, beforeAll, expect, it } from "@jest/globals";

import type { Queryable } from "../../../src/core/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";
import { addChannels, addFile, refusal } from "./meter-fixtures.ts";

let test: TestDatabase;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
}, 60_000);
afterAll(async () => {
  await test.drop();
});

type Writer = (db: Queryable, workspace: Workspace) => Promise<unknown>;

const ask = (db: Queryable, request: Record<string, unknown>): Promise<readonly unknown[]> =>
  db.query("select usage.gate_many($1::jsonb)", [JSON.stringify([request])]);

const writers: readonly (readonly [string, Writer])[] = [
  ["rows of a gauge", (db, workspace) => addChannels(db, workspace, 1)],
  ["rows of several metrics", (db, workspace) => addFile(db, workspace, 1)],
  [
    "an update of the amount",
    (db, { id }) =>
      db.query("update public.files set size_bytes = size_bytes + 1 where workspace_id = $1", [id]),
  ],
  [
    "a consume of the gate",
    (db, { id }) => ask(db, { op: "consume", workspaceId: id, metric: "ai_queries", amount: 1 }),
  ],
  [
    "a reservation",
    (db, { id }) => ask(db, { op: "reserve", workspaceId: id, metric: "ai_queries", amount: 1 }),
  ],
  [
    "a commit",
    async (db, { id }) => {
      const [held] = await db.query<{ readonly id: string }>(
        "select id from usage.reservations where workspace_id = $1 and status = 'held' limit 1",
        [id],
      );
      if (held !== undefined) await ask(db, { op: "commit", workspaceId: id, reservationId: held.id });
    },
  ],
  ["a reconciliation", (db, { id }) => db.query("select from usage.reconcile($1)", [id])],
];

/** The error that a writer may get for a deleted workspace: foreign_key_violation. */
const gone = "23503";

it("deletion of a workspace does not deadlock with any kind of writer", async () => {
  const db = test.database;
  const heard = new Set<string>();
  for (let round = 0; round < 20; round += 1) {
    const doomed = await createWorkspace(db);
    for (const metric of ["channels", "storage_bytes", "files_uploaded", "uploaded_bytes", "ai_queries"])
      await setLimit(db, doomed.id, metric, null);
    await addFile(db, doomed, 100);
    const running = [...writers, ...writers].map(async ([name, write]) => {
      for (let count = 0; count < 5; count += 1) {
        try {
          await write(db, doomed);
        } catch (error) {
          const { code } = await refusal(Promise.reject(error as Error));
          if (code !== gone) heard.add(`${name}: ${code}`);
        }
      }
    });
    await db.query("delete from public.workspaces where id = $1", [doomed.id]);
    await Promise.all(running);
    expect(await db.query("select metric from usage.counters where workspace_id = $1", [doomed.id])).toEqual(
      [],
    );
  }
  expect([...heard]).toEqual([]);
}, 120_000);
