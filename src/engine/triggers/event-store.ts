import { type Clock, createCombiner, type Database } from "../../core/index.ts";
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

interface Settled {
  readonly event: OutboxEvent;
  readonly invocation: Invocation;
  readonly outcome: "delivered" | "failed" | "retry";
  readonly retryAt: Date | undefined;
}

const settleSql = `
with settled as (
  select *
  from unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
    as settled (event_id, trigger_name, status, request, response, outcome, retry_at)
),
logged as (
  insert into hdb_catalog.event_invocation_logs (trigger_name, event_id, status, request, response)
  select trigger_name, event_id, status, request::json, response::json
  from settled
)
update hdb_catalog.event_log event
set tries = tries + 1,
  locked = null,
  delivered = delivered or settled.outcome = 'delivered',
  error = case settled.outcome when 'delivered' then false when 'failed' then true else error end,
  next_retry_at = settled.retry_at at time zone 'UTC'
from settled
where event.id = settled.event_id
`;

export interface EventStoreDeps {
  readonly database: Database;
  readonly clock: Clock;
}

export const createEventStore = ({ database, clock }: EventStoreDeps): EventStore => {
  // What ends while others are written goes with the next: a burst of events is paid by its commits.
  const settling = createCombiner<Settled, true>({
    what: "settled events",
    laneOf: () => "all",
    clock,
    // Never given up while the database answers: the event would be sent again.
    limits: { maxCalls: 1, maxWaitMs: Number.POSITIVE_INFINITY },
    call: async (all) => {
      await database.query(
        settleSql,
        [
          all.map(({ event }) => event.id),
          all.map(({ event }) => event.trigger),
          all.map(({ invocation: { status } }) => status),
          all.map(({ invocation }) => invocation.request),
          all.map(({ invocation }) => invocation.response),
          all.map(({ outcome }) => outcome),
          all.map(({ retryAt }) => retryAt?.toISOString() ?? null),
        ],
        { name: "engine_settle_events" },
      );
      return all.map(() => true as const);
    },
  });
  const settle = async (
    event: OutboxEvent,
    invocation: Invocation,
    outcome: Settled["outcome"],
    retryAt?: Date,
  ): Promise<void> => {
    await settling.ask({ event, invocation, outcome, retryAt });
  };

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
    delivered: (event, invocation) => settle(event, invocation, "delivered"),
    failed: (event, invocation) => settle(event, invocation, "failed"),
    retryAt: (event, moment, invocation) => settle(event, invocation, "retry", moment),
  };
};
