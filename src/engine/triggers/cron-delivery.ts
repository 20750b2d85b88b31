import type { Clock, Logger } from "../../core/index.ts";
import {
  configuredHeaders,
  fillTemplate,
  postJson,
  userAgent,
  type Environment,
  type WebhookClient,
} from "../actions/index.ts";
import type { CronTriggerMeta } from "../metadata/types.ts";
import type { CronEvent, CronStore, Invocation } from "./cron-store.ts";

export interface CronDeliveryDeps {
  readonly store: CronStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly client: WebhookClient;
  readonly environment: Environment;
}

export type DeliverCronEvent = (trigger: CronTriggerMeta, event: CronEvent) => Promise<void>;

/** `2026-01-01T00:05:00Z`, without the milliseconds that Hasura does not write either. */
const timeText = (moment: Date): string => moment.toISOString().replace(/\.\d{3}Z$/, "Z");

const retryAfterSeconds = (header: string | null): number | undefined => {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
};

/** One try: dead when too late, delivered on 2xx, else again later until the tries are used up. */
export const createCronDelivery =
  (deps: CronDeliveryDeps): DeliverCronEvent =>
  async (trigger, event) => {
    const { store, clock, logger } = deps;
    const { numRetries, retryIntervalSeconds, timeoutSeconds, toleranceSeconds } = trigger.retry;
    if (clock.now().getTime() - event.scheduledTime.getTime() > toleranceSeconds * 1000) {
      await store.markDead(event.id);
      return;
    }
    const body = {
      id: event.id,
      name: trigger.name,
      scheduled_time: timeText(event.scheduledTime),
      payload: trigger.payload,
      comment: trigger.comment ?? null,
    };
    let invocation: Invocation;
    let wait: number | undefined;
    try {
      const url = fillTemplate(trigger.webhook, deps.environment);
      const headers = {
        ...configuredHeaders(trigger.headers, deps.environment),
        "content-type": "application/json",
        "user-agent": userAgent,
      };
      const answer = await postJson(deps.client, url, headers, JSON.stringify(body), timeoutSeconds);
      invocation = {
        status: answer.status,
        request: { payload: body },
        response: { status: answer.status, body: answer.text },
      };
      wait = retryAfterSeconds(answer.headers.get("retry-after"));
      if (answer.status >= 200 && answer.status < 300) {
        await store.settle(event.id, "delivered", invocation);
        return;
      }
    } catch (error) {
      logger.warn({ trigger: trigger.name, event: event.id, error }, "a cron event could not be delivered");
      invocation = {
        status: null,
        request: { payload: body },
        response: { error: "the webhook could not be reached" },
      };
    }
    // A webhook that names a waiting time gets another try even when the tries are used up.
    if (event.tries >= numRetries && wait === undefined) {
      await store.settle(event.id, "error", invocation);
      return;
    }
    const seconds = wait ?? retryIntervalSeconds;
    await store.retryAt(event.id, new Date(clock.now().getTime() + seconds * 1000), invocation);
  };
