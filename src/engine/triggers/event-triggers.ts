import type { Catalog } from "../catalog/types.ts";
import { HasuraError } from "../errors.ts";
import type { Raw } from "../json/index.ts";
import { qualifiedKey, type EventTriggerMeta, type Metadata, type TableMeta } from "../metadata/types.ts";
import type { SessionVariables } from "../transforms/index.ts";
import { invokeEventTrigger, redeliverEvent } from "./event-commands.ts";
import { outboxTriggers } from "./event-trigger-sql.ts";
import { createEventFiring } from "./fire-event.ts";
import {
  createEventWorker,
  type EventWorker,
  type EventWorkerDeps,
  type InstalledTrigger,
} from "./event-worker.ts";

/** Event triggers of the present metadata: the outbox in the database, its delivery, and what an administrator may do. */
export interface EventTriggers extends Omit<EventWorker, "install" | "drain"> {
  /** Delivers what is due, and what becomes due meanwhile; resolves with the number of tries, after all are answered. */
  deliver(): Promise<number>;
  install(metadata: Metadata, catalog: Catalog): Promise<void>;
  /** Sends an event of one's own making; answers with its id. */
  invoke(name: string, payload: Raw, session: SessionVariables): Promise<string>;
  /** Delivers an event again, whatever became of it. */
  redeliver(eventId: string): Promise<void>;
  /** Delivers this event now and no other, as for a test of a handler that is called twice or out of order. */
  fire(eventId: string): Promise<void>;
}

interface Owned {
  readonly table: TableMeta;
  readonly trigger: EventTriggerMeta;
}

const ownedOf = (metadata: Metadata): readonly Owned[] =>
  metadata.sources.flatMap((source) =>
    source.tables.flatMap((table) => table.eventTriggers.map((trigger) => ({ table, trigger }))),
  );

/** The triggers that Postgres must have; throws a HasuraError on one that does not fit its table. */
export const readEventTriggers = (
  metadata: Metadata,
  catalog: Catalog,
  stringifyNumericTypes: boolean,
): readonly InstalledTrigger[] =>
  ownedOf(metadata).flatMap(({ table, trigger }) => {
    const info = catalog.tables.get(qualifiedKey(table.table));
    if (info === undefined) return [];
    return [{ trigger, outbox: outboxTriggers(info, trigger, stringifyNumericTypes) }];
  });

export interface EventTriggersDeps extends EventWorkerDeps {
  readonly stringifyNumericTypes: boolean;
}

export const createEventTriggers = (deps: EventTriggersDeps): EventTriggers => {
  const { install, drain, ...worker } = createEventWorker(deps);
  let owned: ReadonlyMap<string, Owned> = new Map();

  const fire = createEventFiring({ ...deps, triggerOf: (name) => owned.get(name)?.trigger });

  return {
    ...worker,
    fire,
    deliver: drain,
    install: async (metadata, catalog) => {
      await install(readEventTriggers(metadata, catalog, deps.stringifyNumericTypes));
      owned = new Map(ownedOf(metadata).map((entry) => [entry.trigger.name, entry]));
    },
    invoke: async (name, payload, session) => {
      const found = owned.get(name);
      if (found === undefined) {
        throw new HasuraError({
          message: `event trigger "${name}" does not exist`,
          code: "not-exists",
          path: "$.args.name",
        });
      }
      const id = await invokeEventTrigger(deps.database, {
        table: found.table.table,
        trigger: found.trigger,
        payload,
        session,
      });
      worker.wake();
      return id;
    },
    redeliver: async (eventId) => {
      await redeliverEvent(deps.database, eventId);
      worker.wake();
    },
  };
};
