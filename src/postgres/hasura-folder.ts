import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { AppError } from "../core/index.ts";

export interface Migration {
  /** Digits in front of the folder's name. */
  readonly version: string;
  readonly name: string;
  readonly up: string;
  readonly down: string | undefined;
  /** Of `up.sql` as it is on disk. */
  readonly checksum: string;
}

const isMigration = (name: string): boolean => /^\d+(_|$)/.test(name);

/**
 * A Hasura project keeps one folder a database: `default`, or the only one, whatever its name. The folder of one database
 * may be given as well.
 */
export const databaseFolder = async (folder: string): Promise<string> => {
  const inside = join(folder, "default");
  if (existsSync(inside)) return inside;
  if (!existsSync(folder)) return folder;
  const entries = (await readdir(folder, { withFileTypes: true })).filter(
    ({ name }) => !name.startsWith("."),
  );
  if (
    entries.some((entry) => (entry.isDirectory() ? isMigration(entry.name) : entry.name.endsWith(".sql")))
  ) {
    return folder;
  }
  const [only, ...others] = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (only === undefined) return folder;
  if (others.length === 0) return join(folder, only);
  throw new AppError({
    kind: "invalid-input",
    code: "several-databases",
    message: `${folder} holds the folders of several databases (${[only, ...others].join(", ")}): name one of them.`,
  });
};

const list = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
};

const readOptional = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/** Undefined for an empty folder: version control keeps none, so it is only what a removed branch left behind. */
const readMigration = async (
  folder: string,
  name: string,
  version: string,
): Promise<Migration | undefined> => {
  const up = await readOptional(join(folder, name, "up.sql"));
  if (up === undefined) {
    if ((await list(join(folder, name))).length === 0) return undefined;
    throw new AppError({
      kind: "invalid-input",
      code: "migration-missing",
      message: `Migration ${name} has no up.sql.`,
    });
  }
  const down = await readOptional(join(folder, name, "down.sql"));
  const checksum = createHash("sha256").update(up).digest("hex");
  return { version, name, up, down, checksum };
};

const byVersion = (left: Migration, right: Migration): number => {
  const difference = BigInt(left.version) - BigInt(right.version);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

/** The migrations on disk in the order of their numbers. */
export const readMigrations = async (migrationsDir: string): Promise<readonly Migration[]> => {
  const folder = await databaseFolder(migrationsDir);
  const migrations: Migration[] = [];
  for (const name of await list(folder)) {
    const version = /^(\d+)(_|$)/.exec(name)?.[1];
    const migration = version === undefined ? undefined : await readMigration(folder, name, version);
    if (migration !== undefined) migrations.push(migration);
  }
  migrations.sort(byVersion);
  migrations.forEach((migration, index) => {
    const previous = migrations[index - 1];
    if (previous === undefined || BigInt(previous.version) !== BigInt(migration.version)) return;
    throw new AppError({
      kind: "invalid-input",
      code: "migration-duplicate",
      message: `Migrations ${previous.name} and ${migration.name} have the same number.`,
    });
  });
  return migrations;
};

export interface Seed {
  readonly name: string;
  readonly text: string;
}

/** The seed files in the order of their names. */
export const readSeeds = async (seedsDir: string): Promise<readonly Seed[]> => {
  const folder = await databaseFolder(seedsDir);
  const names = (await list(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, name), "utf8") })));
};

export interface ProjectFolders {
  readonly migrationsDir?: string | undefined;
  readonly seedsDir?: string | undefined;
}

/** Changes with every migration and seed, in name or in content: two databases of one digest hold the same. */
export const projectDigest = async ({ migrationsDir, seedsDir }: ProjectFolders): Promise<string> => {
  const migrations = migrationsDir === undefined ? [] : await readMigrations(migrationsDir);
  const seeds = seedsDir === undefined ? [] : await readSeeds(seedsDir);
  const content = [
    migrations.map(({ name, checksum }) => [name, checksum]),
    seeds.map(({ name, text }) => [name, text]),
  ];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 20);
};
