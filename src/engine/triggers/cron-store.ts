import { type Database, ensureHdbCatalog } from "../../core/index.ts";
import { createScheduledRows, epoch, scheduledTables, type ScheduledRows, toDate } from "./scheduled-rows.ts";

export interface CronEvent {
  readonly id: string;
  readonly triggerName: string;
  readonly scheduledTime: Date;
  readonly tries: number;
}

/** The events of cron triggers, in the tables and states that Hasura keeps them in. */
export interface CronStore extends ScheduledRows {
  prepare(): Promise<void>;
  /** Untried events after `now`, in order of time. */
  upcoming(trigger: string, now: Date): Promise<readonly Date[]>;
  latest(trigger: string): Promise<Date | undefined>;
  add(trigger: string, times: readonly Date[]): Promise<void>;
  /** Drops untried events after `now`: of one trigger, or of all that are not in the list. */
  dropUpcoming(trigger: string, now: Date): Promise<void>;
  dropUnknown(triggers: readonly string[], now: Date): Promise<void>;
  /** Locks what is due, so that no other engine delivers it. */
  takeDue(triggers: readonly string[], now: Date): Promise<readonly CronEvent[]>;
  /** An event of any time that this engine holds already, whether or not there is one of that time. */
  addLocked(trigger: string, time: Date): Promise<CronEvent>;
  lastResponse(id: string): Promise<unknown>;
}

interface EventRow {
  readonly id: string;
  readonly trigger_name: string;
  readonly scheduled_time: string;
  readonly tries: number;
}

interface TimeRow {
  readonly at: string | null;
}

export const createCronStore = (database: Database): CronStore => ({
  ...createScheduledRows(database, scheduledTables.cron),
  prepare: async () => {
    await database.transaction(async (tx) => {
      await ensureHdbCatalog(tx);
    });
  },
  upcoming: async (trigger, now) => {
    const rows = await database.query<{ readonly at: string }>(
      `select ${epoch("scheduled_time")} as at
         from hdb_catalog.hdb_cron_events
         where trigger_name = $1 and status = 'scheduled' and tries = 0 and scheduled_time > $2::timestamptz
         order by scheduled_time`,
      [trigger, now.toISOString()],
    );
    return rows.map((row) => toDate(row.at));
  },
  latest: async (trigger) => {
    const [row] = await database.query<TimeRow>(
      `select ${epoch("max(scheduled_time)")} as at from hdb_catalog.hdb_cron_events where trigger_name = $1`,
      [trigger],
    );
    return row?.at === null || row?.at === undefined ? undefined : toDate(row.at);
  },
  add: async (trigger, times) => {
    // An event that was delivered already must not come back under another id.
    await database.query(
      `insert into hdb_catalog.hdb_cron_events (trigger_name, scheduled_time)
         select $1, wanted.at
         from unnest($2::timestamptz[]) as wanted(at)
         where not exists (
           select from hdb_catalog.hdb_cron_events present
           where present.trigger_name = $1 and present.scheduled_time = wanted.at
         )
         on conflict do nothing`,
      [trigger, times.map((time) => time.toISOString())],
    );
  },
  dropUpcoming: async (trigger, now) => {
    await database.query(
      `delete from hdb_catalog.hdb_cron_events
         where trigger_name = $1 and status = 'scheduled' and tries = 0 and scheduled_time > $2::timestamptz`,
      [trigger, now.toISOString()],
    );
  },
  dropUnknown: async (triggers, now) => {
    await database.query(
      `delete from hdb_catalog.hdb_cron_events
         where trigger_name <> all($1::text[]) and status = 'scheduled' and tries = 0 and scheduled_time > $2::timestamptz`,
      [triggers, now.toISOString()],
    );
  },
  takeDue: async (triggers, now) => {
    const rows = await database.query<EventRow>(
      `update hdb_catalog.hdb_cron_events event
         set status = 'locked'
         from (
           select id
           from hdb_catalog.hdb_cron_events
           where trigger_name = any($1::text[])
             and status = 'scheduled'
             and scheduled_time <= $2::timestamptz
             and (next_retry_at is null or next_retry_at <= $2::timestamptz)
           order by scheduled_time
           for update skip locked
         ) due
         where event.id = due.id
         returning event.id, event.trigger_name, ${epoch("event.scheduled_time")} as scheduled_time, event.tries`,
      [triggers, now.toISOString()],
    );
    return rows.map((row) => ({
      id: row.id,
      triggerName: row.trigger_name,
      scheduledTime: toDate(row.scheduled_time),
      tries: row.tries,
    }));
  },
  addLocked: async (trigger, time) => {
    const [row] = await database.query<{ readonly id: string }>(
      `insert into hdb_catalog.hdb_cron_events (trigger_name, scheduled_time, status)
         values ($1, $2::timestamptz, 'locked')
         returning id`,
      [trigger, time.toISOString()],
    );
    return { id: row?.id ?? "", triggerName: trigger, scheduledTime: time, tries: 0 };
  },
  lastResponse: async (id) => {
    const [row] = await database.query<{ readonly response: unknown }>(
      `select response
         from hdb_catalog.hdb_cron_event_invocation_logs
         where event_id = $1
         order by created_at desc
         limit 1`,
      [id],
    );
    return row?.response;
  },
});
