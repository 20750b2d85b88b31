import { randomBytes } from "node:crypto";

import type { Database } from "../core/index.ts";
import { createDatabase } from "../postgres/index.ts";
import { onServer, urlOf } from "./template-database.ts";

interface Clone {
  readonly name: string;
  readonly url: string;
}

/** One database at a time, thrown away and cloned anew; the port stays the same, so an engine over it goes on. */
export interface TestDatabase {
  readonly database: Database;
  url(): string;
  /** Back to what the database held when it was frozen, or cloned. */
  reset(): Promise<void>;
  /** What is in the database now becomes what `reset` returns to. */
  freeze(): Promise<void>;
  close(): Promise<void>;
}

export interface TestDatabaseOptions {
  readonly serverUrl: string;
  readonly template: string;
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
  const open = (url: string): Database =>
    createDatabase({
      connectionString: url,
      maxConnections: options.maxConnections ?? 5,
      applicationName: "hasura-usage-testing",
    });
  const clone = async (template: string): Promise<Clone> => {
    const name = `hasura_usage_test_${randomBytes(8).toString("hex")}`;
    // file_copy: a third of the time that copying through the write-ahead log takes.
    await server.query(`create database ${name} template ${template} strategy file_copy`);
    return { name, url: urlOf(serverUrl, name) };
  };

  let template = options.template;
  let current = await clone(template);
  let pool = open(current.url);
  const toDrop: string[] = [];
  let spare: Promise<Clone> | undefined;
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
  const switchTo = (next: Clone): Database => {
    const before = pool;
    current = next;
    pool = open(next.url);
    return before;
  };
  const takeSpare = async (): Promise<Clone> => {
    const ready = spare;
    spare = undefined;
    return ready === undefined ? clone(template) : ready;
  };

  return {
    database: {
      query: (text, values, queryOptions) => pool.query(text, values, queryOptions),
      transaction: (work) => pool.transaction(work),
      close: () => pool.close(),
    },
    url: () => current.url,
    reset: async () => {
      const old = current.name;
      await switchTo(await takeSpare()).close();
      drop(old);
      prepareSpare();
    },
    freeze: async () => {
      const unused = spare;
      spare = undefined;
      if (unused !== undefined) drop((await unused).name);
      // Nobody may be connected to what is cloned.
      await pool.close();
      if (template !== options.template) toDrop.push(template);
      template = current.name;
      await onServer(serverUrl, (session) =>
        session.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [
          template,
        ]),
      );
      switchTo(await clone(template));
      prepareSpare();
    },
    close: async () => {
      await pool.close();
      if (spare !== undefined) drop(await spare.then((made) => made.name));
      drop(current.name);
      if (template !== options.template) drop(template);
      for (const name of toDrop) drop(name);
      await dropping;
      await server.close();
    },
  };
};
