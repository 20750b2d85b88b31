import { setTimeout as pause } from "node:timers/promises";

import { AppError, type Database, type QueryOptions, type Transaction } from "../core/index.ts";

/** Serialization failure and deadlock: Postgres ended the transaction for another one and nothing of it is left. */
const contention = new Set(["40001", "40P01"]);

const tries = 3;

/** A loser that comes back at once takes the row again before the winner that waits for it has woken up. */
const pauseMs = (attempt: number): number => attempt * (20 + Math.random() * 30);

const isContention = (error: unknown): boolean =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  typeof error.code === "string" &&
  contention.has(error.code);

const repeat = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isContention(error)) throw error;
      if (attempt < tries) {
        await pause(pauseMs(attempt));
        continue;
      }
      throw new AppError({
        kind: "unavailable",
        code: "contention",
        message: "Other work kept the rows that this needed; nothing was changed. Try again.",
        context: { sent: false, tries },
        cause: error,
      });
    }
  }
};

/**
 * Runs a lone statement, or a transaction from its start, again when it lost against another one, and calls it an outage
 * when it keeps losing. What a transaction does outside the database is done as often: hand in only what may be repeated.
 */
export const repeatContention = (database: Database): Database => ({
  query: <R>(text: string, values?: readonly unknown[], options?: QueryOptions) =>
    repeat(() => database.query<R>(text, values, options)),
  transaction: <T>(work: (tx: Transaction) => Promise<T>) => repeat(() => database.transaction(work)),
  batch: (...batch) => repeat(() => database.batch(...batch)),
  close: () => database.close(),
});
