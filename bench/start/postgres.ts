import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../src/core/index.ts";
import { createDatabase, startEmbeddedPostgres } from "../../src/postgres/index.ts";
import { type StartSample } from "./command.ts";

const firstQuery = async (url: string): Promise<void> => {
  const database = createDatabase({ connectionString: url, maxConnections: 1, applicationName: "bench" });
  try {
    await database.query("select 1");
  } finally {
    await database.close();
  }
};

/** A new cluster from the template, up to the answer of its first query; the durable server of the product. */
export const timeEmbedded = async (): Promise<StartSample> => {
  const dataDir = await mkdtemp(join(tmpdir(), "hasura-usage-bench-start-"));
  const startedAt = performance.now();
  const server = await startEmbeddedPostgres({ dataDir, logger: silentLogger, temporary: true });
  try {
    await firstQuery(server.url);
    return { wallMs: performance.now() - startedAt, cpuMs: null };
  } finally {
    await server.stop();
  }
};

/** A database of its own, cloned from a migrated one as every test does, up to the answer of its first query. */
export const timeClone = async (
  serverUrl: string,
  template: string,
  strategy: "file_copy" | "wal_log",
): Promise<StartSample> => {
  const name = `bench_${randomBytes(6).toString("hex")}`;
  const server = createDatabase({ connectionString: serverUrl, maxConnections: 1, applicationName: "bench" });
  try {
    const startedAt = performance.now();
    await server.query(`create database ${name} template ${template} strategy ${strategy}`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    await firstQuery(url.href);
    const wallMs = performance.now() - startedAt;
    await server.query(`drop database ${name} with (force)`);
    return { wallMs, cpuMs: null };
  } finally {
    await server.close();
  }
};
