import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { listFolder } from "../files.ts";
import { readReleaseMetadata, type ReleaseMetadata } from "./read-metadata.ts";

/** A migration of the product, or another piece of SQL with what takes it back. */
export interface Script {
  readonly name: string;
  readonly up: string;
  readonly down: string;
}

/** What the product has to say in the application's database: `hasura/application/<name>.sql`, with placeholders. */
export interface Hook {
  readonly name: string;
  readonly text: string;
}

/** A release of the product, as its `hasura` folder has it. */
export interface Release {
  readonly version: string;
  /** In order; those of the sample application are left out. */
  readonly migrations: readonly Script[];
  readonly hooks: readonly Hook[];
  /** The catalogue that a project begins with: its plans and limits are the project's from then on. */
  readonly catalogue: string;
  /** Routines that write the triggers of metered tables, as `usage.meter_body`. */
  readonly meterRoutines: readonly string[];
  readonly metadata: ReleaseMetadata;
}

const sampleSchema = z.object({
  migrations: z.array(z.string()),
  metadata: z.array(z.string()),
});

const readMigrations = async (from: string, sample: readonly string[]): Promise<readonly Script[]> => {
  const folder = join(from, "migrations", "default");
  const names = (await listFolder(folder)).filter((name) => /^\d+_/u.test(name) && !sample.includes(name));
  return Promise.all(
    names.map(async (name) => ({
      name,
      up: await readFile(join(folder, name, "up.sql"), "utf8"),
      down: await readFile(join(folder, name, "down.sql"), "utf8"),
    })),
  );
};

const readHooks = async (from: string): Promise<readonly Hook[]> => {
  const folder = join(from, "application");
  const names = (await listFolder(folder)).filter((name) => name.endsWith(".sql"));
  return Promise.all(
    names.map(async (name) => ({
      name: name.replace(/\.sql$/u, ""),
      text: await readFile(join(folder, name), "utf8"),
    })),
  );
};

/**
 * Reads a release. `version` is that of the package, or of `package.json` beside the folder when it is left out.
 */
export const readRelease = async (from: string, version?: string): Promise<Release> => {
  const sample = sampleSchema.parse(parse(await readFile(join(from, "sample.yaml"), "utf8")));
  const packageFile = join(from, "..", "package.json");
  const named =
    version ??
    z.object({ version: z.string() }).parse(JSON.parse(await readFile(packageFile, "utf8"))).version;
  return {
    version: named,
    migrations: await readMigrations(from, sample.migrations),
    hooks: await readHooks(from),
    catalogue: await readFile(join(from, "catalogue.sql"), "utf8"),
    meterRoutines: (await listFolder(join(from, "sql", "usage", "meters")))
      .filter((name) => name.endsWith(".sql"))
      .map((name) => `usage.${name.replace(/\.sql$/u, "")}`),
    metadata: await readReleaseMetadata(join(from, "metadata"), sample.metadata),
  };
};
