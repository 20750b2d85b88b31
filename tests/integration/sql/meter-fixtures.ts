import type { Queryable } from "../../../src/core/index.ts";
import type { Workspace } from "../../support/workspaces.ts";

export const addChannels = async (
  db: Queryable,
  workspace: Workspace,
  count: number,
): Promise<readonly string[]> => {
  const rows = await db.query<{ id: string }>(
    "insert into public.channels (workspace_id, name, created_by) select $1, gen_random_uuid()::text, $2 from generate_series(1, $3::int) returning id",
    [workspace.id, workspace.owner, count],
  );
  return rows.map(({ id }) => id);
};

export const addMessages = async (
  db: Queryable,
  workspace: Workspace,
  channel: string,
  count: number,
): Promise<readonly string[]> => {
  const rows = await db.query<{ id: string }>(
    "insert into public.messages (workspace_id, channel_id, user_id, body, created_at) select $1, $2, $3, 'hello', '2001-01-01' from generate_series(1, $4::int) returning id",
    [workspace.id, channel, workspace.owner, count],
  );
  return rows.map(({ id }) => id);
};

export const addFile = async (db: Queryable, workspace: Workspace, bytes: number): Promise<string> => {
  const [row] = await db.query<{ id: string }>(
    "insert into public.files (workspace_id, uploader_id, name, size_bytes, status) values ($1, $2, 'a.bin', $3, 'pending') returning id",
    [workspace.id, workspace.owner, bytes],
  );
  if (row === undefined) throw new Error("no file was inserted");
  return row.id;
};

/** What the counters say: the gauge, or the present period of a counter; 0 without a row. */
export const used = async (db: Queryable, workspace: Workspace, metric: string): Promise<number> => {
  const [row] = await db.query<{ used: string }>(
    `select coalesce(sum(c.used), 0) as used
     from usage.counter_totals c
     where c.workspace_id = $1
       and c.metric = $2
       and c.period_start in ('-infinity', (select p.period_start from usage.period($1) p))`,
    [workspace.id, metric],
  );
  return Number(row?.used);
};

/** Drifts of one workspace, as a recount without repair finds them. */
export const drifts = async (db: Queryable, workspace: Workspace): Promise<readonly string[]> => {
  const rows = await db.query<{ metric: string; drift: string }>(
    "select metric, drift from usage.reconcile($1, false)",
    [workspace.id],
  );
  return rows.map(({ metric, drift }) => `${metric} ${drift}`);
};

/** SQLSTATE and message of the error that a statement must end with. */
export const refusal = async (work: Promise<unknown>): Promise<{ code: string; message: string }> => {
  try {
    await work;
  } catch (error) {
    let cause: unknown = error;
    while (cause instanceof Error) {
      const code = (cause as Error & { code?: unknown }).code;
      if (typeof code === "string" && /^[0-9A-Z]{5}$/u.test(code)) return { code, message: cause.message };
      cause = cause.cause;
    }
    throw error;
  }
  throw new Error("the statement was not refused");
};
