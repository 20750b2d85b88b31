import { SpanKind } from "@opentelemetry/api";

import { inSpan, injectTrace } from "../../core/index.ts";
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

export interface SendOptions {
  readonly timeoutSeconds: number;
  /** Of metadata, for traces: "action createOrder". */
  readonly what: string;
}

/** An address may hold a password or a token; whom it belongs to may be told. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : "");

/** One request with a limit on the whole answer, body included; the webhook gets the trace to go on from. */
export const sendRequest = (
  client: WebhookClient,
  outgoing: OutgoingRequest,
  options: SendOptions,
): Promise<WebhookAnswer> =>
  inSpan(
    `webhook ${options.what}`,
    {
      kind: SpanKind.CLIENT,
      attributes: () => ({
        "http.request.method": outgoing.method,
        "server.address": hostOf(outgoing.url),
      }),
    },
    async (span) => {
      const answer = await send(client, outgoing, options.timeoutSeconds);
      span.setAttribute("http.response.status_code", answer.status);
      return answer;
    },
  );

const send = async (
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
    const response = await client(url, {
      method,
      headers: injectTrace(headers),
      body,
      signal: controller.signal,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  try {
    return await Promise.race([work(), expired]);
  } finally {
    clearTimeout(timer);
  }
};
