import { type SafeStorage } from "./safe-storage.ts";
import { type TelemetryClock } from "./types.ts";

export interface Session {
  readonly id: string;
  readonly lastAt: number;
  readonly userId: string | null;
}

export interface SessionKeeper {
  /** The session at this moment, a new one after half an hour without an event; all tabs share it. */
  touch(): Session;
  /** Without touching it. */
  current(): Session | null;
  clear(): void;
}

export const idleMs = 30 * 60_000;

/** Written this often at most, so that an event is not a write. */
const writeEveryMs = 30_000;

const readSession = (stored: unknown): Session | null => {
  if (typeof stored !== "object" || stored === null) return null;
  const { id, lastAt, userId } = stored as Partial<Session>;
  return typeof id === "string" &&
    typeof lastAt === "number" &&
    (userId === null || typeof userId === "string")
    ? { id, lastAt, userId }
    : null;
};

export const createSessionKeeper = (
  storage: SafeStorage,
  clock: TelemetryClock,
  newId: () => string,
  key: string,
  /** Undefined until somebody said who is here: a page that was loaded again goes on with its session. */
  user: () => string | null | undefined,
): SessionKeeper => {
  let session: Session | null = null;
  let writtenAt = Number.NEGATIVE_INFINITY;
  const isOf = ({ userId }: Session): boolean => {
    const present = user();
    return present === undefined || userId === null || userId === present;
  };
  const live = (candidate: Session | null): Session | null =>
    candidate !== null && clock.now() - candidate.lastAt < idleMs && isOf(candidate) ? candidate : null;
  return {
    touch: () => {
      const now = clock.now();
      // Another tab may have begun one meanwhile, or kept this one alive.
      const found = live(session) ?? live(readSession(storage.read(key)));
      const next = { id: found?.id ?? newId(), lastAt: now, userId: user() ?? found?.userId ?? null };
      if (next.id !== session?.id || next.userId !== session.userId || now - writtenAt >= writeEveryMs) {
        storage.write(key, next);
        writtenAt = now;
      }
      session = next;
      return next;
    },
    current: () => live(session),
    clear: () => {
      session = null;
      writtenAt = Number.NEGATIVE_INFINITY;
      storage.remove(key);
    },
  };
};
