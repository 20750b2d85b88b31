import type { WebhookClient } from "../engine/index.ts";

/** One call that the engine made to a handler. */
export interface WebhookCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What was sent: parsed when it is JSON, else text. */
  readonly body: unknown;
  /** What came back; undefined when nothing did. */
  readonly answer: { readonly status: number; readonly body: unknown } | undefined;
  /** Why nothing came back. */
  readonly error: string | undefined;
}

export interface RecordedWebhooks {
  readonly client: WebhookClient;
  readonly calls: () => readonly WebhookCall[];
  clear(): void;
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/**
 * Remembers what went to the handlers and what they said: the answer that a client gets is Hasura's, which tells nobody
 * that a path was not mounted or that a handler threw.
 */
export const recordWebhooks = (client: WebhookClient): RecordedWebhooks => {
  let calls: WebhookCall[] = [];
  return {
    client: async (url, request) => {
      const { method, headers } = request;
      const call = { url, method, headers, body: parsed(request.body) };
      try {
        const response = await client(url, request);
        const text = await response.text();
        calls.push({ ...call, answer: { status: response.status, body: parsed(text) }, error: undefined });
        return { status: response.status, headers: response.headers, text: () => Promise.resolve(text) };
      } catch (error) {
        calls.push({
          ...call,
          answer: undefined,
          error: error instanceof Error ? error.message : String(error),
        });
        throw error;
      }
    },
    calls: () => [...calls],
    clear: () => {
      calls = [];
    },
  };
};
