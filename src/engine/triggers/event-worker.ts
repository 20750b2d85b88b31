import type { Database } from "../../core/index.ts";
import type { EventTriggerMeta } from "../metadata/types.ts";
import type { AttemptDeps } from "./attempt.ts";
import { createEventDelivery, type EventDeliveryDeps } from "./event-delivery.ts";
import { installOutbox } from "./event-install.ts";
import { createEventStore, type OutboxEvent } from "./event-store.ts";
import type { OutboxTrigger } from "./event-trigger-sql.ts";

const pollEveryMs = 1_000;
const batchSize = 100;
const maxInFlight = 100;
const stopGraceMs = 5_000;

export interface EventWorkerDeps extends AttemptDeps {
  readonly database: Database;
  readonly clock: EventDeliveryDeps["clock"];
}

/** An event trigger of the metadata and the triggers of Postgres that feed it. */
export interface InstalledTrigger {
  readonly trigger: EventTriggerMeta;
  readonly outbox: readonly OutboxTrigger[];
}

export interface EventWorker {
  /** Takes the triggers of new metadata, in the database as well. */
  install(triggers: readonly InstalledTrigger[]): Promise<void>;
  /** Delivers what is due, and what becomes due meanwhile; resolves with the number of tries, after all are answered. */
  deliver(): Promise<number>;
  /** Looks for events now rather than at the next poll: a transaction has just been committed. */
  wake(): void;
  /** Events go on being written but are not delivered until `resume`; `deliver` works all the same. */
  pause(): void;
  resume(): void;
  start(): void;
  stop(): Promise<void>;
}

/** Delivers the outbox at least once, without order, many events at a time. */
export const createEventWorker = (deps: EventWorkerDeps): EventWorker => {
  const { database, clock, logger } = deps;
  const store = createEventStore(database);
  const deliverOne = createEventDelivery({ ...deps, store });
  let triggers: ReadonlyMap<string, EventTriggerMeta> = new Map();
  const inFlight = new Map<string, Promise<void>>();
  let running = false;
  let paused = false;
  let taking: Promise<number> | undefined;
  let again = false;
  let cancelPoll = (): void => undefined;

  const launch = (event: OutboxEvent): Promise<void> => {
    const trigger = triggers.get(event.trigger);
    const work = (trigger === undefined ? store.unlock([event.id]) : deliverOne(trigger, event))
      .catch((error: unknown) => {
        // The row stays locked and is taken again when the lock is half an hour old, or at the next start.
        logger.error({ trigger: event.trigger, event: event.id, error }, "an event could not be settled");
      })
      .finally(() => inFlight.delete(event.id));
    inFlight.set(event.id, work);
    return work;
  };

  const take = async (): Promise<readonly OutboxEvent[]> => {
    if (triggers.size === 0) return [];
    const room = Math.min(batchSize, maxInFlight - inFlight.size);
    const events = room <= 0 ? [] : await store.take([...triggers.keys()], room, clock.now());
    // A full batch means that more may be waiting: they follow as soon as there is room.
    if (events.length === Math.max(room, 0)) again = true;
    return events;
  };

  const turn = (): void => {
    if (!running || paused) return;
    if (taking !== undefined) {
      again = true;
      return;
    }
    again = false;
    taking = take()
      .then((events) => {
        for (const event of events) void launch(event).finally(() => again && turn());
        return events.length;
      })
      .catch((error: unknown) => {
        logger.error({ error }, "events could not be fetched");
        return 0;
      })
      .finally(() => {
        taking = undefined;
        if (again && inFlight.size < maxInFlight) turn();
      });
  };

  const poll = (): void => {
    cancelPoll = clock.schedule(pollEveryMs, () => {
      turn();
      if (running) poll();
    });
  };

  return {
    install: async (next) => {
      const gone = await installOutbox(
        database,
        next.flatMap((entry) => entry.outbox),
      );
      if (gone.length > 0)
        logger.info({ triggers: gone }, "event triggers that are no longer in metadata were dropped");
      triggers = new Map(next.map(({ trigger }) => [trigger.name, trigger]));
    },
    deliver: async () => {
      let tries = 0;
      for (;;) {
        const events = await take();
        tries += events.length;
        if (events.length === 0 && inFlight.size === 0) return tries;
        for (const event of events) void launch(event);
        await Promise.all(inFlight.values());
      }
    },
    wake: () => {
      if (triggers.size > 0) turn();
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      turn();
    },
    start: () => {
      if (running) return;
      running = true;
      void store
        .unlockAll()
        .catch((error: unknown) => logger.error({ error }, "locked events could not be set free"))
        .finally(turn);
      poll();
    },
    stop: async () => {
      running = false;
      cancelPoll();
      await taking;
      if (inFlight.size === 0) return;
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, stopGraceMs);
      });
      await Promise.race([Promise.all(inFlight.values()), grace]);
      clearTimeout(timer);
      if (inFlight.size > 0) await store.unlock([...inFlight.keys()]);
    },
  };
};
