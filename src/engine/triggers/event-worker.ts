import { createQueueWorker, type Database, type QueueWorker } from "../../core/index.ts";
import type { EventTriggerMeta } from "../metadata/types.ts";
import type { AttemptDeps } from "./attempt.ts";
import { createEventDelivery, type EventDeliveryDeps } from "./event-delivery.ts";
import { installOutbox } from "./event-install.ts";
import { createEventStore } from "./event-store.ts";
import type { OutboxTrigger } from "./event-trigger-sql.ts";

export interface EventWorkerDeps extends AttemptDeps {
  readonly database: Database;
  readonly clock: EventDeliveryDeps["clock"];
}

/** An event trigger of the metadata and the triggers of Postgres that feed it. */
export interface InstalledTrigger {
  readonly trigger: EventTriggerMeta;
  readonly outbox: readonly OutboxTrigger[];
}

export interface EventWorker extends QueueWorker {
  /** Takes the triggers of new metadata, in the database as well. */
  install(triggers: readonly InstalledTrigger[]): Promise<void>;
}

/** Delivers the outbox at least once, without order; Hasura's own numbers for batches and parallel calls. */
export const createEventWorker = (deps: EventWorkerDeps): EventWorker => {
  const { database, clock, logger } = deps;
  const store = createEventStore({ database, clock });
  const deliver = createEventDelivery({ ...deps, store });
  let triggers: ReadonlyMap<string, EventTriggerMeta> = new Map();

  const queue = createQueueWorker({
    clock,
    logger,
    what: "events",
    // Hasura looks once a second; an alert is to be at its receiver within two.
    pollEveryMs: 500,
    pollAfterWorkMs: 100,
    batchSize: 100,
    maxInFlight: 100,
    take: async (limit) => (triggers.size === 0 ? [] : store.take([...triggers.keys()], limit, clock.now())),
    handle: (event) => {
      const trigger = triggers.get(event.trigger);
      return trigger === undefined ? store.unlock([event.id]) : deliver(trigger, event);
    },
    idOf: (event) => event.id,
    release: store.unlock,
    recover: store.unlockAll,
  });

  return {
    ...queue,
    install: async (next) => {
      const outbox = next.flatMap((entry) => entry.outbox);
      const gone = await installOutbox(database, outbox);
      if (gone.length > 0) {
        logger.info({ triggers: gone }, "event triggers that are no longer in metadata were dropped");
      }
      triggers = new Map(next.map(({ trigger }) => [trigger.name, trigger]));
    },
  };
};
