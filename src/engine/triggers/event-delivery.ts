import { z } from "zod";

import type { Clock } from "../../core/index.ts";
import type { EventTriggerMeta } from "../metadata/types.ts";
import { attemptDelivery, type AttemptDeps } from "./attempt.ts";
import type { EventStore, OutboxEvent } from "./event-store.ts";

export interface EventDeliveryDeps extends AttemptDeps {
  readonly store: EventStore;
  readonly clock: Clock;
}

const sessionShape = z.object({ session_variables: z.record(z.string(), z.string()).nullish() });

const sessionOf = (payload: string): Readonly<Record<string, string>> | null =>
  sessionShape.safeParse(JSON.parse(payload)).data?.session_variables ?? null;

/** The body in Hasura's shape; the payload goes in as text, so that no number loses a digit. */
export const eventBody = (event: OutboxEvent, maxRetries: number): string =>
  `{"created_at":${JSON.stringify(event.createdAt)},` +
  `"delivery_info":{"current_retry":${String(event.tries)},"max_retries":${String(maxRetries)}},` +
  `"event":${event.payload},` +
  `"id":${JSON.stringify(event.id)},` +
  `"table":${JSON.stringify({ name: event.table, schema: event.schema })},` +
  `"trigger":${JSON.stringify({ name: event.trigger })}}`;

/** One try: delivered on 2xx, else again later until the tries are used up. */
export const createEventDelivery =
  (deps: EventDeliveryDeps) =>
  async (trigger: EventTriggerMeta, event: OutboxEvent): Promise<void> => {
    const { store, clock } = deps;
    const { numRetries, intervalSeconds, timeoutSeconds } = trigger.retry;
    const target = { ...trigger, timeoutSeconds };
    const attempt = await attemptDelivery(
      deps,
      target,
      eventBody(event, numRetries),
      sessionOf(event.payload),
    );
    if (attempt.delivered) {
      await store.delivered(event, attempt);
    } else if (event.tries >= numRetries && attempt.retryAfterSeconds === undefined) {
      await store.failed(event, attempt);
    } else {
      const seconds = attempt.retryAfterSeconds ?? intervalSeconds;
      await store.retryAt(event, new Date(clock.now().getTime() + seconds * 1000), attempt);
    }
  };
