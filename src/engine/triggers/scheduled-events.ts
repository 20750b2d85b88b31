import { type Clock, createQueueWorker, type Database, type QueueWorker } from "../../core/index.ts";
import type { AttemptDeps } from "./attempt.ts";
import { deliverScheduled, timeText } from "./scheduled-delivery.ts";
import { createScheduledStore, type NewScheduledEvent, type ScheduledEvent } from "./scheduled-store.ts";

export interface ScheduledEventsDeps extends AttemptDeps {
  readonly database: Database;
  readonly clock: Clock;
}

export interface ScheduledEvents extends Omit<QueueWorker, "drain" | "wake"> {
  /** Writes an event down; answers with its id. */
  create(event: NewScheduledEvent): Promise<string>;
  /** Delivers what is due; resolves with the number of tries, after all are answered. */
  deliver(): Promise<number>;
}

/** The body in Hasura's shape; the payload goes in as text, so that no number loses a digit. */
const bodyOf = (event: ScheduledEvent): string =>
  `{"id":${JSON.stringify(event.id)},` +
  `"scheduled_time":${JSON.stringify(timeText(event.scheduledTime))},` +
  `"created_at":${JSON.stringify(event.createdAt.toISOString())},` +
  `"payload":${event.payload},` +
  `"comment":${JSON.stringify(event.comment)}}`;

/** One-off events: each delivered at least once after its time, or dead when nobody did so within its tolerance. */
export const createScheduledEvents = (deps: ScheduledEventsDeps): ScheduledEvents => {
  const { database, clock, logger } = deps;
  const store = createScheduledStore(database);

  const { drain, wake, ...queue } = createQueueWorker({
    clock,
    logger,
    what: "scheduled events",
    // As often as Hasura looks for them.
    pollEveryMs: 10_000,
    batchSize: 100,
    maxInFlight: 100,
    take: (limit) => store.take(limit, clock.now()),
    handle: (event) =>
      deliverScheduled(
        { ...deps, store },
        event,
        { ...event, webhook: { url: event.webhook }, what: "scheduled event" },
        bodyOf(event),
      ),
    idOf: (event) => event.id,
    release: store.unlock,
    recover: store.unlockAll,
  });

  return {
    ...queue,
    create: async (event) => {
      const id = await store.add(event);
      if (event.scheduledTime <= clock.now()) wake();
      return id;
    },
    deliver: drain,
  };
};
