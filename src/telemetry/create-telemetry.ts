import { allows, decide, readConsent, undecided } from "./consent.ts";
import { createEventQueue } from "./event-queue.ts";
import { createSafeStorage } from "./safe-storage.ts";
import { createSender } from "./sender.ts";
import { createSessionKeeper } from "./session.ts";
import {
  type Consent,
  type ConsentCategory,
  type ConsentChoice,
  type TelemetryCounts,
  type TelemetryEnvironment,
  type TelemetryEvent,
  type TelemetryFault,
  type TelemetryState,
} from "./types.ts";
import { byteLength, encodeEvent, type EventFate } from "./wire.ts";

export interface TelemetryOptions {
  readonly environment: TelemetryEnvironment;
  /** Where events go: `https://…/api/analytics/track`. */
  readonly url: string;
  /** Names the application among all that send for a workspace. */
  readonly source: string;
  /** Of the text that people agree to; another version asks them again. */
  readonly consentVersion: string;
  /** Credentials beside cookies, such as an `authorization` header. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  readonly credentials?: "include" | "same-origin" | "omit";
  /** Sees each event before it is kept; what it gives back is kept, null keeps nothing. For names and addresses of people. */
  readonly beforeKeep?: (event: TelemetryEvent) => TelemetryEvent | null;
  readonly storagePrefix?: string;
  readonly maxEvents?: number;
  readonly maxAgeMs?: number;
  readonly batchSize?: number;
  readonly batchBytes?: number;
  readonly flushAfterMs?: number;
}

export interface TrackOptions {
  readonly purpose?: ConsentCategory;
  readonly category?: string;
}

/** All that is held about a person here, as it is held. */
export interface TelemetryExport {
  readonly consent: Consent;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly events: readonly TelemetryEvent[];
}

export interface Telemetry {
  getState(): TelemetryState;
  subscribe(listener: () => void): () => void;
  /** Changes what it names and leaves the rest; what is taken back is erased here at once. */
  setConsent(choice: ConsentChoice): void;
  acceptAll(): void;
  rejectAll(): void;
  /** True if the event is kept. */
  track(type: string, data?: Readonly<Record<string, unknown>>, options?: TrackOptions): boolean;
  /** Counts an error, and tracks it where that is agreed to. */
  recordError(error: unknown): void;
  /** Whose events follow; null after a sign-out. What another user has left stays until that user is back. */
  identify(userId: string | null): void;
  setTracking(enabled: boolean): void;
  setDebug(enabled: boolean): void;
  flush(): Promise<void>;
  export(): TelemetryExport;
  /** Erases everything, the choice as well. */
  reset(): void;
  /** Stops listening and leaves what is queued for the next start. */
  stop(): void;
}

const noCounts: TelemetryCounts = {
  tracked: 0,
  trackedInSession: 0,
  sent: 0,
  duplicates: 0,
  rejected: 0,
  dropped: 0,
  withheld: 0,
  errors: 0,
};

const mostRecent = 50;

/** What the endpoint takes of one event. */
const maxEventBytes = 65_536;

const week = 7 * 24 * 3_600_000;

