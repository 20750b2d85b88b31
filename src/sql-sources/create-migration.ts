import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { AppError, type Transaction } from "../core/index.ts";
import { databaseFolder, readMigrations } from "../postgres/index.ts";
import type { Difference } from "./compare.ts";
import type { DescribeSettings } from "./describe-objects.ts";
import { addSampleMigrations, type Series, seriesOfSource } from "./manifest.ts";
import { compareWithSources } from "./plan-script.ts";
import { planSteps, type Step } from "./plan-steps.ts";
import {
  migrateAndTrace,
  type Origins,
  type Project,
  type ProjectFiles,
  readProject,
  seriesOf,
} from "./project.ts";
import { proveSteps } from "./prove-steps.ts";
import { withCopy } from "./scratch-copy.ts";
import { readKeys, sourcesByKey } from "./source-keys.ts";

export interface SourcesOptions {
  /** A server on which databases can be made and dropped, as its superuser. */
  readonly serverUrl: string;
  readonly files: ProjectFiles;
  readonly describe: DescribeSettings;
}

export interface CreateMigrationOptions extends SourcesOptions {
  /** As `change_limits`: what the migration does, and to what. */
  readonly verbObject: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface WrittenMigration {
  /** Of its folder. */
  readonly name: string;
  readonly series: Series;
  readonly differences: readonly Difference[];
}

const verbObjectPattern = /^[a-z][a-z0-9]*(_[a-z0-9]+)+$/u;

const requireName = (verbObject: string): void => {
  if (verbObjectPattern.test(verbObject)) return;
  throw new AppError({
    kind: "invalid-input",
    code: "invalid-name",
    message: `"${verbObject}" is not a name for a migration: write a verb and its object in lower case, as change_limits`,
  });
};

const stepsOf = async (
  tx: Transaction,
  project: Project,
  origins: Origins,
  describe: DescribeSettings,
): Promise<readonly Step[]> => {
  const { sources, manifest } = project;
  const known = sourcesByKey(sources, await readKeys(tx, sources));
  return planSteps(tx, {
    sources,
    describe,
    seriesOf: seriesOf(project, known, origins),
    seriesOfSource: ({ path }) => seriesOfSource(manifest, path),
  });
};

/** Plans the migrations on a scratch database and proves them on a copy of it. */
const provenSteps = (
  { serverUrl, files, describe }: SourcesOptions,
  project: Project,
): Promise<readonly Step[]> =>
  withCopy(serverUrl, "template0", async ({ name, session }) => {
    const plan = await session(async (database) => {
      const origins = await migrateAndTrace(database, files.migrationsDir, project.manifest, describe);
      return database.transaction(async (tx) => ({
        ends: await compareWithSources(tx, { sources: project.sources, describe }),
        steps: await stepsOf(tx, project, origins, describe),
      }));
    });
    if (plan.steps.length === 0) return [];
    await withCopy(serverUrl, name, (copy) =>
      copy.session((database) => proveSteps(database, plan.steps, plan.ends, describe)),
    );
    return plan.steps;
  });

/** Says which of several migrations of one change each is. */
const nameOf = (verbObject: string, step: Step, steps: readonly Step[]): string => {
  const product = steps.findIndex(({ series }) => series === "product");
  if (step.series === "product" || product === -1) return verbObject;
  return steps.indexOf(step) < product ? `${verbObject}_release_sample` : `${verbObject}_in_sample`;
};

const header =
  "-- Written by npm run db:migration from hasura/sql: change the files named below, not this one.\n\n";

const write = async (
  { files, verbObject, now }: CreateMigrationOptions,
  steps: readonly Step[],
): Promise<readonly WrittenMigration[]> => {
  const last = (await readMigrations(files.migrationsDir)).at(-1);
  const first = Math.max(now, Number(last?.version ?? 0) + 1);
  const folder = await databaseFolder(files.migrationsDir);
  const written: WrittenMigration[] = [];
  for (const [index, step] of steps.entries()) {
    const name = `${String(first + index)}_${nameOf(verbObject, step, steps)}`;
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, "up.sql"), header + step.up);
    await writeFile(join(folder, name, "down.sql"), step.down);
    written.push({ name, series: step.series, differences: step.differences });
  }
  const sample = written.filter(({ series }) => series === "sample");
  await addSampleMigrations(
    files.manifestFile,
    sample.map(({ name }) => name),
  );
  return written;
};

/**
 * Writes the migrations that bring a database from the present ones to the sources, each series its own; none when nothing
 * changed. Nothing is written that did not give the sources when run up, and what was there when run down. Throws an
 * `AppError` that says what is wrong with a name, the manifest or a source.
 */
export const createMigration = async (
  options: CreateMigrationOptions,
): Promise<readonly WrittenMigration[]> => {
  requireName(options.verbObject);
  const project = await readProject(options.files);
  return write(options, await provenSteps(options, project));
};
