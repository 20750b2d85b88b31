import type { Database } from "../../core/index.ts";
import { headerDocument, headers as readHeaders, scheduledRetry } from "../metadata/normalise-webhooks.ts";
import type { HeaderDocument, ScheduledRetryDocument } from "../metadata/shape-webhooks.ts";
import type { HeaderMeta, ScheduledRetry } from "../metadata/types.ts";
import { createScheduledRows, epoch, scheduledTables, type ScheduledRows, toDate } from "./scheduled-rows.ts";

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
export interface ScheduledStore extends ScheduledRows {
  add(event: NewScheduledEvent): Promise<string>;
  /** Locks what is due, so that no other engine delivers it. */
  take(limit: number, now: Date): Promise<readonly ScheduledEvent[]>;
}

interface EventRow {
  readonly id: string;
  readonly webhook: string;
  readonly scheduled_time: string;
  readonly created_at: string;
  readonly retry: ScheduledRetryDocument;
  readonly payload: string | null;
  readonly headers: readonly HeaderDocument[] | null;
  readonly tries: number;
  readonly comment: string | null;
}

const eventOf = (row: EventRow): ScheduledEvent => ({
  id: row.id,
  webhook: row.webhook,
  scheduledTime: toDate(row.scheduled_time),
  createdAt: toDate(row.created_at),
  payload: row.payload ?? "null",
  headers: readHeaders(row.headers),
  retry: scheduledRetry(row.retry),
  tries: row.tries,
  comment: row.comment,
});

export const createScheduledStore = (database: Database): ScheduledStore => ({
  ...createScheduledRows(database, scheduledTables.one_off),
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
          retry_interval_seconds: retry.intervalSeconds,
          timeout_seconds: retry.timeoutSeconds,
          tolerance_seconds: retry.toleranceSeconds,
        }),
        JSON.stringify(headers.map(headerDocument)),
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
});
