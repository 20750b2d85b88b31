import { AppError, type Database, type Logger, silentLogger, type Transaction } from "../core/index.ts";
import { type Migration, readMigrations } from "./hasura-folder.ts";
import {
  type Applied,
  dropState,
  ensureState,
  lock,
  markApplied,
  markReverted,
  readApplied,
  readCliVersions,
} from "./migration-state.ts";

export interface MigrateOptions {
  readonly database: Database;
  /** `hasura/migrations`, with one folder a database, or that folder. */
  readonly migrationsDir: string;
  readonly direction?: "up" | "down";
  /** Up: the last version to apply. Down: the version to stay at; without it everything goes. */
  readonly to?: string;
  readonly logger?: Logger;
}

export interface MigrateResult {
  /** Names of the migrations that ran, in order. */
  readonly ran: readonly string[];
}

const refuse = (code: string, message: string): AppError => new AppError({ kind: "conflict", code, message });

/** What is applied must still be on disk as it was: a database is never built from files nobody can read again. */
const verify = (applied: readonly Applied[], onDisk: readonly Migration[]): void => {
  const byVersion = new Map(onDisk.map((migration) => [migration.version, migration]));
  for (const { version, name, checksum } of applied) {
    const migration = byVersion.get(version);
    if (migration === undefined) {
      throw refuse("migration-missing", `Migration ${name} is applied but its folder is gone.`);
    }
    if (migration.checksum !== checksum) {
      throw refuse(
        "migration-edited",
        `Migration ${name} was edited after it was applied: write a new one instead.`,
      );
    }
  }
};

const runScript = async (tx: Transaction, migration: Migration, direction: "up" | "down"): Promise<void> => {
  const text = direction === "up" ? migration.up : migration.down;
  if (text === undefined) throw refuse("migration-failed", `Migration ${migration.name} has no down.sql.`);
  try {
    await tx.script(text);
    // A migration may leave settings such as search_path behind for the bookkeeping that follows.
    await tx.script("reset all;");
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError({
      kind: "internal",
      code: "migration-failed",
      message: `Migration ${migration.name} failed (${direction}) and was rolled back: ${cause instanceof Error ? cause.message : "unknown error"}`,
      cause,
    });
  }
};

/** Applies the next migration in a transaction of its own; undefined when none is left. */
const stepUp = (
  database: Database,
  migrations: readonly Migration[],
  to: string | undefined,
): Promise<string | undefined> =>
  database.transaction(async (tx) => {
    await lock(tx);
    await ensureState(tx);
    const applied = await readApplied(tx);
    verify(applied, migrations);
    const done = new Set(applied.map(({ version }) => version));
    const known = await readCliVersions(tx);
    const next = migrations.find(
      ({ version }) => !done.has(version) && (to === undefined || BigInt(version) <= BigInt(to)),
    );
    if (next === undefined) return undefined;
    // Hasura's own CLI applied it: only the digest is missing.
    if (!known.has(next.version)) await runScript(tx, next, "up");
    await markApplied(tx, next);
    return next.name;
  });

const stepDown = (
  database: Database,
  migrations: readonly Migration[],
  to: string | undefined,
): Promise<string | undefined> =>
  database.transaction(async (tx) => {
    await lock(tx);
    const applied = await readApplied(tx);
    verify(applied, migrations);
    const last = applied.at(-1);
    if (last === undefined) {
      await dropState(tx);
      return undefined;
    }
    if (to !== undefined && BigInt(last.version) <= BigInt(to)) return undefined;
    const migration = migrations.find(({ version }) => version === last.version);
    if (migration === undefined) return undefined;
    await runScript(tx, migration, "down");
    await markReverted(tx, last.version);
    return last.name;
  });

/** Brings the database up (or down) migration by migration; each is there whole or not at all. */
export const migrate = async (options: MigrateOptions): Promise<MigrateResult> => {
  const { database, migrationsDir, direction = "up", to, logger = silentLogger } = options;
  if (to !== undefined && !/^\d+$/.test(to)) {
    throw new AppError({
      kind: "invalid-input",
      code: "invalid-input",
      message: "A migration version is a number.",
    });
  }
  const migrations = await readMigrations(migrationsDir);
  const step = direction === "up" ? stepUp : stepDown;
  const ran: string[] = [];
  for (;;) {
    const name = await step(database, migrations, to);
    if (name === undefined) return { ran };
    logger.info({ migration: name, direction }, "migration ran");
    ran.push(name);
  }
};
