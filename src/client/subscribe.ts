import { createClient as createTransport } from "graphql-ws";
import { WebSocket } from "ws";
import {
  WatchMetricDocument,
  type WatchMetricSubscription,
  WatchUsageDocument,
  type WatchUsageSubscription,
} from "./generated/sdk.ts";
import { authorization, type Token } from "./token.ts";

export interface SubscriberOptions {
  /** The GraphQL endpoint; an http address is turned into the ws address of the same path. */
  readonly url: string;
  readonly token?: Token;
  readonly role?: string;
}

type Variables = Record<string, unknown>;

export interface Subscriber {
  /** Usage of every metric of the workspace, at once and after each change. */
  watchUsage(): AsyncIterable<WatchUsageSubscription>;
  /** The same for one metric. */
  watchMetric(metric: string): AsyncIterable<WatchMetricSubscription>;
  /** Any other subscription document. */
  watch<Data>(document: string, variables?: Variables): AsyncIterable<Data>;
  close(): Promise<void>;
}

/** Opens one socket with the first subscription and shares it; leaving a loop ends its subscription. */
export function createSubscriber({ url, token, role }: SubscriberOptions): Subscriber {
  const transport = createTransport({
    url: url.replace(/^http/u, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ headers: await authorization(token, role) }),
  });

  async function* watch<Data>(document: string, variables: Variables = {}): AsyncGenerator<Data> {
    for await (const { data, errors } of transport.iterate<Data>({ query: document, variables })) {
      const [error] = errors ?? [];
      if (error !== undefined) throw new Error(error.message, { cause: errors });
      if (data !== undefined && data !== null) yield data;
    }
  }

  return {
    watch,
    watchUsage: () => watch<WatchUsageSubscription>(WatchUsageDocument),
    watchMetric: (metric) => watch<WatchMetricSubscription>(WatchMetricDocument, { metric }),
    close: async () => {
      await transport.dispose();
    },
  };
}
