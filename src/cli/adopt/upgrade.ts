import type { ProjectDatabaseOptions } from "./database/index.ts";
import { AdoptionRefused, type Fault, refuse } from "./fault.ts";
import { manifestOptions } from "./install.ts";
import { type Manifest, manifestPath, renderManifest } from "./manifest.ts";
import { checkMapping } from "./mapping.ts";
import { checkNames, type Kept, mergeMetadata, releaseUnits, type Unit } from "./metadata/index.ts";
import { fileContentHash } from "./content.ts";
import { migrationFiles, ownedFile, releaseSlug } from "./migration-files.ts";
import type { Choices } from "./options.ts";
import { type Plan, refusedPlan } from "./outcome.ts";
import { createFileSet, type FileSet, listMigrations, nextVersion, type Project } from "./project/index.ts";
import type { Release } from "./release/index.ts";
import { hookScripts, upgradeMigration, workspacesMetadata } from "./sql/index.ts";
import { isOlder } from "./version.ts";

export interface UpgradeRequest {
  readonly project: Project;
  readonly release: Release;
  readonly manifest: Manifest;
  /** Those of the manifest, with the names that are asked for now. */
  readonly choices: Choices;
  readonly database: ProjectDatabaseOptions;
}

const checkRelease = (manifest: Manifest, release: Release): readonly Fault[] =>
  isOlder(release.version, manifest.release)
    ? [
        {
          code: "invalid-release",
          message: `the project has release ${manifest.release}, and this is ${release.version}`,
          advice: "run adopt of that release or a later one",
        },
      ]
    : [];

/** What of the units the manifest does not have yet. */
const addedUnits = (units: readonly Unit[], { merged }: Manifest): readonly Unit[] => {
  const known = new Set(merged.flatMap(({ entries }) => entries.map(({ list, name }) => `${list} ${name}`)));
  return units.filter(({ list, name }) => !known.has(`${list} ${name}`));
};

/** Migrations are part of the project's history: one that was changed is named, and never written again. */
const editedMigrations = async (files: FileSet, { migrations }: Manifest): Promise<readonly Kept[]> => {
  const kept: Kept[] = [];
  for (const { path, content } of migrations.flatMap((migration) => migration.files)) {
    const text = await files.read(path);
    if (text === null) kept.push({ path, entry: undefined, reason: "deleted" });
    else if (fileContentHash(path, text) !== content) kept.push({ path, entry: undefined, reason: "edited" });
  }
  return kept;
};

const readUps = (files: FileSet, { migrations }: Manifest): Promise<readonly string[]> =>
  Promise.all(
    migrations.map(async ({ name, files: own }) => {
      const path = own.find((file) => file.path.endsWith("/up.sql"))?.path ?? name;
      const text = await files.read(path);
      if (text !== null) return text;
      throw refuse("invalid-project", `${path} is not there`, "restore it from version control");
    }),
  );

/** Plans what brings a project from the release that it has to this one. */
export const planUpgrade = async (request: UpgradeRequest): Promise<Plan> => {
  const { project, release, manifest, choices, database } = request;
  const base = { action: "upgrade", installed: manifest.release, release: release.version } as const;
  const { tenant } = manifest.options;
  const units = releaseUnits(release, choices.names, tenant === undefined ? [] : [workspacesMetadata]);
  const files = createFileSet(project.root);
  const faults: Fault[] = [
    ...checkRelease(manifest, release),
    ...checkMapping(choices.names),
    ...checkNames(project, addedUnits(units, manifest)),
  ];
  try {
    const metadata = await mergeMetadata({
      project,
      files,
      source: choices.source,
      units,
      installed: manifest,
    });
    const edited = await editedMigrations(files, manifest);
    const script =
      faults.length > 0
        ? undefined
        : await database.withScratchServer(async (server) =>
            upgradeMigration({
              server,
              release,
              choices,
              tenant,
              installed: {
                ups: await readUps(files, manifest),
                migrations: manifest.sql.migrations,
                hooks: manifest.sql.hooks,
                names: manifest.options.names,
              },
            }),
          );
    if (faults.length > 0) return refusedPlan(base, faults);
    const added = await addMigration(script);
    const next: Manifest = {
      ...manifest,
      release: release.version,
      options: manifestOptions(choices, tenant),
      sql: {
        migrations: [...new Set([...manifest.sql.migrations, ...release.migrations.map(({ name }) => name)])],
        hooks: [...new Set([...manifest.sql.hooks, ...hookNames()])],
      },
      migrations: [...manifest.migrations, ...added],
      files: [...metadata.files],
      merged: [...metadata.merged],
    };
    files.write(manifestPath, renderManifest(next));
    const changes = await files.changes();
    return {
      ...base,
      action: changes.length === 0 ? "none" : "upgrade",
      migration: added[0]?.name,
      changes,
      kept: [...edited, ...metadata.kept],
      notes: [],
      faults: [],
    };
  } catch (error) {
    if (!(error instanceof AdoptionRefused)) throw error;
    return refusedPlan(base, [...faults, ...error.faults]);
  }

  function hookNames(): readonly string[] {
    return hookScripts(release.hooks, choices.members, choices.names.roles).map(({ name }) => name);
  }

  async function addMigration(
    script: { readonly up: string; readonly down: string } | undefined,
  ): Promise<Manifest["migrations"]> {
    if (script === undefined) return [];
    const present = await listMigrations(project, choices.source);
    const name = `${nextVersion(present, "1")}_upgrade_hasura_usage_${releaseSlug(release.version)}`;
    const title = `-- Brings hasura-usage from ${manifest.release} to ${release.version}.\n\n`;
    const written = migrationFiles(`${project.migrations}/${choices.source}/${name}`, {
      up: title + script.up,
      down: script.down,
    });
    for (const { path, text } of written) files.write(path, text);
    return [{ name, files: written.map(({ path, text }) => ownedFile(path, text)) }];
  }
};
