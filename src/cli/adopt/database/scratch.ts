import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, silentLogger } from "../../../core/index.ts";
import { createDatabase, startEmbeddedPostgres } from "../../../postgres/index.ts";

/** A server on which databases may be made and thrown away. */
export interface ScratchServer {
  /** Lends an empty database for the time of `work`. */
  withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T>;
}

export type WithScratchServer = <T>(work: (server: ScratchServer) => Promise<T>) => Promise<T>;

const session = (url: string): Database =>
  createDatabase({ connectionString: url, maxConnections: 1, applicationName: "hasura-usage-adopt" });

const onServer = async (url: string, statement: string): Promise<void> => {
  const server = session(url);
  try {
    await server.query(statement);
  } finally {
    await server.close();
  }
};

/** A server whose user may create databases. */
export const scratchServerAt = (url: string): ScratchServer => ({
  withDatabase: async (work) => {
    const name = `hasura_usage_adopt_${randomBytes(8).toString("hex")}`;
    const address = new URL(url);
    address.pathname = `/${name}`;
    await onServer(url, `create database ${name} template template0`);
    try {
      const database = session(address.href);
      try {
        return await work(database);
      } finally {
        await database.close();
      }
    } finally {
      await onServer(url, `drop database if exists ${name} with (force)`);
    }
  },
});

/** Starts an embedded server for the time of `work`. */
export const withEmbeddedServer: WithScratchServer = async (work) => {
  const server = await startEmbeddedPostgres({
    dataDir: await mkdtemp(join(tmpdir(), "hasura-usage-adopt-")),
    logger: silentLogger,
    temporary: true,
    settings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off" },
  });
  try {
    return await work(scratchServerAt(server.url));
  } finally {
    await server.stop();
  }
};
