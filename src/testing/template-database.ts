import type { Database, Logger } from "../core/index.ts";
import { applySeeds, createDatabase, migrate, projectDigest } from "../postgres/index.ts";

/** A Hasura project's database: what is migrated and seeded before a test begins. */
export interface ProjectDatabase {
  /** `migrations` of the project, with or without the folder of one database below it. */
  readonly migrationsDir?: string | undefined;
  readonly seedsDir?: string | undefined;
  readonly logger: Logger;
}

export const urlOf = (serverUrl: string, name: string): string => {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
};

const session = (url: string): Database =>
  createDatabase({ connectionString: url, maxConnections: 1, applicationName: "hasura-usage-testing" });

/** Lends a session of its own, so that the database can be cloned or dropped right afterwards. */
export const onServer = async <T>(url: string, work: (database: Database) => Promise<T>): Promise<T> => {
  const database = session(url);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
};

const fill = async (url: string, project: ProjectDatabase): Promise<void> => {
  const { migrationsDir, seedsDir, logger } = project;
  await onServer(url, async (database) => {
    if (migrationsDir !== undefined) await migrate({ database, migrationsDir, logger });
    if (seedsDir !== undefined) await applySeeds({ database, seedsDir });
  });
};

export const templateName = async (project: ProjectDatabase): Promise<string> =>
  `hasura_usage_template_${await projectDigest(project)}`;

/** The name of the migrated and seeded database to clone, made on this server if it is not there yet. */
export const prepareTemplateDatabase = async (
  serverUrl: string,
  project: ProjectDatabase,
): Promise<string> => {
  const name = await templateName(project);
  const building = `${name}_building`;
  await onServer(serverUrl, async (holder) => {
    // Another test process may be at the same; it is let finish.
    await holder.transaction(async (tx) => {
      await tx.query("select pg_advisory_xact_lock(hashtext($1))", [name]);
      const present = await tx.query("select from pg_database where datname = $1", [name]);
      if (present.length > 0) return;
      await onServer(serverUrl, async (server) => {
        await server.query(`drop database if exists ${building} with (force)`);
        await server.query(`create database ${building} template template0 strategy file_copy`);
        await fill(urlOf(serverUrl, building), project);
        await server.query(`alter database ${building} rename to ${name}`);
      });
    });
  });
  return name;
};
