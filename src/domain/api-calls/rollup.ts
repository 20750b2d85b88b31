import { randomUUID } from "node:crypto";
import { AppError, type Clock, type Logger, type Queryable } from "../../core/index.ts";
import { createTally, type TallySettings } from "./tally.ts";
import { type ApiCall, type ApiCallRow } from "./types.ts";

export interface RollupSettings extends TallySettings {
  readonly flushMs: number;
  /** After so many tries of one batch that are not an outage it is given up: it would hold up all that come after it. */
  readonly maxTries: number;
}

export const defaultRollupSettings: RollupSettings = {
  flushMs: 250,
  maxOperations: 100,
  maxRows: 20_000,
  maxTries: 5,
};

export interface ApiCallRollupDeps {
  readonly database: Queryable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<RollupSettings>;
}

export interface ApiCallRollup {
  record(call: ApiCall): void;
  /** Writes what was recorded so far; for tests and for the end. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** A batch keeps its id until it is known to be written: sent again it counts once. */
interface Batch {
  readonly id: string;
  readonly rows: readonly ApiCallRow[];
  tries: number;
}

/**
 * Hourly sums of what came through the door, added up in memory and written in one statement a quarter of a second: a
 * crash loses that much of the sums, and nothing of the quota, which is counted elsewhere.
 */
export const createApiCallRollup = (deps: ApiCallRollupDeps): ApiCallRollup => {
  const { database, clock, logger } = deps;
  const settings = { ...defaultRollupSettings, ...deps.settings };
  const tally = createTally(settings);
  let unsent: Batch | undefined;
  let writing: Promise<void> | undefined;
  let cancelFlush: (() => void) | undefined;

  const write = async (batch: Batch): Promise<void> => {
    try {
      await database.query("select usage.add_api_calls($1, $2)", [batch.id, JSON.stringify(batch.rows)], {
        name: "usage_add_api_calls",
      });
      unsent = undefined;
    } catch (error) {
      const isOutage = error instanceof AppError && error.kind === "unavailable";
      batch.tries += isOutage ? 0 : 1;
      if (batch.tries >= settings.maxTries) {
        unsent = undefined;
        logger.error(
          { err: error, rows: batch.rows.length },
          "API calls could not be written and are left out",
        );
      } else logger.warn({ err: error }, "API calls were not written; they are sent again");
      throw error;
    }
  };

  const writeAll = async (): Promise<void> => {
    while (unsent !== undefined || tally.size() > 0) {
      unsent ??= { id: randomUUID(), rows: tally.take(), tries: 0 };
      await write(unsent);
    }
  };

  const flush = (): Promise<void> => {
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (unsent !== undefined || tally.size() > 0) flushLater();
    });
    return writing;
  };

  const flushLater = (): void => {
    cancelFlush ??= clock.schedule(settings.flushMs, () => {
      cancelFlush = undefined;
      // Logged where it failed, and tried again.
      flush().catch(() => undefined);
    });
  };

  const cancel = (): void => {
    cancelFlush?.();
    cancelFlush = undefined;
  };

  return {
    record: (call) => {
      tally.add(call);
      if (writing === undefined) flushLater();
    },
    flush,
    stop: async () => {
      cancel();
      await flush().catch(() => undefined);
      // What was recorded while the last write was under way.
      if (tally.size() > 0) await flush().catch(() => undefined);
      cancel();
    },
  };
};
