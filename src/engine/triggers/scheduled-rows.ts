import type { Database } from "../../core/index.ts";
import type { Outcomes } from "./deliver-once.ts";

/** One-off events have a table, the events of all cron triggers another. */
export const scheduledTables = {
  one_off: {
    events: "hdb_catalog.hdb_scheduled_events",
    logs: "hdb_catalog.hdb_scheduled_event_invocation_logs",
  },
  cron: { events: "hdb_catalog.hdb_cron_events", logs: "hdb_catalog.hdb_cron_event_invocation_logs" },
} as const;

/** One line of an invocation log; request and response are JSON text. */
export interface Invocation {
  readonly status: number | null;
  readonly request: string;
  readonly response: string;
}

export interface LockedEvent {
  readonly id: string;
  readonly tries: number;
}

/** What becomes of an event that is locked; the same for one-off events and for those of cron triggers. */
export interface ScheduledRows extends Outcomes<LockedEvent> {
  unlockAll(): Promise<void>;
  unlock(ids: readonly string[]): Promise<void>;
  markDead(id: string): Promise<void>;
}

/** Epoch seconds as text: independent of how the driver and the session render times. */
export const epoch = (column: string): string => `extract(epoch from ${column})::text`;
export const toDate = (seconds: string): Date => new Date(Math.round(Number(seconds) * 1000));

export const createScheduledRows = (
  database: Database,
  { events, logs }: (typeof scheduledTables)[keyof typeof scheduledTables],
): ScheduledRows => {
  const logged = (
    id: string,
    change: string,
    values: readonly unknown[],
    invocation: Invocation,
  ): Promise<void> =>
    database.transaction(async (tx) => {
      await tx.query(
        `insert into ${logs} (event_id, status, request, response)
         values ($1, $2, $3::json, $4::json)`,
        [id, invocation.status, invocation.request, invocation.response],
      );
      await tx.query(
        `update ${events}
         set tries = tries + 1, ${change}
         where id = $1`,
        [id, ...values],
      );
    });

  return {
    unlockAll: async () => {
      await database.query(`update ${events} set status = 'scheduled' where status = 'locked'`);
    },
    unlock: async (ids) => {
      await database.query(
        `update ${events}
         set status = 'scheduled'
         where status = 'locked' and id = any($1::text[])`,
        [ids],
      );
    },
    markDead: async (id) => {
      await database.query(`update ${events} set status = 'dead' where id = $1`, [id]);
    },
    delivered: ({ id }, invocation) =>
      logged(id, "status = 'delivered', next_retry_at = null", [], invocation),
    failed: ({ id }, invocation) => logged(id, "status = 'error', next_retry_at = null", [], invocation),
    retryAt: ({ id }, moment, invocation) =>
      logged(id, "status = 'scheduled', next_retry_at = $2::timestamptz", [moment.toISOString()], invocation),
  };
};
