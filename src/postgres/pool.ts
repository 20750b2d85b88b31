import pg from "pg";

import type { Database, QueryOptions, Queryable, TextRows, Transaction } from "../core/index.ts";
import { toDatabaseError } from "./connection-errors.ts";
import { CopyQuery } from "./copy-query.ts";
import { traceDatabase } from "./trace-database.ts";
import { PipelinedQuery, type PipelinedStatement, type QueryCallback } from "./pipelined-query.ts";

export interface DatabaseOptions {
  readonly connectionString: string;
  /** Sessions open at most; further work waits for one. */
  readonly maxConnections?: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** How long work may wait for a session before the database counts as unreachable. */
  readonly connectTimeoutMs?: number;
}

interface Runner {
  query(config: pg.QueryConfig): Promise<pg.QueryResult>;
}

/** Runs what is made of statements on a session of its own. */
type Submit = (query: PipelinedQuery) => void;

const runPlain = async <R>(
  runner: Runner,
  text: string,
  values: readonly unknown[],
  name: string | undefined,
): Promise<readonly R[]> => {
  try {
    const result = await runner.query({
      text,
      values: [...values],
      ...(name === undefined ? {} : { name }),
    });
    return result.rows as R[];
  } catch (error) {
    throw toDatabaseError(error);
  }
};

const isText = (values: readonly unknown[]): values is readonly (string | null)[] =>
  values.every((value) => typeof value === "string" || value === null);

const run =
  (runner: Runner, submit: Submit): Queryable["query"] =>
  <R>(text: string, values: readonly unknown[] = [], { name }: QueryOptions = {}) =>
    name === undefined || !isText(values)
      ? runPlain<R>(runner, text, values, name)
      : new Promise<readonly R[]>((resolve, reject) => {
          const query = new PipelinedQuery([{ text, values, name }]);
          query.callback = (error, [rows]) => {
            if (error === null) resolve((rows ?? []) as readonly R[]);
            else reject(toDatabaseError(error) as Error);
          };
          submit(query);
        });

const noop = (): void => undefined;

/** Whether a session can go on after an error: the server refused a statement, and said so in the way of a statement. */
const isStatementError = (error: Error): boolean =>
  error instanceof pg.DatabaseError && error.severity === "ERROR" && toDatabaseError(error) === error;

/**
 * Runs a query on the next free session. The pool's own `query` throws the session away after every error, which would make
 * a refused insert cost a connection.
 */
const submitTo =
  (pool: pg.Pool): Submit =>
  (query) => {
    const { callback } = query;
    pool.connect((connectError, client, release) => {
      if (client === undefined) {
        callback(connectError ?? new Error("Connection terminated"), []);
        return;
      }
      // A session that is lost reports it here as well as to its query.
      client.on("error", noop);
      const settle: QueryCallback = (error, answers) => {
        client.off("error", noop);
        release(error === null || query.wasRefused || isStatementError(error) ? undefined : error);
        callback(error, answers);
      };
      query.callback = settle;
      client.query(query);
    });
  };

const asText: pg.CustomTypesConfig = { getTypeParser: () => (value: unknown) => value };

/** Without parameters Postgres takes several statements at once, and pg answers with a list when it got several. */
const scriptRows = async (client: pg.PoolClient, text: string): Promise<TextRows | null> => {
  try {
    const answer = (await client.query({ text, rowMode: "array", types: asText })) as
      pg.QueryArrayResult<(string | null)[]> | readonly pg.QueryArrayResult<(string | null)[]>[];
    const last = Array.isArray(answer) ? (answer.at(-1) as pg.QueryArrayResult<(string | null)[]>) : answer;
    const result = last as pg.QueryArrayResult<(string | null)[]> | undefined;
    if (result === undefined || result.fields.length === 0) return null;
    return { columns: result.fields.map((field) => field.name), rows: result.rows };
  } catch (error) {
    throw toDatabaseError(error);
  }
};

const asTransaction = (client: pg.PoolClient): Transaction => ({
  query: run(client, (query) => void client.query(query)),
  script: async (text) => {
    try {
      await client.query(text);
    } catch (error) {
      throw toDatabaseError(error);
    }
  },
  scriptRows: (text) => scriptRows(client, text),
  copy: (text, rows) =>
    new Promise((resolve, reject) => {
      const query = new CopyQuery(text, rows);
      query.callback = (error) => {
        if (error === null) resolve();
        else reject(toDatabaseError(error) as Error);
      };
      client.query(query);
    }),
});

const connect = async (pool: pg.Pool): Promise<pg.PoolClient> => {
  try {
    return await pool.connect();
  } catch (error) {
    throw toDatabaseError(error);
  }
};

/** Returns undefined when the session is clean again, else the reason to throw it away. */
const rollback = async (client: pg.PoolClient): Promise<Error | undefined> => {
  try {
    await client.query("rollback");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error("rollback failed");
  }
};

const inTransaction = async <T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>): Promise<T> => {
  const client = await connect(pool);
  let broken: Error | undefined;
  // A checked-out client reports a lost connection here too; without a listener that would end the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on("error", onError);
  try {
    await client.query("begin");
    const result = await work(asTransaction(client));
    const committed = await client.query("commit");
    // PostgreSQL answers a commit of a failed transaction with a silent rollback.
    if (committed.command === "ROLLBACK")
      throw new Error("transaction was rolled back: a statement in it failed");
    return result;
  } catch (error) {
    broken = (await rollback(client)) ?? broken;
    throw toDatabaseError(error);
  } finally {
    client.off("error", onError);
    client.release(broken);
  }
};

/** The database, and how busy the sessions of this process are. */
export interface PooledDatabase extends Database {
  sessions(): { readonly busy: number; readonly idle: number; readonly waiting: number };
}

export const createDatabase = (options: DatabaseOptions): PooledDatabase => {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.maxConnections ?? 10,
    application_name: options.applicationName ?? "hasura-usage",
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // The pool replaces an idle session that the server closed; the next query reports an outage if it lasts.
  pool.on("error", () => undefined);
  let closing: Promise<void> | undefined;
  const submit = submitTo(pool);
  const database = traceDatabase({
    query: run(pool, submit),
    transaction: (work) => inTransaction(pool, work),
    batch: (statements: readonly PipelinedStatement[], accept) =>
      new Promise((resolve, reject) => {
        const query = new PipelinedQuery(statements, { accept });
        query.callback = (error) => {
          if (error === null) resolve();
          else reject(toDatabaseError(error) as Error);
        };
        submit(query);
      }),
    close: () => (closing ??= pool.end()),
  });
  return {
    ...database,
    sessions: () => ({
      busy: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
  };
};
