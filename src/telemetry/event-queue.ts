import { type SafeStorage } from "./safe-storage.ts";
import { type ConsentCategory, type TelemetryClock, type TelemetryEvent } from "./types.ts";

export interface EventQueueDeps {
  readonly storage: SafeStorage;
  readonly clock: TelemetryClock;
  readonly prefix: string;
  readonly tabId: string;
  readonly maxEvents: number;
  readonly maxAgeMs: number;
  readonly onDropped: (count: number) => void;
}

export interface EventQueue {
  /** Full, the oldest falls out: what happens now is worth more than what could not be sent for long. */
  add(event: TelemetryEvent): void;
  remove(ids: ReadonlySet<string>): void;
  /** Takes out what is kept for purposes that are not agreed to, by any tab. */
  keepOnly(allowed: (purpose: ConsentCategory) => boolean): void;
  all(): readonly TelemetryEvent[];
  /** Takes over what tabs have left behind that are gone. */
  adopt(): void;
  /** Writes at once what would be written soon; whoever may be gone in a moment leaves it to any other tab. */
  persist(leaving?: boolean): void;
  clear(): void;
  stop(): void;
}

interface StoredQueue {
  readonly aliveUntil: number;
  readonly events: readonly TelemetryEvent[];
}

/** Many events in a row are written once; a crash loses this much. */
const persistAfterMs = 250;

/** A tab that has not written for so long is gone. Longer than browsers let the timers of a hidden tab wait. */
const aliveForMs = 180_000;

const isEvent = (value: unknown): value is TelemetryEvent => {
  if (typeof value !== "object" || value === null) return false;
  const { id, type, at, purpose, data } = value as Partial<TelemetryEvent>;
  return (
    typeof id === "string" &&
    typeof type === "string" &&
    typeof at === "number" &&
    typeof purpose === "string" &&
    typeof data === "object"
  );
};

const readStored = (value: unknown): StoredQueue | null => {
  if (typeof value !== "object" || value === null) return null;
  const { aliveUntil, events } = value as Partial<StoredQueue>;
  if (typeof aliveUntil !== "number" || !Array.isArray(events)) return null;
  return { aliveUntil, events: (events as readonly unknown[]).filter(isEvent) };
};

/**
 * Events that wait to be sent, each tab's under a key of its own: tabs that wrote one list together would take each other's events
 * out. What two of them send twice all the same, the server counts once.
 */
export const createEventQueue = (deps: EventQueueDeps): EventQueue => {
  const { storage, clock, prefix, tabId, maxEvents, maxAgeMs, onDropped } = deps;
  const key = `${prefix}${tabId}`;
  let events: readonly TelemetryEvent[] = [];
  let cancelPersist: (() => void) | null = null;
  let cancelAlive: (() => void) | null = null;

  const persist = (leaving = false): void => {
    cancelPersist?.();
    cancelPersist = null;
    cancelAlive?.();
    cancelAlive = null;
    if (events.length === 0) {
      storage.remove(key);
      return;
    }
    storage.write(key, {
      aliveUntil: leaving ? 0 : clock.now() + aliveForMs,
      events,
    } satisfies StoredQueue);
    cancelAlive = clock.schedule(aliveForMs / 3, () => persist());
  };
  const persistSoon = (): void => {
    cancelPersist ??= clock.schedule(persistAfterMs, () => persist());
  };
  const replace = (next: readonly TelemetryEvent[]): void => {
    if (next.length === events.length) return;
    events = next;
    persistSoon();
  };
  const fit = (next: readonly TelemetryEvent[]): readonly TelemetryEvent[] => {
    const oldest = clock.now() - maxAgeMs;
    const young = next.filter(({ at }) => at >= oldest).slice(-maxEvents);
    if (young.length < next.length) onDropped(next.length - young.length);
    return young;
  };

  return {
    add: (event) => {
      events = fit([...events, event]);
      persistSoon();
    },
    remove: (ids) => replace(events.filter(({ id }) => !ids.has(id))),
    keepOnly: (allowed) => {
      const isKept = ({ purpose }: TelemetryEvent): boolean => allowed(purpose);
      if (!events.every(isKept)) {
        events = events.filter(isKept);
        // Not soon: what was withdrawn must not be found after a crash.
        persist();
      }
      for (const other of storage.keys(prefix)) {
        if (other === key) continue;
        const stored = readStored(storage.read(other));
        const kept = (stored?.events ?? []).filter(isKept);
        if (stored === null || kept.length === 0) storage.remove(other);
        else if (kept.length < stored.events.length) storage.write(other, { ...stored, events: kept });
      }
    },
    all: () => events,
    adopt: () => {
      for (const other of storage.keys(prefix)) {
        const stored = readStored(storage.read(other));
        if (other !== key && stored !== null && stored.aliveUntil > clock.now()) continue;
        const known = new Set(events.map(({ id }) => id));
        events = fit([...(stored?.events ?? []).filter(({ id }) => !known.has(id)), ...events]);
        // Before the other goes, so that a crash leaves it twice rather than nowhere.
        persist();
        if (other !== key) storage.remove(other);
      }
    },
    persist,
    clear: () => {
      events = [];
      for (const stored of storage.keys(prefix)) storage.remove(stored);
      persist();
    },
    stop: () => {
      persist(true);
      cancelAlive?.();
      cancelAlive = null;
    },
  };
};
