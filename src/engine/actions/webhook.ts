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

/** What is read of an answer's headers. */
export interface WebhookHeaders extends Iterable<[string, string]> {
  get(name: string): string | null;
  getSetCookie(): string[];
}

/** What is read of an answer; a `Response` has it. */
export interface WebhookResponse {
  readonly status: number;
  readonly headers: WebhookHeaders;
  text(): Promise<string>;
}

/** Something that carries a request to a webhook: over the network, or a function in the same process. */
export type WebhookClient = (url: string, request: WebhookRequest) => Promise<WebhookResponse>;

export interface WebhookAnswer {
  readonly status: number;
  readonly headers: WebhookHeaders;
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
