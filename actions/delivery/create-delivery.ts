import { type Clock, type Database, type Logger } from "../../src/core/index.ts";
import { type AddressPolicy, type Resolve, resolveHost } from "./address-policy.ts";
import { createEmailStore } from "./email-store.ts";
import { createEmailWorker } from "./email-worker.ts";
import { retryDelaysMs } from "./retry-schedule.ts";
import { createSendWebhook } from "./send-webhook.ts";
import { type DeliverySettings } from "./settings.ts";
import { createWebhookStore } from "./webhook-store.ts";
import { createWebhookWorker } from "./webhook-worker.ts";

/** What handlers may know of the workers. */
export interface Delivery {
  readonly policy: AddressPolicy;
  /** E-mails are queued only where a mail server is configured. */
  readonly sendsEmail: boolean;
  /** Looks for work now; to be called after the commit that made it. */
  wake(): void;
}

/** Of a process that leaves the sending to others. */
export const idleDelivery: Delivery = {
  policy: { allowPrivate: false, allowHttp: false },
  sendsEmail: false,
  wake: () => undefined,
};

export interface DeliveryWorkers extends Delivery {
  start(): void;
  stop(): Promise<void>;
}

export interface DeliveryDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: DeliverySettings;
  readonly resolve?: Resolve;
  readonly random?: () => number;
  readonly timeoutMs?: number;
  readonly retryDelaysMs?: readonly number[];
}

const defaultTimeoutMs = 15_000;
/** For the statements around a call. */
const leaseMarginMs = 15_000;

/** The workers that send webhooks and, with an SMTP server, e-mails. Any number of processes may run them. */
export function createDelivery(deps: DeliveryDeps): DeliveryWorkers {
  const { database, clock, logger, settings } = deps;
  const timeoutMs = deps.timeoutMs ?? defaultTimeoutMs;
  const random = deps.random ?? Math.random;
  const delays = deps.retryDelaysMs ?? retryDelaysMs;
  const policy = { allowPrivate: settings.WEBHOOK_ALLOW_PRIVATE, allowHttp: settings.WEBHOOK_ALLOW_HTTP };
  const webhooks = createWebhookWorker({
    store: createWebhookStore({ database, clock }),
    send: createSendWebhook({ clock, policy, resolve: deps.resolve ?? resolveHost, timeoutMs }),
    clock,
    logger,
    random,
    leaseMs: timeoutMs + leaseMarginMs,
    retryDelaysMs: delays,
  });
  const emails =
    settings.SMTP_URL === undefined
      ? []
      : [
          createEmailWorker({
            store: createEmailStore(database),
            smtpUrl: settings.SMTP_URL,
            from: settings.SMTP_FROM,
            clock,
            logger,
            random,
            retryDelaysMs: delays,
          }),
        ];
  const workers = [webhooks, ...emails];
  return {
    policy,
    sendsEmail: emails.length > 0,
    wake: () => {
      for (const worker of workers) worker.wake();
    },
    start: () => {
      for (const worker of workers) worker.start();
    },
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}
