import type { Database } from "../../core/index.ts";
import type { Outcomes } from "./deliver-once.ts";
import type { Invocation } from "./scheduled-rows.ts";

export interface OutboxEvent {
  readonly id: string;
  readonly schema: string;
  readonly table: string;
  readonly trigger: string;
  /** JSON text, as it goes to the webhook. */
  readonly payload: string;
  readonly tries: number;
  /** Without a zone, as Hasura writes it. */
  readonly createdAt: string;
}

/** The outbox that triggers write into, in Hasura's tables. */
export interface EventStore extends Outcomes<OutboxEvent> {
  /** Locks what is due, so that no other engine delivers it; a lock older than half an hour is nobody's. */
  take(triggers: readonly string[], limit: number, now: Date): Promise<readonly OutboxEvent[]>;
  unlock(ids: readonly string[]): Promise<void>;
  unlockAll(): Promise<void>;
}

interface EventRow {
  readonly id: string;
  readonly schema_name: string;
  readonly table_name: string;
  readonly trigger_name: string;
  readonly payload: string;
  readonly tries: number;
  readonly created_at: string;
}

export const createEventStore = (database: Database): EventStore => {
  /** One round trip: hundreds at once wait for each other's sessions. */
  const settle = (
    event: OutboxEvent,
    invocation: Invocation,
    change: string,
    values: readonly string[] = [],
  ): Promise<void> =>
    database.batch(
      [
        {
          text: `insert into hdb_catalog.event_invocation_logs (trigger_name, event_id, status, request, response)
           values ($1, $2, $3, $4::json, $5::json)`,
          values: [
            event.trigger,
            event.id,
            invocation.status === null ? null : String(invocation.status),
            invocation.request,
            invocation.response,
          ],
          name: "engine_log_event",
        },
        {
          text: `update hdb_catalog.event_log
           set tries = tries + 1, locked = null, ${change}
           where id = $1`,
          values: [event.id, ...values],
        },
      ],
      () => undefined,
    );

  return {
    take: async (triggers, limit, now) => {
      const rows = await database.query<EventRow>(
        `update hdb_catalog.event_log event
         set locked = $3::timestamptz
         from (
           select id
           from hdb_catalog.event_log
           where delivered = false
             and error = false
             and archived = false
             and trigger_name = any($1::text[])
             and (locked is null or locked < $3::timestamptz - interval '30 minutes')
             and (next_retry_at is null or next_retry_at <= $3::timestamptz at time zone 'UTC')
           order by locked nulls first, next_retry_at nulls first, created_at
           limit $2
           for update skip locked
         ) due
         where event.id = due.id
         returning
           event.id,
           event.schema_name,
           event.table_name,
           event.trigger_name,
           event.payload::text as payload,
           event.tries,
           to_json(event.created_at) #>> '{}' as created_at`,
        [triggers, limit, now.toISOString()],
        { name: "engine_take_events" },
      );
      return rows
        .map((row) => ({
          id: row.id,
          schema: row.schema_name,
          table: row.table_name,
          trigger: row.trigger_name,
          payload: row.payload,
          tries: row.tries,
          createdAt: row.created_at,
        }))
        .sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
    },
    unlock: async (ids) => {
      await database.query("update hdb_catalog.event_log set locked = null where id = any($1::text[])", [
        ids,
      ]);
    },
    unlockAll: async () => {
      await database.query(
        `update hdb_catalog.event_log
         set locked = null
         where locked is not null and delivered = false and error = false and archived = false`,
      );
    },
    delivered: (event, invocation) =>
      settle(event, invocation, "delivered = true, error = false, next_retry_at = null"),
    failed: (event, invocation) => settle(event, invocation, "error = true, next_retry_at = null"),
    retryAt: (event, moment, invocation) =>
      settle(event, invocation, "next_retry_at = $2::timestamptz at time zone 'UTC'", [moment.toISOString()]),
  };
};
