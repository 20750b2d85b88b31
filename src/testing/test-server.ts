import { mkdtemp, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Logger, silentLogger } from "../core/index.ts";
import {
  type EmbeddedPostgres,
  prepareFilledCluster,
  projectDigest,
  startEmbeddedPostgres,
} from "../postgres/index.ts";
import { prepareTemplateDatabase, templateName } from "./template-database.ts";

export interface TestServerOptions {
  /** Folder of migrations, to have them applied before the first engine asks. */
  readonly migrations?: string | undefined;
  readonly seeds?: string | undefined;
  readonly logger?: Logger | undefined;
}

/** A PostgreSQL server for tests; `url` names its maintenance database and may create others. */
export interface TestServer {
  readonly url: string;
  /** Name of the migrated and seeded database, to be cloned. */
  readonly template: string;
  stop(): Promise<void>;
}

/** Nothing here outlives the run, so nothing waits for the disk. */
const settings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  autovacuum: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  // Saves the start of three workers; queries of tests are small.
  io_method: "sync",
  shared_buffers: "32MB",
};

const memoryFolder = "/dev/shm";
/** A container's default of 64 MB would be full after the first copy. */
const memoryNeededBytes = 2 * 1024 ** 3;

/** Memory where there is plenty: copies of a database take a third of the time (50 ms against 150 on a busy machine). */
const dataParent = async (): Promise<string> => {
  if (process.platform !== "linux") return tmpdir();
  const space = await statfs(memoryFolder).catch(() => undefined);
  const free = space === undefined ? 0 : space.bavail * space.bsize;
  return free >= memoryNeededBytes ? memoryFolder : tmpdir();
};

/**
 * Starts PostgreSQL for a whole test run, as in Jest's `globalSetup`; hand its URL to `startTestEngine`. The migrated
 * cluster is kept on disk by the digest of migrations and seeds, so only the first start after a change runs them.
 */
export const startTestServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const logger = options.logger ?? silentLogger;
  const project = { migrationsDir: options.migrations, seedsDir: options.seeds, logger };
  const from = await prepareFilledCluster({
    key: await projectDigest(project),
    logger,
    settings,
    fill: async (url) => {
      await prepareTemplateDatabase(url, project);
    },
  });
  const server: EmbeddedPostgres = await startEmbeddedPostgres({
    dataDir: await mkdtemp(join(await dataParent(), "hasura-usage-testing-")),
    logger,
    temporary: true,
    from,
    settings,
  });
  return { url: server.url, template: await templateName(project), stop: () => server.stop() };
};
