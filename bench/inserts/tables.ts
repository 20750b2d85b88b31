import { randomUUID } from "node:crypto";

import type { Database } from "../../src/core/index.ts";

const limit = 1_000_000_000;

/** The same table four times: without a meter, with ours, and with the two triggers that come to mind first. */
export const tables = ["unmetered", "metered", "row trigger", "select for update"] as const;
export type Table = (typeof tables)[number];

const nameOf = (table: Table): string => `bench.${table.replaceAll(" ", "_")}`;

/** Workspaces with a hard limit that no round reaches, and the tables. */
export const fillInsertData = async (database: Database, count: number): Promise<readonly string[]> => {
  const ids = Array.from({ length: count }, () => randomUUID());
  await database.query(
    "insert into public.workspaces (id, name) select id, 'Bench' from unnest($1::uuid[]) as id",
    [ids],
  );
  await database.query(
    "insert into billing.limit_overrides (workspace_id, metric, limit_value, starts_at, reason) select id, 'messages', $2, now() - interval '1 hour', 'bench' from unnest($1::uuid[]) as id",
    [ids, limit],
  );
  await database.query("create schema bench");
  for (const table of tables)
    await database.query(
      `create table ${nameOf(table)} (
         id uuid primary key default gen_random_uuid(),
         workspace_id uuid not null references public.workspaces (id),
         body text not null,
         created_at timestamptz not null default now()
       )`,
    );
  await database.query("select usage.attach_meter('bench.metered', 'messages')");
  await database.query(
    "create table bench.counters (kind text, workspace_id uuid, used bigint not null, limit_value bigint not null, primary key (kind, workspace_id))",
  );
  await database.query(
    "insert into bench.counters select kind, id, 0, $2 from unnest($1::uuid[]) as id, unnest(array['row_trigger', 'select_for_update']) as kind",
    [ids, limit],
  );
  await database.query(
    `create function bench.count_row() returns trigger language plpgsql as $$
     begin
       update bench.counters
       set used = used + 1
       where kind = tg_table_name
         and workspace_id = new.workspace_id
         and used < limit_value;
       if not found then
         raise exception 'limit reached';
       end if;
       return new;
     end $$`,
  );
  await database.query(
    `create function bench.look_and_count_row() returns trigger language plpgsql as $$
     declare
       present bench.counters;
     begin
       select * into present from bench.counters where kind = tg_table_name and workspace_id = new.workspace_id for update;
       if present.used >= present.limit_value then
         raise exception 'limit reached';
       end if;
       update bench.counters set used = used + 1 where kind = tg_table_name and workspace_id = new.workspace_id;
       return new;
     end $$`,
  );
  await database.query(
    "create trigger count before insert on bench.row_trigger for each row execute function bench.count_row()",
  );
  await database.query(
    "create trigger count before insert on bench.select_for_update for each row execute function bench.look_and_count_row()",
  );
  await database.query("analyze");
  return ids;
};

/** Rows a second that so many clients insert, each statement with the workspaces that `next` gives. */
export const insertFor = async (
  database: Database,
  table: Table,
  next: () => readonly string[],
  options: { readonly clients: number; readonly durationMs: number },
): Promise<number> => {
  const text = `insert into ${nameOf(table)} (workspace_id, body) select id, 'hello' from unnest($1::uuid[]) as id`;
  const name = `insert-${table.replaceAll(" ", "-")}`;
  const from = performance.now();
  let rows = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - from < options.durationMs) {
      const ids = next();
      await database.query(text, [ids], { name });
      rows += ids.length;
    }
  };
  await Promise.all(Array.from({ length: options.clients }, client));
  return (rows * 1_000) / (performance.now() - from);
};

/** Fails where a counter is not what the rows say. */
export const checkExact = async (database: Database): Promise<void> => {
  const off = await database.query<{ workspace: string; rows: string; used: string }>(
    `select r.workspace_id as workspace, r.rows, coalesce(t.used, 0) as used
     from (select workspace_id, count(*) as rows from bench.metered group by workspace_id) r
     left join usage.counter_totals t on t.workspace_id = r.workspace_id and t.metric = 'messages'
     where r.rows <> coalesce(t.used, 0)`,
  );
  const drifts = await database.query("select 1 from usage.reconcile(null, false)");
  if (off.length > 0 || drifts.length > 0)
    throw new Error(
      `${String(off.length)} counters differ from their rows, ${String(drifts.length)} from their recount`,
    );
};
