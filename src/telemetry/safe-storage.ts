import { type TelemetryStorage } from "./types.ts";

export interface SafeStorage {
  /** Null for what is missing, unreadable or no JSON. */
  read(key: string): unknown;
  /** False where it could not be stored; what was there before is gone then, since it is no longer true. */
  write(key: string, value: unknown): boolean;
  remove(key: string): void;
  keys(prefix: string): readonly string[];
}

/** A storage that is full, forbidden or broken costs what it would have kept, and nothing else. */
export const createSafeStorage = (
  storage: TelemetryStorage,
  onFault: (code: string, error: unknown) => void,
): SafeStorage => {
  const attempt = <T>(code: string, instead: T, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      onFault(code, error);
      return instead;
    }
  };
  const remove = (key: string): void => attempt("storage-failed", undefined, () => storage.removeItem(key));
  return {
    read: (key) =>
      attempt("storage-unreadable", null, () => {
        const text = storage.getItem(key);
        return text === null ? null : (JSON.parse(text) as unknown);
      }),
    write: (key, value) => {
      const stored = attempt("storage-full", false, () => {
        storage.setItem(key, JSON.stringify(value));
        return true;
      });
      if (!stored) remove(key);
      return stored;
    },
    remove,
    keys: (prefix) =>
      attempt("storage-failed", [], () => storage.keys().filter((key) => key.startsWith(prefix))),
  };
};

/** Keeps nothing beyond the process, for Node and for tests. */
export const memoryStorage = (): TelemetryStorage => {
  const held = new Map<string, string>();
  return {
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => void held.set(key, value),
    removeItem: (key) => void held.delete(key),
    keys: () => [...held.keys()],
  };
};
