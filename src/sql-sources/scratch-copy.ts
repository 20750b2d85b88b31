import { randomBytes } from "node:crypto";

import { createDatabase, type PooledDatabase } from "../postgres/index.ts";

const withSession = async <T>(url: string, work: (database: PooledDatabase) => Promise<T>): Promise<T> => {
  const database = createDatabase({
    connectionString: url,
    maxConnections: 1,
    applicationName: "hasura-usage-sources",
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
};

/** Lends a new database of the server, empty or a copy of `template`, for the time of `work`. */
export const withCopy = async <T>(
  serverUrl: string,
  template: string,
  work: (copy: {
    /** For `template` of another copy, once `session` has ended. */
    readonly name: string;
    /** Lends the one session that the copy has. */
    readonly session: <R>(use: (database: PooledDatabase) => Promise<R>) => Promise<R>;
  }) => Promise<T>,
): Promise<T> => {
  const name = `sources_${randomBytes(8).toString("hex")}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const onServer = (statement: string): Promise<unknown> =>
    withSession(serverUrl, (server) => server.query(statement));
  await onServer(`create database ${name} template ${template} strategy file_copy`);
  try {
    return await work({ name, session: (use) => withSession(url.href, use) });
  } finally {
    await onServer(`drop database if exists ${name} with (force)`);
  }
};
