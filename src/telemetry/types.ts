/** What a person can agree to. Essential needs no agreement, but counts only from the choice on, like all else. */
export type ConsentCategory = "essential" | "analytics" | "functional" | "marketing";

export type ConsentChoice = Readonly<Partial<Record<Exclude<ConsentCategory, "essential">, boolean>>>;

export interface Consent {
  readonly granted: Readonly<Record<ConsentCategory, boolean>>;
  /** Milliseconds since 1970; null before the first choice. */
  readonly decidedAt: number | null;
  /** Of the text that was agreed to: another version asks again. */
  readonly version: string;
}

export interface TelemetryEvent {
  /** Makes a repeat harmless: the server counts an id once. */
  readonly id: string;
  readonly type: string;
  readonly category: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970, by the clock of the client. */
  readonly at: number;
  readonly sessionId: string | null;
  /** Whose event it is; it is never sent with the credentials of another user. */
  readonly userId: string | null;
  readonly purpose: ConsentCategory;
}

/** The part of `localStorage` that is needed, and the names of all keys. Any call may throw. */
export interface TelemetryStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  keys(): readonly string[];
}

export interface TelemetryClock {
  now(): number;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export interface SendRequest {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly keepalive: boolean;
  readonly signal: AbortSignal;
  readonly credentials: "include" | "same-origin" | "omit";
}

export interface SendAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** Everything outside of the store; `browserEnvironment` makes it from a window. */
export interface TelemetryEnvironment {
  readonly storage: TelemetryStorage;
  readonly clock: TelemetryClock;
  readonly send: (url: string, request: SendRequest) => Promise<SendAnswer>;
  /** True where the browser took the body over; absent where there is no such thing. */
  readonly beacon?: (url: string, body: string) => boolean;
  readonly newId: () => string;
  /** 0 up to, not including, 1. */
  readonly random: () => number;
  /** Tells when the page may be gone at any moment; the returned function ends it. */
  readonly onHidden: (callback: () => void) => () => void;
  /** Tells that another tab has changed a key; the returned function ends it. */
  readonly onStored: (callback: (key: string | null) => void) => () => void;
}

export interface TelemetryFault {
  readonly code: string;
  readonly message: string;
  readonly at: number;
}

export interface TelemetryCounts {
  readonly tracked: number;
  readonly trackedInSession: number;
  readonly sent: number;
  /** Known to the server already. */
  readonly duplicates: number;
  /** Refused by the server for good. */
  readonly rejected: number;
  /** Fell out: the queue was full, the event too large or too old, or a hook said no. */
  readonly dropped: number;
  /** Not kept, because nobody agreed. */
  readonly withheld: number;
  readonly errors: number;
}

export interface TelemetryState {
  readonly consent: Consent;
  /** Whether somebody has to be asked: there was no choice, or one about another text. */
  readonly needsChoice: boolean;
  readonly tracking: boolean;
  readonly debug: boolean;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly queued: number;
  readonly sending: boolean;
  readonly retryAt: number | null;
  readonly counts: TelemetryCounts;
  readonly lastError: TelemetryFault | null;
  /** In debug mode only, the newest first. */
  readonly recent: readonly TelemetryEvent[];
}
