import { z } from "zod";

import { type Clock, type Database, finishInFlight, type Logger } from "../../core/index.ts";
import type { Environment, WebhookClient } from "../actions/index.ts";
import { HasuraError } from "../errors.ts";
import type { CronTriggerMeta } from "../metadata/types.ts";
import { createCronDelivery } from "./cron-delivery.ts";
import { createCronStore } from "./cron-store.ts";
import { parseSchedule, type CronTimes } from "./cron-times.ts";

const eventsAhead = 100;
const generateEveryMs = 60_000;
const processEveryMs = 10_000;

export interface CronSchedulerDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly client: WebhookClient;
  readonly environment: Environment;
}

export interface CronFiring {
  readonly eventId: string;
  /** What the webhook answered; undefined when it could not be reached. */
  readonly status: number | undefined;
  readonly body: string | undefined;
}

export interface CronScheduler {
  /** Takes the triggers of new metadata; events of a changed schedule are made anew. */
  install(triggers: readonly CronTriggerMeta[]): Promise<void>;
  /** Keeps at least 100 future events for every trigger. */
  generate(): Promise<void>;
  /** Delivers what is due; resolves with the number of events taken, after all are answered. */
  process(): Promise<number>;
  /**
   * Delivers an event of that time now, once, however late it is and whether or not it was delivered before: what Hasura
   * may do to a handler, done on purpose.
   */
  fire(name: string, scheduledTime: Date): Promise<CronFiring>;
  start(): void;
  stop(): Promise<void>;
}

const firedAnswer = z.object({ data: z.object({ status: z.number(), body: z.string() }) });

interface Installed {
  readonly trigger: CronTriggerMeta;
  readonly times: CronTimes;
}

/** Refuses an expression by the trigger's name. */
export const readSchedule = (trigger: CronTriggerMeta): CronTimes => {
  try {
    return parseSchedule(trigger.schedule);
  } catch (error) {
    throw new HasuraError({
      message: `cron trigger '${trigger.name}': '${trigger.schedule}' is not a cron expression`,
      code: "parse-failed",
      cause: error,
    });
  }
};

export const createCronScheduler = async (deps: CronSchedulerDeps): Promise<CronScheduler> => {
  const { database, clock, logger } = deps;
  const store = createCronStore(database);
  const deliver = createCronDelivery({ ...deps, store });
  let installed: ReadonlyMap<string, Installed> = new Map();
  const inFlight = new Map<string, Promise<void>>();
  const cancels = new Set<() => void>();
  let running = false;

  await store.prepare();
  // Whoever held these rows is gone; that a second engine may still deliver them is Hasura's behaviour too.
  await store.unlockAll();

  const generateFor = async ({ trigger, times }: Installed): Promise<void> => {
    const now = clock.now();
    const present = await store.upcoming(trigger.name, now);
    if (present.length >= eventsAhead) return;
    const oldest = now.getTime() - trigger.retry.toleranceSeconds * 1000;
    const latest = (await store.latest(trigger.name)) ?? now;
    const from = new Date(Math.max(latest.getTime(), oldest));
    const missing = eventsAhead - present.length;
    await store.add(trigger.name, times.through(from, now, missing));
  };

  const generate = async (): Promise<void> => {
    for (const entry of installed.values()) await generateFor(entry);
  };

  const process = async (): Promise<number> => {
    const events = await store.takeDue([...installed.keys()], clock.now());
    const deliveries = events.map((event) => {
      const trigger = installed.get(event.triggerName)?.trigger;
      const work = (trigger === undefined ? store.unlock([event.id]) : deliver(trigger, event))
        .catch((error: unknown) => {
          logger.error(
            { trigger: event.triggerName, event: event.id, error },
            "a cron event could not be settled",
          );
        })
        .finally(() => inFlight.delete(event.id));
      inFlight.set(event.id, work);
      return work;
    });
    await Promise.all(deliveries);
    return events.length;
  };

  const repeat = (everyMs: number, what: string, work: () => Promise<unknown>): void => {
    const cancel = clock.schedule(everyMs, () => {
      cancels.delete(cancel);
      void work()
        .catch((error: unknown) => {
          logger.error({ error }, `cron triggers: ${what} failed`);
        })
        .finally(() => {
          if (running) repeat(everyMs, what, work);
        });
    });
    cancels.add(cancel);
  };

  return {
    install: async (triggers) => {
      const next = new Map(
        triggers.map((trigger) => [trigger.name, { trigger, times: readSchedule(trigger) }]),
      );
      const now = clock.now();
      await store.dropUnknown([...next.keys()], now);
      for (const { trigger, times } of next.values()) {
        const present = await store.upcoming(trigger.name, now);
        const expected = times.after(now, present.length);
        const unchanged = present.every((time, index) => time.getTime() === expected[index]?.getTime());
        if (!unchanged) {
          await store.dropUpcoming(trigger.name, now);
          // Not from the last old event: the new schedule owes nothing for the time before it.
          await store.add(trigger.name, times.after(now, eventsAhead));
        }
      }
      installed = next;
      await generate();
    },
    generate,
    process,
    fire: async (name, scheduledTime) => {
      const trigger = installed.get(name)?.trigger;
      if (trigger === undefined) {
        throw new HasuraError({ message: `cron trigger with name: ${name} not found`, code: "not-exists" });
      }
      const event = await store.addLocked(name, scheduledTime);
      const once = { ...trigger.retry, numRetries: 0, toleranceSeconds: Number.POSITIVE_INFINITY };
      await deliver({ ...trigger, retry: once }, event);
      const answered = firedAnswer.safeParse(await store.lastResponse(event.id));
      const answer = answered.data?.data;
      return { eventId: event.id, status: answer?.status, body: answer?.body };
    },
    start: () => {
      if (running) return;
      running = true;
      repeat(generateEveryMs, "making events", generate);
      repeat(processEveryMs, "delivering events", process);
    },
    stop: async () => {
      running = false;
      for (const cancel of cancels) cancel();
      cancels.clear();
      await finishInFlight(inFlight, store.unlock);
    },
  };
};
