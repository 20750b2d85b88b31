import type { Logger } from "../../core/index.ts";
import {
  configuredHeaders,
  fillTemplate,
  sendRequest,
  userAgent,
  type Environment,
  type WebhookAnswer,
  type WebhookClient,
} from "../actions/index.ts";
import { HasuraError } from "../errors.ts";
import { headerDocument } from "../metadata/normalise-webhooks.ts";
import type { HeaderMeta, Transforms } from "../metadata/types.ts";
import { applyRequestTransform, applyResponseTransform, type SessionVariables } from "../transforms/index.ts";

export interface AttemptDeps {
  readonly logger: Logger;
  readonly client: WebhookClient;
  readonly environment: Environment;
}

export interface AttemptTarget extends Transforms {
  /** A URL with `{{NAME}}`, or the name of the variable that holds it. */
  readonly webhook: { readonly url: string } | { readonly fromEnv: string };
  readonly headers: readonly HeaderMeta[];
  readonly timeoutSeconds: number;
  /** Of metadata, for traces: "event order_created". */
  readonly what: string;
}

export interface Attempt {
  readonly delivered: boolean;
  /** For the invocation log, as JSON text in Hasura's shape. */
  readonly status: number | null;
  readonly request: string;
  readonly response: string;
  /** Seconds the webhook asked to be left alone. */
  readonly retryAfterSeconds: number | undefined;
}

export const resolveWebhook = (webhook: AttemptTarget["webhook"], environment: Environment): string => {
  if ("url" in webhook) return fillTemplate(webhook.url, environment);
  const url = environment[webhook.fromEnv];
  if (url === undefined) {
    throw new HasuraError({
      message: `environment variable '${webhook.fromEnv}' not set`,
      code: "not-found",
    });
  }
  return url;
};

const retryAfter = (answer: WebhookAnswer): number | undefined => {
  const header = answer.headers.get("retry-after");
  const seconds = header === null || header.trim() === "" ? Number.NaN : Number(header);
  return Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
};

const failure = (error: unknown): string =>
  error instanceof HasuraError ? error.message : "the webhook could not be reached";

/** Sends one body to a webhook; whatever happens is an outcome to be logged, never an exception. */
export const attemptDelivery = async (
  { client, environment, logger }: AttemptDeps,
  target: AttemptTarget,
  body: string,
  session: SessionVariables | null,
): Promise<Attempt> => {
  const request = `{"version":"2","payload":${body},"headers":${JSON.stringify(target.headers.map(headerDocument))}}`;
  try {
    const original = {
      method: "POST",
      url: resolveWebhook(target.webhook, environment),
      headers: {
        ...configuredHeaders(target.headers, environment),
        "content-type": "application/json",
        "user-agent": userAgent,
      },
      body,
    };
    const outgoing = applyRequestTransform(target.requestTransform, original, session);
    const answer = await sendRequest(client, outgoing, {
      timeoutSeconds: target.timeoutSeconds,
      what: target.what,
    });
    const text = applyResponseTransform(target.responseTransform, answer, outgoing, session);
    const headers = [...answer.headers].map(([name, value]) => ({ name, value }));
    return {
      delivered: answer.status >= 200 && answer.status < 300,
      status: answer.status,
      request,
      response: JSON.stringify({
        version: "2",
        type: "webhook_response",
        data: { status: answer.status, headers, body: text },
      }),
      retryAfterSeconds: retryAfter(answer),
    };
  } catch (error) {
    logger.warn({ error }, "a webhook could not be called");
    return {
      delivered: false,
      status: null,
      request,
      response: JSON.stringify({ version: "2", type: "client_error", data: { message: failure(error) } }),
      retryAfterSeconds: undefined,
    };
  }
};
