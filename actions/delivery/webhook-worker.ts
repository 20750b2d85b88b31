import { type Clock, createQueueWorker, type Logger, type QueueWorker } from "../../src/core/index.ts";
import { retryDelay } from "./retry-schedule.ts";
import { type Outcome, type SendWebhook } from "./send-webhook.ts";
import { signedHeaders } from "./signature.ts";
import { type DueWebhook, type Verdict, type WebhookStore } from "./webhook-store.ts";

export interface WebhookWorkerDeps {
  readonly store: WebhookStore;
  readonly send: SendWebhook;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** Longer than a call can take: a live process never loses a delivery that it is at. */
  readonly leaseMs: number;
  readonly retryDelaysMs: readonly number[];
}

/** What an insert by another process waits for at most, if nothing wakes this one. */
export const pollEveryMs = 500;

const maxInFlight = 50;

/** One receiver that hangs takes this many places at most, and leaves the rest to the others. */
const perEndpoint = 4;

const problemOf = (outcome: Outcome): string | null => {
  if (outcome.kind === "failed") return outcome.error;
  if (outcome.status >= 200 && outcome.status < 300) return null;
  if (outcome.status === 410) return "gone";
  return outcome.status >= 300 && outcome.status < 400 ? "redirect" : "response-status";
};

/** Sends what is due in `usage.webhook_deliveries`, each at least once. */
export const createWebhookWorker = (deps: WebhookWorkerDeps): QueueWorker => {
  const { store, send, clock, logger } = deps;
  const inFlight = new Map<string, number>();
  const count = (endpointId: string, change: number): void => {
    const next = (inFlight.get(endpointId) ?? 0) + change;
    if (next === 0) inFlight.delete(endpointId);
    else inFlight.set(endpointId, next);
  };

  const judge = (delivery: DueWebhook, outcome: Outcome, problem: string | null): Verdict => {
    if (problem === null) return { kind: "delivered" };
    if (problem === "gone") return { kind: "failed", gone: true };
    const askedMs = outcome.kind === "answered" ? outcome.retryAfterMs : undefined;
    const delayMs = retryDelay(delivery.sinceResend, askedMs, deps.random, deps.retryDelaysMs);
    return delayMs === null ? { kind: "failed", gone: false } : { kind: "retry", delayMs };
  };

  const handle = async (delivery: DueWebhook): Promise<void> => {
    try {
      const startedAt = clock.now();
      const headers = signedHeaders(delivery.eventId, startedAt, delivery.payload, delivery.secrets);
      const outcome = await send(delivery.url, headers, delivery.payload);
      const problem = problemOf(outcome);
      const verdict = judge(delivery, outcome, problem);
      await store.settle(
        delivery,
        {
          startedAt,
          durationMs: outcome.durationMs,
          responseStatus: outcome.kind === "answered" ? outcome.status : null,
          error: problem,
        },
        verdict,
      );
      logger.info(
        { delivery: delivery.id, attempt: delivery.attempt, error: problem, verdict: verdict.kind },
        "webhook sent",
      );
    } finally {
      const wasFull = (inFlight.get(delivery.endpointId) ?? 0) >= perEndpoint;
      count(delivery.endpointId, -1);
      // What the places of this receiver held back may go now.
      if (wasFull) worker.wake();
    }
  };

  const worker = createQueueWorker({
    clock,
    logger,
    what: "webhook deliveries",
    pollEveryMs,
    batchSize: maxInFlight,
    maxInFlight,
    take: async (limit) => {
      const busyEndpoints = [...inFlight].filter(([, sending]) => sending >= perEndpoint).map(([id]) => id);
      const due = await store.claim({ limit, perEndpoint, busyEndpoints, leaseMs: deps.leaseMs });
      for (const { endpointId } of due) count(endpointId, 1);
      return due;
    },
    handle,
    idOf: ({ id }) => id,
    release: store.release,
  });
  return worker;
};
