import { memoryStorage } from "./safe-storage.ts";
import { type TelemetryEnvironment, type TelemetryStorage } from "./types.ts";

/** The part of `window.localStorage` that is used. */
export interface WebStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The part of a `StorageEvent` that is used; null where all keys were removed at once. */
interface StoredEvent {
  readonly key: string | null;
}

/** The part of a window that is used. */
export interface TelemetryWindow {
  readonly localStorage: WebStorage;
  readonly document: {
    readonly visibilityState: string;
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
  };
  readonly navigator: { sendBeacon?(url: string, body: unknown): boolean };
  addEventListener(type: string, listener: (event: StoredEvent) => void): void;
  removeEventListener(type: string, listener: (event: StoredEvent) => void): void;
}

export const webStorage = (storage: WebStorage): TelemetryStorage => ({
  getItem: (key) => storage.getItem(key),
  setItem: (key, value) => storage.setItem(key, value),
  removeItem: (key) => storage.removeItem(key),
  keys: () =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index)).filter((key) => key !== null),
});

const timers: TelemetryEnvironment["clock"] = {
  now: () => Date.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** A window may forbid its storage by throwing at the mere look. */
const storageOf = (window: TelemetryWindow): TelemetryStorage => {
  try {
    return webStorage(window.localStorage);
  } catch {
    return memoryStorage();
  }
};

/** What the store needs, from a window. */
export const browserEnvironment = (window: TelemetryWindow): TelemetryEnvironment => ({
  storage: storageOf(window),
  clock: timers,
  send: (url, request) => fetch(url, request),
  beacon: (url, body) =>
    window.navigator.sendBeacon?.(url, new Blob([body], { type: "application/json" })) ?? false,
  newId: () => crypto.randomUUID(),
  random: Math.random,
  onHidden: (callback) => {
    const onVisibility = (): void => {
      if (window.document.visibilityState === "hidden") callback();
    };
    // Both: some browsers end a hidden page without another word, some leave a visible one.
    window.addEventListener("pagehide", callback);
    window.document.addEventListener("visibilitychange", onVisibility);
    return () => {
      window.removeEventListener("pagehide", callback);
      window.document.removeEventListener("visibilitychange", onVisibility);
    };
  },
  onStored: (callback) => {
    const listener = (event: StoredEvent): void => callback(event.key);
    window.addEventListener("storage", listener);
    return () => window.removeEventListener("storage", listener);
  },
});

/** The same without a page: nothing is kept beyond the process unless a storage is given. */
export const nodeEnvironment = (storage: TelemetryStorage = memoryStorage()): TelemetryEnvironment => ({
  storage,
  clock: timers,
  send: (url, request) => fetch(url, request),
  newId: () => crypto.randomUUID(),
  random: Math.random,
  onHidden: () => () => undefined,
  onStored: () => () => undefined,
});
