import { backoffMs, retryAfterMs } from "./backoff.ts";
import { type SendAnswer, type TelemetryEnvironment, type TelemetryEvent } from "./types.ts";
import { byteLength, decodeFates, encodeBatch, encodeEvent, type EventFate } from "./wire.ts";

export interface SenderDeps {
  readonly environment: Pick<TelemetryEnvironment, "clock" | "send" | "beacon" | "random">;
  readonly url: string;
  readonly source: string;
  /** Credentials, asked for at each request, so that a renewed token is used. */
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly credentials: "include" | "same-origin" | "omit";
  readonly batchSize: number;
  readonly batchBytes: number;
  /** What may be sent now, the oldest first. */
  readonly pending: () => readonly TelemetryEvent[];
  readonly onFates: (fates: ReadonlyMap<string, EventFate>) => void;
  readonly onFault: (code: string, message: string) => void;
  readonly onChange: () => void;
}

export interface Sender {
  /** Sends what is pending, batch after batch, until it is gone or a batch fails. */
  flush(): Promise<void>;
  /** The last chance of a page that may be gone: what fits goes out without waiting for an answer. */
  flushHidden(): void;
  /** Sends after a while, unless it is waiting already. */
  sendSoon(delayMs: number): void;
  /** Forgets what is under way; its answer changes nothing. */
  abort(): void;
  readonly sending: boolean;
  readonly retryAt: number | null;
}

/** What browsers take over from a page that goes away, all in all, is 64 KiB; some is left for others. */
const beaconBytes = 60_000;

/** A server that does not answer holds up all that comes behind. */
const timeoutMs = 30_000;

type Outcome =
  { readonly kind: "settled" } | { readonly kind: "failed"; readonly retryAfterMs: number | null };

export const createSender = (deps: SenderDeps): Sender => {
  const { clock, send, beacon, random } = deps.environment;
  let underWay: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;
  let cancelTimer: (() => void) | null = null;
  let retryAt: number | null = null;
  let failures = 0;
  let batchSize = deps.batchSize;
  /** Of the last request, for a page that has no time to wait for new ones; null where there are none of this user. */
  let lastHeaders: Readonly<Record<string, string>> | null = null;

  const fill = (most: number, bytes: number): { events: TelemetryEvent[]; body: string } => {
    const events: TelemetryEvent[] = [];
    const encoded: string[] = [];
    let size = 2;
    for (const event of deps.pending()) {
      if (events.length === most) break;
      const text = encodeEvent(event, deps.source);
      size += byteLength(text) + 1;
      if (size > bytes && events.length > 0) break;
      events.push(event);
      encoded.push(text);
    }
    return { events, body: encodeBatch(encoded) };
  };

  const request = (
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    keepalive: boolean,
  ): Promise<SendAnswer> =>
    send(deps.url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
      keepalive,
      signal,
      credentials: deps.credentials,
    });

  /** A batch that is refused as a whole is cut in two until the event is found that is at fault. */
  const refusedWhole = (status: number, events: readonly TelemetryEvent[]): Outcome => {
    const [only] = events;
    if (events.length === 1 && only !== undefined) {
      deps.onFates(new Map([[only.id, "invalid"]]));
      batchSize = deps.batchSize;
    } else {
      batchSize = Math.max(1, Math.floor(events.length / 2));
    }
    deps.onFault("batch-refused", `the server refused a batch with ${String(status)}`);
    return { kind: "settled" };
  };

  const judge = async (answer: SendAnswer, events: readonly TelemetryEvent[]): Promise<Outcome> => {
    const { status } = answer;
    if (status === 400 || status === 413 || status === 422) return refusedWhole(status, events);
    const failed = {
      kind: "failed",
      retryAfterMs: retryAfterMs(answer.headers.get("retry-after"), clock.now()),
    } as const;
    if (status < 200 || status > 299) {
      deps.onFault("not-accepted", `the server answered ${String(status)}`);
      return failed;
    }
    const fates = decodeFates(await answer.text(), events);
    const known = new Map([...fates].filter(([id]) => events.some((event) => event.id === id)));
    deps.onFates(known);
    if (known.size > 0) {
      batchSize = deps.batchSize;
      return { kind: "settled" };
    }
    deps.onFault("answer-unreadable", "the server did not say what became of the events");
    return failed;
  };

  const attempt = async (abort: AbortController): Promise<Outcome> => {
    const cancelTimeout = clock.schedule(timeoutMs, () => abort.abort());
    try {
      const headers = await deps.headers();
      if (underWay?.abort !== abort) return { kind: "settled" };
      lastHeaders = headers;
      const { events, body } = fill(batchSize, deps.batchBytes);
      if (events.length === 0) return { kind: "settled" };
      const answer = await request(body, headers, abort.signal, false);
      if (underWay?.abort !== abort) return { kind: "settled" };
      return await judge(answer, events);
    } catch (error) {
      if (underWay?.abort !== abort) return { kind: "settled" };
      deps.onFault("unreachable", error instanceof Error ? error.message : "the server cannot be reached");
      return { kind: "failed", retryAfterMs: null };
    } finally {
      cancelTimeout();
    }
  };

  const schedule = (delayMs: number): void => {
    cancelTimer?.();
    cancelTimer = clock.schedule(delayMs, () => {
      cancelTimer = null;
      retryAt = null;
      void flush();
    });
  };

  const run = async (abort: AbortController): Promise<void> => {
    while (deps.pending().length > 0) {
      const outcome = await attempt(abort);
      if (underWay?.abort !== abort) return;
      if (outcome.kind === "failed") {
        failures += 1;
        // Never sooner than the server asked for.
        const delayMs = (outcome.retryAfterMs ?? 0) + backoffMs(failures, random);
        retryAt = clock.now() + delayMs;
        schedule(delayMs);
        return;
      }
      failures = 0;
    }
  };

  const flush = (): Promise<void> => {
    if (underWay !== null) return underWay.done;
    cancelTimer?.();
    cancelTimer = null;
    retryAt = null;
    const abort = new AbortController();
    const done = Promise.resolve()
      .then(() => run(abort))
      .finally(() => {
        if (underWay?.abort === abort) underWay = null;
        deps.onChange();
      });
    underWay = { abort, done };
    deps.onChange();
    return done;
  };

  return {
    flush,
    flushHidden: () => {
      const { events, body } = fill(Number.POSITIVE_INFINITY, beaconBytes);
      if (events.length === 0 || byteLength(body) > beaconBytes) return;
      const given = deps.headers();
      const headers = given instanceof Promise ? lastHeaders : given;
      if (headers === null) return;
      // Neither tells for sure that it arrived, so the events stay until a later answer does: the server counts them once.
      // A beacon takes cookies along, but no headers.
      if (Object.keys(headers).length === 0 && beacon?.(deps.url, body) === true) return;
      request(body, headers, new AbortController().signal, true)
        .then(async (answer) => {
          if (answer.status >= 200 && answer.status <= 299) {
            deps.onFates(decodeFates(await answer.text(), events));
            deps.onChange();
          }
        })
        // A page that stays tries again at its next turn.
        .catch(() => undefined);
    },
    sendSoon: (delayMs) => {
      if (underWay === null && cancelTimer === null) schedule(delayMs);
    },
    abort: () => {
      cancelTimer?.();
      cancelTimer = null;
      retryAt = null;
      failures = 0;
      lastHeaders = null;
      const current = underWay;
      underWay = null;
      current?.abort.abort();
    },
    get sending() {
      return underWay !== null;
    },
    get retryAt() {
      return retryAt;
    },
  };
};
