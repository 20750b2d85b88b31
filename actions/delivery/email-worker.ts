import { createTransport } from "nodemailer";
import { type Clock, createQueueWorker, type Logger, type QueueWorker } from "../../src/core/index.ts";
import { composeEmail } from "./email-message.ts";
import { type EmailStore } from "./email-store.ts";
import { retryDelay } from "./retry-schedule.ts";

export interface EmailWorkerDeps {
  readonly store: EmailStore;
  readonly smtpUrl: string;
  readonly from: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly retryDelaysMs: readonly number[];
}

const smtpTimeoutMs = 20_000;
/** Connecting, greeting and the longest silence after them, each once. */
const leaseMs = 4 * smtpTimeoutMs;
const pollEveryMs = 1_000;

/** A permanent refusal of the mail server (5xx to the recipient or the e-mail); anything else may pass later. */
const isFinal = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "responseCode" in error &&
  typeof error.responseCode === "number" &&
  error.responseCode >= 550 &&
  error.responseCode < 560;

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "unknown";

/** Sends the e-mails in `usage.alert_emails`; the Message-ID is the row's, so that a repeat shows as one e-mail. */
export function createEmailWorker(deps: EmailWorkerDeps): QueueWorker {
  const { store, clock, logger } = deps;
  const transport = createTransport({
    url: deps.smtpUrl,
    connectionTimeout: smtpTimeoutMs,
    greetingTimeout: smtpTimeoutMs,
    socketTimeout: smtpTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return createQueueWorker({
    clock,
    logger,
    what: "e-mails",
    pollEveryMs,
    batchSize: 5,
    maxInFlight: 5,
    take: (limit) => store.claim(limit, leaseMs),
    handle: async (email) => {
      try {
        await transport.sendMail({
          from: deps.from,
          to: { name: "", address: email.address },
          messageId: `<${email.id}@hasura-usage>`,
          date: email.at,
          ...composeEmail(email),
        });
      } catch (error) {
        const delayMs = isFinal(error)
          ? null
          : retryDelay(email.attempt, undefined, deps.random, deps.retryDelaysMs);
        logger.warn({ email: email.id, attempt: email.attempt, error }, "an e-mail could not be sent");
        await store.retry(email, codeOf(error), delayMs);
        return;
      }
      await store.sent(email);
    },
    idOf: ({ id }) => id,
    release: store.release,
  });
}
