/**
 * `npm run db:migration -- <verb_object>`: writes the migration between `hasura/migrations` and the sources in `hasura/sql`.
 * `npm run db:check` fails when one is due.
 */
import { relative } from "node:path";
import { parseArgs } from "node:util";

import { AppError } from "../core/index.ts";
import { checkMigrations, createMigration, type WrittenMigration } from "../sql-sources/index.ts";
import { withScratchServer } from "./scratch-database.ts";
import { projectRoot } from "./settings.ts";
import { describeSettings, sourceFiles } from "./sql-sources.ts";

const usage = "usage: npm run db:migration -- <verb_object>, as change_limits; or npm run db:check";

const say = (message: string): void => {
  console.log(`migration  ${message}`);
};

const withOptions = <T>(work: (options: Parameters<typeof checkMigrations>[0]) => Promise<T>): Promise<T> =>
  withScratchServer("migration", (serverUrl) =>
    work({ serverUrl, files: sourceFiles, describe: describeSettings }),
  );

async function check(): Promise<void> {
  const differences = await withOptions(checkMigrations);
  if (differences.length === 0) {
    say("the migrations make what hasura/sql holds");
    return;
  }
  for (const difference of differences) console.error(difference);
  console.error("migration  is due: npm run db:migration -- <verb_object>");
  process.exitCode = 1;
}

const report = ({ name, series, differences }: WrittenMigration): void => {
  say(`${relative(projectRoot, sourceFiles.migrationsDir)}/default/${name} written for the ${series}`);
  for (const { change, object } of differences) say(`  ${change} ${object.label}`);
};

async function create(verbObject: string): Promise<void> {
  const written = await withOptions((options) =>
    createMigration({ ...options, verbObject, now: Date.now() }),
  );
  if (written.length === 0) say("nothing to write: the migrations make what hasura/sql holds");
  for (const migration of written) report(migration);
}

/** Undefined for arguments that nobody can follow; the name is undefined when only a check is wanted. */
const readArguments = (): { readonly verbObject: string | undefined } | undefined => {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { check: { type: "boolean", default: false } },
    });
    const [verbObject, ...rest] = positionals;
    return rest.length > 0 || values.check === (verbObject !== undefined) ? undefined : { verbObject };
  } catch {
    return undefined;
  }
};

async function main(): Promise<void> {
  const chosen = readArguments();
  if (chosen === undefined) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  await (chosen.verbObject === undefined ? check() : create(chosen.verbObject));
}

main().catch((error: unknown) => {
  console.error(`migration  ${error instanceof Error ? error.message : "failed"}`);
  process.exitCode = error instanceof AppError && error.code === "invalid-name" ? 2 : 1;
});
