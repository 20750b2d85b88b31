import type { Database } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import { scheduledTables } from "./scheduled-rows.ts";

export type ScheduledKind =
  { readonly type: "one_off" } | { readonly type: "cron"; readonly triggerName?: string };

export interface Page {
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  readonly count: boolean;
}

export interface ListedRows {
  readonly rows: readonly unknown[];
  /** Of all rows, whatever the page; only when asked for. */
  readonly count: number | undefined;
}

export type ScheduledStatus = "scheduled" | "locked" | "delivered" | "error" | "dead";

const triggerNameOf = (kind: ScheduledKind): string | null =>
  kind.type === "cron" ? (kind.triggerName ?? null) : null;

const list = async (
  database: Database,
  from: string,
  order: string,
  values: readonly unknown[],
  { limit, offset, count }: Page,
): Promise<ListedRows> => {
  const next = values.length;
  const rows = await database.query<{ readonly row: unknown }>(
    `select row_to_json(listed) as row
     ${from}
     order by ${order}
     limit $${String(next + 1)}
     offset $${String(next + 2)}`,
    [...values, limit ?? null, offset ?? 0],
  );
  const [total] = count
    ? await database.query<{ readonly count: number }>(`select count(*)::int as count ${from}`, values)
    : [];
  return { rows: rows.map(({ row }) => row), count: total?.count };
};

/** The events of one kind by their time. */
export const listScheduledEvents = (
  database: Database,
  kind: ScheduledKind,
  statuses: readonly ScheduledStatus[],
  page: Page,
): Promise<ListedRows> => {
  const values: unknown[] = [statuses];
  const filters = ["($1::text[] = '{}' or listed.status = any($1::text[]))"];
  const name = triggerNameOf(kind);
  if (name !== null) {
    values.push(name);
    filters.push("listed.trigger_name = $2");
  }
  const from = `from ${scheduledTables[kind.type].events} listed where ${filters.join(" and ")}`;
  return list(database, from, "listed.scheduled_time, listed.id", values, page);
};

/** Tries to deliver events of one kind, the latest first: all of them, a cron trigger's, or those of one event. */
export const listScheduledInvocations = (
  database: Database,
  kind: ScheduledKind,
  eventId: string | undefined,
  page: Page,
): Promise<ListedRows> => {
  const { events, logs } = scheduledTables[kind.type];
  const name = triggerNameOf(kind);
  const values: unknown[] = [eventId ?? null];
  const filters = ["($1::text is null or listed.event_id = $1)"];
  if (name !== null) {
    values.push(name);
    filters.push(
      `exists (select from ${events} event where event.id = listed.event_id and event.trigger_name = $2)`,
    );
  }
  const from = `from ${logs} listed where ${filters.join(" and ")}`;
  return list(database, from, "listed.created_at desc, listed.id", values, page);
};

export const deleteScheduledEvent = async (
  database: Database,
  type: ScheduledKind["type"],
  id: string,
): Promise<void> => {
  const gone = await database.query(
    `delete from ${scheduledTables[type].events} where id = $1 returning id`,
    [id],
  );
  if (gone.length > 0) return;
  throw new HasuraError({
    message: `scheduled event with id "${id}" does not exist`,
    code: "not-found",
    path: "$.args.event_id",
  });
};
