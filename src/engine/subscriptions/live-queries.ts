import { createHash } from "node:crypto";

import type { Clock, Logger } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";

export interface LiveQueryListener {
  /** A result that differs from the one before. */
  readonly next: (result: string) => void;
  /** The query can no longer be answered; nothing follows. */
  readonly failed: (error: HasuraError) => void;
}

export interface LiveQueries {
  /**
   * Polls `run` as long as somebody listens. Listeners of one key share the poll, so the key must name everything the
   * result depends on, the session included.
   */
  listen(key: string, run: () => Promise<string>, listener: LiveQueryListener): () => void;
  size(): number;
  stop(): void;
}

export interface LiveQueriesDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs: number;
}

interface Poll {
  readonly run: () => Promise<string>;
  readonly listeners: Set<LiveQueryListener>;
  /** Listeners that have seen the present result. */
  readonly served: WeakSet<LiveQueryListener>;
  digest: string | undefined;
  result: string | undefined;
  cancel: () => void;
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64");

/** An outage is waited out; a refusal, as after a change of permissions, ends the query. */
const refusal = (error: unknown): HasuraError | undefined =>
  error instanceof HasuraError && error.code !== "unexpected" && error.code !== "postgres-error"
    ? error
    : undefined;

export const createLiveQueries = ({ clock, logger, intervalMs }: LiveQueriesDeps): LiveQueries => {
  const polls = new Map<string, Poll>();

  const publish = (poll: Poll, result: string): void => {
    const digest = digestOf(result);
    const changed = digest !== poll.digest;
    poll.digest = digest;
    poll.result = result;
    for (const listener of [...poll.listeners]) {
      if (!changed && poll.served.has(listener)) continue;
      poll.served.add(listener);
      listener.next(result);
    }
  };

  const end = (key: string, poll: Poll, error: HasuraError): void => {
    polls.delete(key);
    for (const listener of [...poll.listeners]) listener.failed(error);
    poll.listeners.clear();
  };

  const turn = async (key: string, poll: Poll): Promise<void> => {
    try {
      const result = await poll.run();
      if (polls.get(key) === poll) publish(poll, result);
    } catch (error) {
      const reason = refusal(error);
      if (polls.get(key) !== poll) return;
      if (reason !== undefined) {
        end(key, poll, reason);
        return;
      }
      logger.warn({ error }, "a live query failed and is tried again");
    }
    if (polls.get(key) === poll) poll.cancel = clock.schedule(intervalMs, () => void turn(key, poll));
  };

  return {
    listen: (key, run, listener) => {
      let poll = polls.get(key);
      if (poll === undefined) {
        poll = {
          run,
          listeners: new Set([listener]),
          served: new WeakSet(),
          digest: undefined,
          result: undefined,
          cancel: () => undefined,
        };
        polls.set(key, poll);
        void turn(key, poll);
      } else {
        poll.listeners.add(listener);
        if (poll.result !== undefined) {
          poll.served.add(listener);
          listener.next(poll.result);
        }
      }
      const joined = poll;
      return () => {
        joined.listeners.delete(listener);
        if (joined.listeners.size > 0 || polls.get(key) !== joined) return;
        polls.delete(key);
        joined.cancel();
      };
    },
    size: () => polls.size,
    stop: () => {
      for (const poll of polls.values()) poll.cancel();
      polls.clear();
    },
  };
};
