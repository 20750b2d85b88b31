import type { OutgoingRequest } from "../transforms/index.ts";

export const userAgent = "hasura-graphql-engine/v2.48.10-ce";

export interface WebhookRequest {
  /** POST, unless a request transform says otherwise. */
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: string;
  readonly signal: AbortSignal;
}

/** `fetch`, or a function in the same process that answers like it. */
export type WebhookClient = (url: string, request: WebhookRequest) => Promise<Response>;

export const fetchWebhook: WebhookClient = (url, { body, ...request }) =>
  fetch(url, { ...request, ...(body === "" ? {} : { body }), redirect: "manual" });

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One request with a limit on the whole answer, body included. */
export const sendRequest = async (
  client: WebhookClient,
  { url, method, headers, body }: OutgoingRequest,
  timeoutSeconds: number,
): Promise<WebhookAnswer> => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // A handler in the same process may not watch the signal, so the time limit is raced as well.
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error("the webhook did not answer in time");
      controller.abort(error);
      reject(error);
    }, timeoutSeconds * 1000);
    timer.unref();
  });
  const work = async (): Promise<WebhookAnswer> => {
    const response = await client(url, { method, headers, body, signal: controller.signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  try {
    return await Promise.race([work(), expired]);
  } finally {
    clearTimeout(timer);
  }
};
