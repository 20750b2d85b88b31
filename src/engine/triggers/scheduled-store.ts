import type { Database } from "../../core/index.ts";
import type { HeaderMeta } from "../metadata/types.ts";
import type { Invocation } from "./cron-store.ts";

export interface ScheduledRetry {
  readonly numRetries: number;
  readonly retryIntervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly toleranceSeconds: number;
}

/** A call of one webhook at one time. */
export interface NewScheduledEvent {
  /** A URL with `{{NAME}}`. */
  readonly webhook: string;
  readonly scheduledTime: Date;
  /** JSON text. */
  readonly payload: string;
  readonly headers: readonly HeaderMeta[];
  readonly retry: ScheduledRetry;
  readonly comment: string | null;
}

export interface ScheduledEvent extends NewScheduledEvent {
  readonly id: string;
  readonly tries: number;
  readonly createdAt: Date;
}

/** One-off events, in the table and the states that Hasura keeps them in. */
export interface ScheduledStore {
  add(event: NewScheduledEvent): Promise<string>;
  /** Locks what is due, so that no other engine delivers it. */
  take(limit: number, now: Date): Promise<readonly ScheduledEvent[]>;
  unlock(ids: readonly string[]): Promise<void>;
  unlockAll(): Promise<void>;
  markDead(id: string): Promise<void>;
  settle(id: string, status: "delivered" | "error", invocation: Invocation): Promise<void>;
  retryAt(id: string, moment: Date, invocation: Invocation): Promise<void>;
}

type HeaderRow = { readonly name: string; readonly value?: string; readonly value_from_env?: string };

interface RetryRow {
  readonly num_retries?: number;
  readonly retry_interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly tolerance_seconds?: number;
}

interface EventRow {
  readonly id: string;
  readonly webhook: string;
  readonly scheduled_time: string;
  readonly created_at: string;
  readonly retry: RetryRow | null;
  readonly payload: string | null;
  readonly headers: readonly HeaderRow[] | null;
  readonly tries: number;
  readonly comment: string | null;
}

const epoch = (column: string): string => `extract(epoch from ${column})::text`;
const toDate = (seconds: string): Date => new Date(Math.round(Number(seconds) * 1000));

const headerRow = (header: HeaderMeta): HeaderRow =>
  header.valueFromEnv === undefined
    ? { name: header.name, value: header.value ?? "" }
    : { name: header.name, value_from_env: header.valueFromEnv };

const headerMeta = (row: HeaderRow): HeaderMeta =>
  row.value_from_env === undefined
    ? { name: row.name, value: row.value ?? "" }
    : { name: row.name, valueFromEnv: row.value_from_env };

/** What Hasura assumes where an event says nothing. */
export const defaultRetry: ScheduledRetry = {
  numRetries: 0,
  retryIntervalSeconds: 10,
  timeoutSeconds: 60,
  toleranceSeconds: 21_600,
};

const eventOf = (row: EventRow): ScheduledEvent => ({
  id: row.id,
  webhook: row.webhook,
  scheduledTime: toDate(row.scheduled_time),
  createdAt: toDate(row.created_at),
  payload: row.payload ?? "null",
  headers: (row.headers ?? []).map(headerMeta),
  retry: {
    numRetries: row.retry?.num_retries ?? defaultRetry.numRetries,
    retryIntervalSeconds: row.retry?.retry_interval_seconds ?? defaultRetry.retryIntervalSeconds,
    timeoutSeconds: row.retry?.timeout_seconds ?? defaultRetry.timeoutSeconds,
    toleranceSeconds: row.retry?.tolerance_seconds ?? defaultRetry.toleranceSeconds,
  },
  tries: row.tries,
  comment: row.comment,
});

export const createScheduledStore = (database: Database): ScheduledStore => {
  const logged = (
    id: string,
    change: string,
    values: readonly unknown[],
    invocation: Invocation,
  ): Promise<void> =>
    database.transaction(async (tx) => {
      await tx.query(
        `insert into hdb_catalog.hdb_scheduled_event_invocation_logs (event_id, status, request, response)
         values ($1, $2, $3::json, $4::json)`,
        [id, invocation.status, invocation.request, invocation.response],
      );
      await tx.query(
        `update hdb_catalog.hdb_scheduled_events
         set tries = tries + 1, ${change}
         where id = $1`,
        [id, ...values],
      );
    });

  return {
    add: async ({ webhook, scheduledTime, payload, headers, retry, comment }) => {
      const [row] = await database.query<{ readonly id: string }>(
        `insert into hdb_catalog.hdb_scheduled_events
           (webhook_conf, scheduled_time, payload, retry_conf, header_conf, comment)
         values ($1::json, $2::timestamptz, $3::json, $4::json, $5::json, $6)
         returning id`,
        [
          JSON.stringify(webhook),
          scheduledTime.toISOString(),
          payload,
          JSON.stringify({
            num_retries: retry.numRetries,
            retry_interval_seconds: retry.retryIntervalSeconds,
            timeout_seconds: retry.timeoutSeconds,
            tolerance_seconds: retry.toleranceSeconds,
          }),
          JSON.stringify(headers.map(headerRow)),
          comment,
        ],
      );
      if (row === undefined) throw new Error("an insert without conflict gives one row");
      return row.id;
    },
    take: async (limit, now) => {
      const rows = await database.query<EventRow>(
        `update hdb_catalog.hdb_scheduled_events event
         set status = 'locked'
         from (
           select id
           from hdb_catalog.hdb_scheduled_events
           where status = 'scheduled'
             and scheduled_time <= $2::timestamptz
             and (next_retry_at is null or next_retry_at <= $2::timestamptz)
           order by scheduled_time
           limit $1
           for update skip locked
         ) due
         where event.id = due.id
         returning
           event.id,
           event.webhook_conf #>> '{}' as webhook,
           ${epoch("event.scheduled_time")} as scheduled_time,
           ${epoch("event.created_at")} as created_at,
           event.retry_conf as retry,
           event.payload::text as payload,
           event.header_conf as headers,
           event.tries,
           event.comment`,
        [limit, now.toISOString()],
      );
      return rows.map(eventOf);
    },
    unlock: async (ids) => {
      await database.query(
        `update hdb_catalog.hdb_scheduled_events
         set status = 'scheduled'
         where status = 'locked' and id = any($1::text[])`,
        [ids],
      );
    },
    unlockAll: async () => {
      await database.query(
        "update hdb_catalog.hdb_scheduled_events set status = 'scheduled' where status = 'locked'",
      );
    },
    markDead: async (id) => {
      await database.query("update hdb_catalog.hdb_scheduled_events set status = 'dead' where id = $1", [id]);
    },
    settle: (id, status, invocation) => logged(id, "status = $2, next_retry_at = null", [status], invocation),
    retryAt: (id, moment, invocation) =>
      logged(id, "status = 'scheduled', next_retry_at = $2::timestamptz", [moment.toISOString()], invocation),
  };
};
