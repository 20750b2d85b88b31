import { randomBytes } from "node:crypto";

import type { Database } from "../core/index.ts";
import { createDatabase } from "../postgres/index.ts";
import { urlOf } from "./template-database.ts";

const sessionRounds = 50;

const freshName = (): string => `hasura_usage_test_${randomBytes(8).toString("hex")}`;

/** One database, thrown away and cloned anew; its URL and port stay the same, so whoever uses it goes on. */
export interface TestDatabase {
  readonly database: Database;
  readonly url: string;
  /** Back to what the database held when it was frozen, or cloned. */
  reset(): Promise<void>;
  /** What is in the database now becomes what `reset` returns to. */
  freeze(): Promise<void>;
  close(): Promise<void>;
}

export interface TestDatabaseOptions {
  readonly serverUrl: string;
  readonly template: string;
  /** Nobody else uses the server, and it ends right afterwards: the template is taken, not cloned, and nothing is dropped. */
  readonly ownsServer?: boolean;
  readonly maxConnections?: number;
}

/** Clones the template; a second clone is made ahead, so that a reset only has to switch. */
export const createTestDatabase = async (options: TestDatabaseOptions): Promise<TestDatabase> => {
  const { serverUrl } = options;
  const server = createDatabase({
    connectionString: serverUrl,
    maxConnections: 2,
    applicationName: "hasura-usage-testing",
  });
  const clone = async (template: string): Promise<string> => {
    const name = freshName();
    // file_copy: a third of the time that copying through the write-ahead log takes.
    await server.query(`create database ${name} template ${template} strategy file_copy`);
    return name;
  };

  const take = async (template: string): Promise<string> => {
    const name = freshName();
    await server.query(`alter database ${template} rename to ${name}`);
    return name;
  };
  const ownsServer = options.ownsServer ?? false;
  const name = await (ownsServer ? take : clone)(options.template);
  const url = urlOf(serverUrl, name);
  const open = (): Database =>
    createDatabase({
      connectionString: url,
      maxConnections: options.maxConnections ?? 5,
      applicationName: "hasura-usage-testing",
    });
  let pool = open();
  let template = options.template;
  let spare: Promise<string> | undefined;
  let dropping: Promise<void> = Promise.resolve();

  const prepareSpare = (): void => {
    const made = clone(template);
    made.catch(() => undefined);
    spare = made;
  };
  const drop = (name: string): void => {
    dropping = dropping.then(async () => {
      await server.query(`drop database if exists ${name} with (force)`).catch(() => undefined);
    });
  };
  const takeSpare = async (): Promise<string> => {
    const ready = spare;
    spare = undefined;
    return ready === undefined ? clone(template) : ready;
  };
  /** Handlers may hold sessions of their own; a database can be renamed or cloned only without any. */
  const clearSessions = async (): Promise<void> => {
    // A pool that reconnects at once could go on for ever; then the rename says who is in the way.
    for (let round = 0; round < sessionRounds; round += 1) {
      const held = await server.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
        [name],
      );
      if (held.length === 0) return;
    }
  };
  /** The name, and with it the URL, stays: only what it stands for changes. */
  const replace = async (aside: string): Promise<void> => {
    const next = await takeSpare();
    await pool.close();
    await clearSessions();
    await server.query(`alter database ${name} rename to ${aside}`);
    await server.query(`alter database ${next} rename to ${name}`);
    pool = open();
  };

  return {
    url,
    database: {
      query: (text, values, queryOptions) => pool.query(text, values, queryOptions),
      transaction: (work) => pool.transaction(work),
      batch: (statements, accept) => pool.batch(statements, accept),
      close: () => pool.close(),
    },
    reset: async () => {
      const aside = freshName();
      await replace(aside);
      drop(aside);
      prepareSpare();
    },
    freeze: async () => {
      const unused = spare;
      spare = undefined;
      if (unused !== undefined) drop(await unused);
      const frozen = freshName();
      await pool.close();
      await clearSessions();
      await server.query(`alter database ${name} rename to ${frozen}`);
      if (template !== options.template) drop(template);
      template = frozen;
      await server.query(`alter database ${await clone(template)} rename to ${name}`);
      pool = open();
      prepareSpare();
    },
    close: async () => {
      await pool.close();
      const unused = await spare?.catch(() => undefined);
      if (!ownsServer) {
        if (unused !== undefined) drop(unused);
        drop(name);
        if (template !== options.template) drop(template);
      }
      await dropping;
      await server.close();
    },
  };
};
