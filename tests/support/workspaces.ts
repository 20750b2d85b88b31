import { randomUUID } from "node:crypto";

import type { Queryable } from "../../src/core/index.ts";

export interface Workspace {
  readonly id: string;
  readonly owner: string;
}

/** A workspace of its own on the free plan, so that tests of one database do not meet. */
export const createWorkspace = async (db: Queryable): Promise<Workspace> => {
  const owner = randomUUID();
  const id = randomUUID();
  await db.query("insert into public.users (id, email, display_name) values ($1, $2, 'Owner')", [
    owner,
    `${owner}@example.com`,
  ]);
  await db.query("insert into public.workspaces (id, name, slug, owner_id) values ($1, 'Test', $2, $3)", [
    id,
    `test-${id}`,
    owner,
  ]);
  return { id, owner };
};

/** Sets a limit for one workspace; null is unlimited. */
export const setLimit = async (
  db: Queryable,
  workspaceId: string,
  metric: string,
  value: number | null,
): Promise<void> => {
  await db.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, ends_at, reason) values ($1, $2, $3, now() - interval '1 hour', null, 'test')",
    [workspaceId, metric, value],
  );
};
