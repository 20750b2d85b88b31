import { join } from "node:path";
import { fileContentHash } from "./content.ts";
import { applyMigrations, type ProjectDatabaseOptions } from "./database/index.ts";
import { type Fault, faultsOf, refuse } from "./fault.ts";
import { type Manifest, manifestPath } from "./manifest.ts";
import { findReferences, type Kept, mergeMetadata } from "./metadata/index.ts";
import { migrationFiles } from "./migration-files.ts";
import type { TableName } from "./options.ts";
import { type Plan, refusedPlan } from "./outcome.ts";
import {
  createFileSet,
  type FileSet,
  listMigrations,
  nextVersion,
  type Project,
  withFolderOf,
} from "./project/index.ts";

export interface RemoveRequest {
  readonly project: Project;
  readonly manifest: Manifest;
  /** Takes the migrations away instead of adding one that undoes them: they were never applied anywhere. */
  readonly purge: boolean;
  readonly database: ProjectDatabaseOptions;
}

const productSchemas: ReadonlySet<string> = new Set(["billing", "usage", "analytics"]);

/** The tables that go with the product: those of its schemas, and the mirror of the tenants. */
const goesAway =
  ({ options }: Manifest) =>
  ({ schema, name }: TableName): boolean =>
    productSchemas.has(schema) ||
    (options.tenant !== undefined && schema === "public" && name === "workspaces");

const checkReferences = async (
  files: FileSet,
  project: Project,
  manifest: Manifest,
): Promise<readonly Fault[]> => {
  const own = new Set(manifest.files.map(({ path }) => path));
  const references = await findReferences(files, project.metadata, goesAway(manifest), own);
  return references.map(({ path, schema, name }) => ({
    code: "invalid-project",
    message: `${path} still names ${schema}.${name}`,
    advice: "take this relationship or permission out first",
  }));
};

interface Scripts {
  readonly up: string;
  readonly down: string;
}

const readScripts = async (files: FileSet, manifest: Manifest): Promise<readonly Scripts[]> =>
  Promise.all(
    manifest.migrations.map(async ({ name, files: own }) => {
      const read = async (file: string): Promise<string> => {
        const path = own.find((one) => one.path.endsWith(`/${file}`))?.path ?? "";
        const text = await files.read(path);
        if (text === null)
          throw refuse(
            "invalid-project",
            `${path} of the migration ${name} is not there`,
            "restore it from version control: the removal is made of it",
          );
        return text;
      };
      return { up: await read("up.sql"), down: await read("down.sql") };
    }),
  );

const removalMigration = (scripts: readonly Scripts[]): Scripts => ({
  up: `-- Takes hasura-usage out, with all that it counted. The application's own tables stay as they are.\n\n${scripts
    .toReversed()
    .map(({ down }) => down.trim())
    .join("\n\n")}\n`,
  down: `-- Installs hasura-usage again, empty. Meters are to be attached again.\n\n${scripts.map(({ up }) => up.trim()).join("\n\n")}\n`,
});

/** Deletes the migrations that this tool wrote; returns those that the project changed, which stay. */
const purgeMigrations = async (files: FileSet, manifest: Manifest): Promise<readonly Kept[]> => {
  const kept: Kept[] = [];
  for (const { path, content } of manifest.migrations.flatMap((migration) => migration.files)) {
    const text = await files.read(path);
    if (text === null) continue;
    if (fileContentHash(path, text) === content) files.write(path, null);
    else kept.push({ path, entry: undefined, reason: "edited" });
  }
  return kept;
};

/** Whether the project's own migrations run without ours between them. */
const checkRest = (
  { project, manifest, database }: RemoveRequest,
  kept: readonly Kept[],
): Promise<readonly Fault[]> => {
  const own = new Set(manifest.migrations.map(({ name }) => name));
  const isGone = (name: string): boolean =>
    own.has(name) && !kept.some(({ path }) => path.includes(`/${name}/`));
  return faultsOf(async () => {
    await database.withScratchServer((server) =>
      server.withDatabase((scratch) =>
        withFolderOf(join(project.root, project.migrations, manifest.options.source), isGone, (folder) =>
          applyMigrations(scratch, folder),
        ),
      ),
    );
    return [];
  });
};

/** Plans the removal: metadata and files of ours go unless the project changed them, the database by a migration. */
export const planRemoval = async (request: RemoveRequest): Promise<Plan> => {
  const { project, manifest, purge, database } = request;
  const base = { action: "remove", installed: manifest.release, release: manifest.release } as const;
  const { source } = manifest.options;
  const files = createFileSet(project.root);
  const metadata = await mergeMetadata({ project, files, source, units: [], installed: manifest });
  const faults = [...(await checkReferences(files, project, manifest))];
  const notes: string[] = [];
  let kept = metadata.kept;
  let migration: string | undefined;
  if (purge) {
    kept = [...kept, ...(await purgeMigrations(files, manifest))];
    if (database.databaseUrl === undefined) faults.push(...(await checkRest(request, kept)));
    else
      notes.push("with --database-url it is not checked that your migrations run without those taken away");
  } else {
    const script = removalMigration(await readScripts(files, manifest));
    migration = `${nextVersion(await listMigrations(project, source), "1")}_remove_hasura_usage`;
    for (const { path, text } of migrationFiles(`${project.migrations}/${source}/${migration}`, script))
      files.write(path, text);
  }
  files.write(manifestPath, null);
  if (faults.length > 0) return refusedPlan(base, faults);
  return { ...base, migration, changes: await files.changes(), kept, notes, faults };
};
