import { z } from "zod";

import type { EventTriggerMeta } from "../metadata/types.ts";
import { deliverOnce, type DeliverOnceDeps } from "./deliver-once.ts";
import type { OutboxEvent } from "./event-store.ts";

export type EventDeliveryDeps = DeliverOnceDeps<OutboxEvent>;

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

/** One try of one event. */
export const createEventDelivery =
  (deps: EventDeliveryDeps) =>
  (trigger: EventTriggerMeta, event: OutboxEvent): Promise<void> =>
    deliverOnce(
      deps,
      event,
      { ...trigger, what: `event ${trigger.name}` },
      eventBody(event, trigger.retry.numRetries),
      sessionOf(event.payload),
    );
