import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describeSchema, migrate } from "../../src/postgres/index.ts";
import {
  checkMigrations,
  createMigration,
  type DescribeSettings,
  type SourcesOptions,
  type WrittenMigration,
} from "../../src/sql-sources/index.ts";
import { createTestDatabase } from "./database.ts";

const schemas = ["shop", "app"];

const serverUrl = (): string => {
  const url = process.env["TEST_DATABASE_URL"];
  if (url === undefined) throw new Error("the global setup of Jest has not run");
  return url;
};

export interface Generated {
  readonly written: readonly WrittenMigration[];
  readonly up: string;
  readonly down: string;
}

/** Two descriptions of the whole schema. */
export interface ThereAndBack {
  readonly there: string;
  readonly back: string;
}

/** A Hasura project of a few tables and sources in a folder of its own. */
export interface SourcesProject {
  /** Writes or replaces a file below `hasura`. */
  put(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
  remove(path: string): Promise<void>;
  copy(): Promise<SourcesProject>;
  generate(verbObject: string): Promise<Generated>;
  check(): Promise<readonly string[]>;
  /** What the migrations give, and what is left after the newest `count` are taken back. */
  thereAndBack(count: number): Promise<ThereAndBack>;
  delete(): Promise<void>;
}

const describeSettings: DescribeSettings = { foreignSchemas: ["hdb_catalog", "usage_migrations"] };

const open = (folder: string, describe: DescribeSettings): SourcesProject => {
  const at = (path: string): string => join(folder, ...path.split("/"));
  const options: SourcesOptions = {
    serverUrl: serverUrl(),
    describe,
    files: { migrationsDir: at("migrations"), sqlDir: at("sql"), manifestFile: at("sample.yaml") },
  };
  const read = (path: string): Promise<string> => readFile(at(path), "utf8");
  const joinFiles = async (written: readonly WrittenMigration[], file: string): Promise<string> => {
    const texts = await Promise.all(written.map(({ name }) => read(`migrations/default/${name}/${file}`)));
    return texts.join("");
  };
  const thereAndBack = async (count: number): Promise<ThereAndBack> => {
    const test = await createTestDatabase({ empty: true, maxConnections: 2 });
    const migration = { database: test.database, migrationsDir: at("migrations") };
    try {
      const { ran } = await migrate(migration);
      const there = await describeSchema(test.database, schemas);
      const to = /^\d+/u.exec(ran.at(-1 - count) ?? "")?.[0];
      await migrate({ ...migration, direction: "down", ...(to === undefined ? {} : { to }) });
      return { there, back: await describeSchema(test.database, schemas) };
    } finally {
      await test.drop();
    }
  };
  return {
    put: async (path, text) => {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), text);
    },
    read,
    remove: (path) => rm(at(path), { recursive: true }),
    copy: async () => {
      const copy = await mkdtemp(join(tmpdir(), "hasura-usage-sources-"));
      await cp(folder, copy, { recursive: true });
      return open(copy, describe);
    },
    generate: async (verbObject) => {
      const written = await createMigration({ ...options, verbObject, now: 5_000 });
      return {
        written,
        up: await joinFiles(written, "up.sql"),
        down: await joinFiles(written, "down.sql"),
      };
    },
    check: () => checkMigrations(options),
    thereAndBack,
    delete: () => rm(folder, { recursive: true, force: true }),
  };
};

export const createSourcesProject = async (
  settings: Partial<DescribeSettings> = {},
): Promise<SourcesProject> =>
  open(await mkdtemp(join(tmpdir(), "hasura-usage-sources-")), { ...describeSettings, ...settings });
