import type { Database } from "../core/index.ts";
import type { Engine } from "../engine/index.ts";

/** An event of the outbox. */
export interface TestEvent {
  readonly id: string;
  readonly trigger: string;
  readonly schema: string;
  readonly table: string;
  readonly operation: "INSERT" | "UPDATE" | "DELETE" | "MANUAL";
  readonly old: Readonly<Record<string, unknown>> | null;
  readonly new: Readonly<Record<string, unknown>> | null;
  readonly delivered: boolean;
  readonly tries: number;
}

/** One try. */
export interface EventDelivery {
  readonly eventId: string;
  readonly trigger: string;
  /** What the webhook answered; undefined when it could not be reached. */
  readonly status: number | undefined;
  readonly body: string | undefined;
}

export interface TestEvents {
  list(options?: { readonly delivered?: boolean }): Promise<readonly TestEvent[]>;
  deliver(): Promise<readonly EventDelivery[]>;
  fire(id: string, options?: { readonly times?: number }): Promise<readonly EventDelivery[]>;
}

interface LogRow {
  readonly id: string;
  readonly eventId: string;
  readonly trigger: string;
  readonly status: number | null;
  readonly body: string | null;
}

/** Reads the outbox and the log of tries in Hasura's own tables, so that it shows what Hasura's console would. */
export const createTestEvents = (engine: Engine, database: Database): TestEvents => {
  const tries = (): Promise<readonly LogRow[]> =>
    database.query<LogRow>(
      `select log.id,
         log.event_id as "eventId",
         event.trigger_name as trigger,
         log.status,
         log.response #>> '{data,body}' as body
       from hdb_catalog.event_invocation_logs log
       join hdb_catalog.event_log event on event.id = log.event_id
       order by log.created_at, log.id`,
    );
  const during = async (work: () => Promise<unknown>): Promise<readonly EventDelivery[]> => {
    const before = new Set((await tries()).map(({ id }) => id));
    await work();
    return (await tries())
      .filter(({ id }) => !before.has(id))
      .map(({ eventId, trigger, status, body }) => ({
        eventId,
        trigger,
        status: status ?? undefined,
        body: body ?? undefined,
      }));
  };
  return {
    list: ({ delivered = false } = {}) =>
      database.query<TestEvent>(
        `select id,
           trigger_name as trigger,
           schema_name as schema,
           table_name as "table",
           payload ->> 'op' as operation,
           payload -> 'data' -> 'old' as old,
           payload -> 'data' -> 'new' as new,
           delivered,
           tries
         from hdb_catalog.event_log
         where $1 or not delivered
         order by created_at, id`,
        [delivered],
      ),
    deliver: () => during(() => engine.events.deliver()),
    fire: (id, { times = 1 } = {}) =>
      during(async () => {
        for (let count = 0; count < times; count += 1) await engine.events.fire(id);
      }),
  };
};
