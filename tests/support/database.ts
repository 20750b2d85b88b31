import { randomBytes } from "node:crypto";
import { join } from "node:path";

import type { Database } from "../../src/core/index.ts";
import { createDatabase } from "../../src/postgres/index.ts";

export const hasuraDir = join(process.cwd(), "hasura");

export interface TestDatabase {
  readonly database: Database;
  readonly url: string;
  /** Closes the pool and removes the database; whoever is still connected is thrown out. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /** No migrations and no seeds. */
  readonly empty?: boolean;
  readonly maxConnections?: number;
}

const setting = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: the global setup of Jest has not run`);
  return value;
};

const urlOf = (name: string): string => {
  const url = new URL(setting("TEST_DATABASE_URL"));
  url.pathname = `/${name}`;
  return url.href;
};

const onServer = async (statement: string): Promise<void> => {
  const server = createDatabase({
    connectionString: setting("TEST_DATABASE_URL"),
    maxConnections: 1,
    applicationName: "tests",
  });
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
};

/** Makes a database of a fresh name on the server of the run. */
const create = async (template: string): Promise<string> => {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await onServer(`create database ${name} template ${template} strategy file_copy`);
  return name;
};

/** A database of its own, migrated and seeded from `hasura/`. */
export const createTestDatabase = async (options: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  const name = await create(options.empty === true ? "template0" : setting("TEST_DATABASE_TEMPLATE"));
  const url = urlOf(name);
  const database = createDatabase({
    connectionString: url,
    maxConnections: options.maxConnections ?? 10,
    applicationName: "tests",
  });
  let dropping: Promise<void> | undefined;
  const drop = async (): Promise<void> => {
    await database.close();
    await onServer(`drop database if exists ${name} with (force)`);
  };
  return { database, url, drop: () => (dropping ??= drop()) };
};
