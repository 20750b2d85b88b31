import type { Database } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import type { EventTriggerMeta } from "../metadata/types.ts";
import { createEventDelivery, type EventDeliveryDeps } from "./event-delivery.ts";
import { redeliverEvent } from "./event-commands.ts";
import { createEventStore, type OutboxEvent } from "./event-store.ts";

export interface FireEventDeps extends Omit<EventDeliveryDeps, "store"> {
  readonly database: Database;
  readonly triggerOf: (name: string) => EventTriggerMeta | undefined;
}

const lockOne = async (database: Database, id: string, now: Date): Promise<OutboxEvent> => {
  const [row] = await database.query<OutboxEvent>(
    `update hdb_catalog.event_log
     set locked = $2::timestamptz
     where id = $1
     returning id,
       schema_name as schema,
       table_name as "table",
       trigger_name as trigger,
       payload::text as payload,
       tries,
       to_json(created_at) #>> '{}' as "createdAt"`,
    [id, now.toISOString()],
  );
  if (row === undefined) throw new HasuraError({ message: "event not found", code: "not-exists" });
  return row;
};

/** Delivers one event of the outbox now, whatever became of it and whatever else is waiting. */
export const createEventFiring = (deps: FireEventDeps): ((id: string) => Promise<void>) => {
  const { database, clock, triggerOf } = deps;
  const store = createEventStore({ database, clock });
  const deliver = createEventDelivery({ ...deps, store });
  return async (id) => {
    await redeliverEvent(database, id);
    const event = await lockOne(database, id, clock.now());
    const trigger = triggerOf(event.trigger);
    if (trigger === undefined) {
      await store.unlock([id]);
      throw new HasuraError({
        message: `event trigger "${event.trigger}" does not exist`,
        code: "not-exists",
      });
    }
    await deliver(trigger, event);
  };
};
