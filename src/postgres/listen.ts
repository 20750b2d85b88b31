import pg from "pg";

import type { Clock, Logger, Notification } from "../core/index.ts";

export interface ListenerDeps {
  readonly connectionString: string;
  readonly channels: readonly string[];
  readonly onNotification: (notification: Notification) => void;
  /** Each time it begins to listen: whatever was announced before has not been heard. */
  readonly onListening: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
}

export interface Listener {
  /** False while the connection is down: what is kept in memory may be out of date. */
  isListening(): boolean;
  stop(): Promise<void>;
}

const firstPauseMs = 100;
const longestPauseMs = 5_000;

/** A session of its own that hears notifications and comes back by itself when it is lost. */
export const createListener = (deps: ListenerDeps): Listener => {
  const { clock, logger } = deps;
  let client: pg.Client | undefined;
  let listening = false;
  let stopped = false;
  let pauseMs = firstPauseMs;
  let cancelRetry: (() => void) | undefined;

  const lose = (lost: pg.Client, error: unknown): void => {
    if (client !== lost) return;
    client = undefined;
    listening = false;
    lost.end().catch(() => undefined);
    if (stopped) return;
    logger.warn({ err: error }, "the session that hears notifications is lost; it is opened again");
    cancelRetry = clock.schedule(pauseMs, open);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  };

  const open = (): void => {
    const opened = new pg.Client({
      connectionString: deps.connectionString,
      application_name: deps.applicationName ?? "hasura-usage listener",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    });
    client = opened;
    opened.on("error", (error) => lose(opened, error));
    opened.on("end", () => lose(opened, new Error("the server closed the session")));
    opened.on("notification", ({ channel, payload }) => {
      deps.onNotification({ channel, payload: payload ?? "" });
    });
    opened
      .connect()
      .then(() => opened.query(deps.channels.map((name) => `listen ${pg.escapeIdentifier(name)}`).join(";")))
      .then(
        () => {
          if (client !== opened) return;
          listening = true;
          pauseMs = firstPauseMs;
          deps.onListening();
        },
        (error: unknown) => lose(opened, error),
      );
  };

  open();
  return {
    isListening: () => listening,
    stop: async () => {
      stopped = true;
      cancelRetry?.();
      const open = client;
      client = undefined;
      listening = false;
      await open?.end().catch(() => undefined);
    },
  };
};
