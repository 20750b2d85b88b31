export const userAgent = "hasura-graphql-engine/v2.48.10-ce";

export interface WebhookRequest {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** `fetch`, or a function in the same process that answers like it. */
export type WebhookClient = (url: string, request: WebhookRequest) => Promise<Response>;

export const fetchWebhook: WebhookClient = (url, request) => fetch(url, { ...request, redirect: "manual" });

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One POST of JSON with a limit on the whole answer, body included. */
export const postJson = async (
  client: WebhookClient,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
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
    const response = await client(url, { method: "POST", headers, body, signal: controller.signal });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  try {
    return await Promise.race([work(), expired]);
  } finally {
    clearTimeout(timer);
  }
};