export const createTelemetry = (options: TelemetryOptions): Telemetry => {
  const { environment, consentVersion, source } = options;
  const { clock, newId } = environment;
  const prefix = options.storagePrefix ?? "hasura-usage-telemetry";
  const consentKey = `${prefix}:consent`;
  const batchSize = options.batchSize ?? 50;
  const flushAfterMs = options.flushAfterMs ?? 5_000;
  const listeners = new Set<() => void>();
  let consent = undecided(consentVersion);
  let counts = noCounts;
  let lastError: TelemetryFault | null = null;
  let recent: readonly TelemetryEvent[] = [];
  let userId: string | null | undefined;
  let tracking = true;
  let debug = false;
  let state: TelemetryState | null = null;

  const changed = (): void => {
    state = null;
    for (const listener of listeners) listener();
  };
  const count = (change: Partial<TelemetryCounts>): void => {
    const next = Object.entries(change).map(([name, by]) => [
      name,
      counts[name as keyof TelemetryCounts] + by,
    ]);
    counts = { ...counts, ...(Object.fromEntries(next) as Partial<TelemetryCounts>) };
  };
  const fault = (code: string, message: string): void => {
    count({ errors: 1 });
    lastError = { code, message, at: clock.now() };
    changed();
  };

  const storage = createSafeStorage(environment.storage, (code) =>
    fault(code, "the storage of this browser cannot be used"),
  );
  const queue = createEventQueue({
    storage,
    clock,
    prefix: `${prefix}:queue:`,
    tabId: newId(),
    maxEvents: options.maxEvents ?? 1_000,
    maxAgeMs: options.maxAgeMs ?? week,
    onDropped: (dropped) => count({ dropped }),
  });
  const sessions = createSessionKeeper(storage, clock, newId, `${prefix}:session`, () => userId);
  const isAllowed = (purpose: ConsentCategory): boolean => allows(consent, purpose);

  const settle = (fates: ReadonlyMap<string, EventFate>): void => {
    const held = new Set(queue.all().map(({ id }) => id));
    // An answer that comes twice, or for what was withdrawn meanwhile, counts nothing.
    const settled = [...fates].filter(([id]) => held.has(id));
    const of = (fate: EventFate): number => settled.filter(([, each]) => each === fate).length;
    queue.remove(new Set(settled.map(([id]) => id)));
    count({ sent: of("accepted"), duplicates: of("duplicate"), rejected: of("invalid") });
    changed();
  };
  const sender = createSender({
    environment,
    url: options.url,
    source,
    headers: options.headers ?? (() => ({})),
    credentials: options.credentials ?? "same-origin",
    batchSize,
    batchBytes: options.batchBytes ?? 512_000,
    pending: () =>
      queue
        .all()
        .filter((event) => isAllowed(event.purpose) && (event.userId === null || event.userId === userId)),
    onFates: settle,
    onFault: fault,
    onChange: changed,
  });

  /** Takes a choice over, whoever made it, and erases what it does not cover. */
  const follow = (next: Consent): void => {
    const withdrawn = queue.all().some(({ purpose }) => !allows(next, purpose));
    consent = next;
    if (withdrawn) sender.abort();
    queue.keepOnly(isAllowed);
    recent = recent.filter(({ purpose }) => isAllowed(purpose));
    if (!isAllowed("analytics")) sessions.clear();
    if (queue.all().length > 0) sender.sendSoon(flushAfterMs);
    changed();
  };
  const choose = (choice: ConsentChoice): void => {
    const next = decide(consent, choice, consentVersion, clock.now());
    storage.write(consentKey, next);
    follow(next);
  };
  const everything = (granted: boolean): ConsentChoice => ({
    analytics: granted,
    functional: granted,
    marketing: granted,
  });

  const keep = (event: TelemetryEvent): boolean => {
    const kept = options.beforeKeep === undefined ? event : options.beforeKeep(event);
    if (kept === null || byteLength(encodeEvent(kept, source)) > maxEventBytes) {
      count({ dropped: 1 });
      return false;
    }
    queue.add(kept);
    if (debug) recent = [kept, ...recent].slice(0, mostRecent);
    return true;
  };

  const track: Telemetry["track"] = (
    type,
    data = {},
    { purpose = "analytics", category = "custom" } = {},
  ) => {
    if (!tracking || !isAllowed(purpose)) {
      count({ withheld: 1 });
      changed();
      return false;
    }
    const before = sessions.current()?.id ?? null;
    // A session tells visits apart, which is analytics whatever the event is for.
    const sessionId = isAllowed("analytics") ? sessions.touch().id : null;
    const at = clock.now();
    let kept = false;
    try {
      kept = keep({ id: newId(), type, category, data, at, sessionId, userId: userId ?? null, purpose });
    } catch (error) {
      // A hook that fails, or data that is no JSON, must not take the page down.
      count({ dropped: 1 });
      fault("event-unusable", error instanceof Error ? error.message : "the event cannot be used");
    }
    if (kept) {
      if (sessionId !== before) counts = { ...counts, trackedInSession: 0 };
      count({ tracked: 1, trackedInSession: 1 });
      if (queue.all().length >= batchSize && sender.retryAt === null) void sender.flush();
      else sender.sendSoon(flushAfterMs);
    }
    changed();
    return kept;
  };

  const hidden = environment.onHidden(() => {
    queue.persist(true);
    sender.flushHidden();
  });
  const stored = environment.onStored((key) => {
    // Another tab's choice is this tab's as well; null is all keys at once.
    if (key === null || key === consentKey) follow(readConsent(storage.read(consentKey), consentVersion));
  });

  consent = readConsent(storage.read(consentKey), consentVersion);
  if (consent.decidedAt === null) {
    // What was kept under another text was agreed to under another text.
    queue.clear();
  } else {
    queue.adopt();
    queue.keepOnly(isAllowed);
    if (queue.all().length > 0) sender.sendSoon(0);
  }

  return {
    getState: () =>
      (state ??= {
        consent,
        needsChoice: consent.decidedAt === null,
        tracking,
        debug,
        sessionId: sessions.current()?.id ?? null,
        userId: userId ?? null,
        queued: queue.all().length,
        sending: sender.sending,
        retryAt: sender.retryAt,
        counts,
        lastError,
        recent,
      }),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    setConsent: choose,
    acceptAll: () => choose(everything(true)),
    rejectAll: () => choose(everything(false)),
    track,
    recordError: (error) => {
      const message = error instanceof Error ? error.message : String(error);
      fault("recorded", message);
      track("error", { message }, { category: "error" });
    },
    identify: (next) => {
      if (next === userId) return;
      userId = next;
      // What is under way carries the credentials of the one before.
      sender.abort();
      if (queue.all().length > 0) sender.sendSoon(flushAfterMs);
      changed();
    },
    setTracking: (enabled) => {
      tracking = enabled;
      changed();
    },
    setDebug: (enabled) => {
      debug = enabled;
      if (!enabled) recent = [];
      changed();
    },
    flush: () => sender.flush(),
    export: () => ({
      consent,
      sessionId: sessions.current()?.id ?? null,
      userId: userId ?? null,
      events: queue.all(),
    }),
    reset: () => {
      sender.abort();
      queue.clear();
      sessions.clear();
      storage.remove(consentKey);
      consent = undecided(consentVersion);
      counts = noCounts;
      lastError = null;
      recent = [];
      userId = undefined;
      changed();
    },
    stop: () => {
      hidden();
      stored();
      sender.abort();
      queue.stop();
      listeners.clear();
    },
  };
};
