import {
  createTelemetry,
  memoryStorage,
  type SendAnswer,
  type SendRequest,
  type Telemetry,
  type TelemetryClock,
  type TelemetryOptions,
  type TelemetryStorage,
} from "../../../src/telemetry/index.ts";

export interface ManualClock extends TelemetryClock {
  /** Moves on, and runs what is due on the way in its order; lets what it began come to rest. */
  advance(ms: number): Promise<void>;
}

/** Long enough for the promises of any one step here: there is no real waiting behind them. */
export const rest = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

export const manualClock = (startsAt = Date.UTC(2026, 0, 1)): ManualClock => {
  let now = startsAt;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  return {
    now: () => now,
    schedule: (delayMs, callback) => {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    advance: async (ms) => {
      const until = now + ms;
      for (;;) {
        const next = timers.filter(({ at }) => at <= until).sort((left, right) => left.at - right.at)[0];
        if (next === undefined) break;
        timers = timers.filter((each) => each !== next);
        now = Math.max(now, next.at);
        next.callback();
        await rest();
      }
      now = until;
      await rest();
    },
  };
};

export interface WireEvent {
  readonly id: string;
  readonly event_type: string;
  readonly session_id: string | null;
  readonly event_data: Readonly<Record<string, unknown>>;
}

export interface Sent extends SendRequest {
  readonly events: readonly WireEvent[];
}

export type Reply = (events: readonly WireEvent[], count: number) => SendAnswer | Promise<SendAnswer>;

export const answer = (
  status: number,
  body: unknown = {},
  headers: Readonly<Record<string, string>> = {},
): SendAnswer => ({
  status,
  headers: { get: (name) => headers[name] ?? null },
  text: () => Promise.resolve(JSON.stringify(body)),
});

/** Answers as the endpoint does, and knows what it has seen. */
export const acceptAll = (): Reply => {
  const seen = new Set<string>();
  return (events) => {
    const results = events.map(({ id }) => ({ id, status: seen.has(id) ? "duplicate" : "accepted" }));
    for (const { id } of events) seen.add(id);
    return answer(200, { results });
  };
};

export interface Tab {
  readonly telemetry: Telemetry;
  readonly sent: readonly Sent[];
  readonly beacons: readonly (readonly WireEvent[])[];
  /** Events that arrived in requests, by type, in their order. */
  types(): readonly string[];
  hide(): void;
  store(key: string | null): void;
}

export interface TabOptions extends Partial<TelemetryOptions> {
  readonly clock?: TelemetryClock;
  readonly storage?: TelemetryStorage;
  readonly reply?: Reply;
  readonly beacon?: boolean;
  readonly random?: () => number;
}

let ids = 0;

/** One page with the store in it. */
export const openTab = (options: TabOptions = {}): Tab => {
  const {
    clock = manualClock(),
    storage = memoryStorage(),
    reply = acceptAll(),
    beacon,
    random,
    ...rest
  } = options;
  const sent: Sent[] = [];
  const beacons: (readonly WireEvent[])[] = [];
  let hidden = (): void => undefined;
  let stored = (_key: string | null): void => undefined;
  const telemetry = createTelemetry({
    environment: {
      storage,
      clock,
      send: async (_url, request) => {
        const events = JSON.parse(request.body) as readonly WireEvent[];
        sent.push({ ...request, events });
        return reply(events, sent.length);
      },
      ...(beacon === undefined
        ? {}
        : {
            beacon: (_url, body) => {
              if (beacon) beacons.push(JSON.parse(body) as readonly WireEvent[]);
              return beacon;
            },
          }),
      newId: () => {
        ids += 1;
        return `id-${String(ids)}`;
      },
      random: random ?? (() => 1),
      onHidden: (callback) => {
        hidden = callback;
        return () => undefined;
      },
      onStored: (callback) => {
        stored = callback;
        return () => undefined;
      },
    },
    url: "https://usage.test/api/analytics/track",
    source: "app",
    consentVersion: "1",
    ...rest,
  });
  return {
    telemetry,
    sent,
    beacons,
    types: () => sent.flatMap(({ events }) => events.map(({ event_type: type }) => type)),
    hide: () => hidden(),
    store: (key) => stored(key),
  };
};
