import { join } from "node:path";
import { checkRoles } from "./check-roles.ts";
import {
  applyMigrations,
  checkFacts,
  type DatabaseFacts,
  type ProjectDatabaseOptions,
  readProjectFacts,
} from "./database/index.ts";
import { AdoptionRefused, type Fault, faultsOf } from "./fault.ts";
import { type Manifest, manifestPath, renderManifest } from "./manifest.ts";
import { checkMapping } from "./mapping.ts";
import {
  checkNames,
  checkTrackedSchemas,
  type MergedMetadata,
  mergeMetadata,
  releaseUnits,
  rolesOfProject,
} from "./metadata/index.ts";
import { migrationFiles, ownedFile, releaseSlug } from "./migration-files.ts";
import type { Choices } from "./options.ts";
import { type Plan, refusedPlan } from "./outcome.ts";
import {
  createFileSet,
  findSource,
  listMigrations,
  nextVersion,
  type Project,
  type ProjectSource,
} from "./project/index.ts";
import type { Release } from "./release/index.ts";
import { hookScripts, installMigration, type Tenant, workspacesMetadata } from "./sql/index.ts";

export interface InstallRequest {
  readonly project: Project;
  readonly release: Release;
  readonly choices: Choices;
  readonly database: ProjectDatabaseOptions;
}

const isWorkspaces = (entry: Readonly<Record<string, unknown>>): boolean => {
  const table = entry["table"];
  if (typeof table === "string") return table === "workspaces";
  const { schema = "public", name } = table as { readonly schema?: unknown; readonly name?: unknown };
  return schema === "public" && name === "workspaces";
};

const checkOwnWorkspaces = (source: ProjectSource, { tenant }: Choices): readonly Fault[] =>
  tenant !== undefined || source.tables.some(isWorkspaces)
    ? []
    : [
        {
          code: "tenant-table",
          message: "public.workspaces is not tracked in the metadata",
          advice:
            "name your table of tenants with --tenant schema.table, or track public.workspaces if it is that",
        },
      ];

export const manifestOptions = (choices: Choices, tenant: Tenant | undefined): Manifest["options"] => ({
  source: choices.source,
  ...(tenant === undefined ? {} : { tenant: { schema: tenant.schema, name: tenant.name, key: tenant.key } }),
  ...(choices.members === undefined ? {} : { members: choices.members }),
  names: { ...choices.names, roles: [...choices.names.roles] },
});

const tenantOf = ({ tenant }: Choices, facts: DatabaseFacts | undefined): Tenant | undefined =>
  tenant === undefined ? undefined : { ...tenant, key: facts?.tenant?.key[0]?.name ?? "id" };

/** Whether the migration that would be written runs, up and down, behind the project's own. */
const proveInstallation = (
  { database, project, choices }: InstallRequest,
  script: { readonly up: string; readonly down: string },
): Promise<readonly Fault[]> =>
  database.withScratchServer((server) =>
    server.withDatabase(async (scratch) => {
      await applyMigrations(scratch, join(project.root, project.migrations, choices.source));
      try {
        await scratch.transaction((tx) => tx.script(script.up));
        await scratch.transaction((tx) => tx.script(script.down));
        return [];
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return [
          {
            code: "migrations-fail",
            message: `the installation does not run behind your migrations: ${message}`,
            advice: "rename what is in its way",
          },
        ];
      }
    }),
  );

/** Checks everything of a project that has none of the product yet, and plans its installation. */
export const planInstallation = async (request: InstallRequest): Promise<Plan> => {
  const { project, release, choices, database } = request;
  const base = { action: "install", installed: undefined, release: release.version } as const;
  const named = findSource(project, choices.source);
  const units = releaseUnits(
    release,
    choices.names,
    choices.tenant === undefined ? [] : [workspacesMetadata],
  );
  const roles = checkRoles(choices.names, rolesOfProject(project));
  const faults: Fault[] = [
    ...named.faults,
    ...checkMapping(choices.names),
    ...checkNames(project, units),
    ...roles.faults,
  ];
  const { source } = named;
  if (source === undefined) return refusedPlan(base, faults);
  faults.push(...checkTrackedSchemas(source), ...checkOwnWorkspaces(source, choices));

  let facts: DatabaseFacts | undefined;
  const found = await faultsOf(async () => {
    facts = await readProjectFacts(database, project, source.name, choices);
    return checkFacts(facts, choices);
  });
  faults.push(...found);

  const files = createFileSet(project.root);
  let metadata: MergedMetadata | undefined;
  try {
    metadata = await mergeMetadata({ project, files, source: source.name, units, installed: undefined });
  } catch (error) {
    if (!(error instanceof AdoptionRefused)) throw error;
    faults.push(...error.faults);
  }
  if (faults.length > 0 || metadata === undefined) return refusedPlan(base, unique(faults));

  const tenant = tenantOf(choices, facts);
  const script = installMigration({ release, choices, tenant });
  if (database.databaseUrl === undefined) {
    const unproven = await proveInstallation(request, script);
    if (unproven.length > 0) return refusedPlan(base, unproven);
  }
  const present = await listMigrations(project, choices.source);
  const first = /^\d+/u.exec(release.migrations[0]?.name ?? "")?.[0] ?? "1";
  const migration = `${nextVersion(present, first)}_install_hasura_usage_${releaseSlug(release.version)}`;
  const written = migrationFiles(`${project.migrations}/${choices.source}/${migration}`, script);
  for (const { path, text } of written) files.write(path, text);
  const manifest: Manifest = {
    product: "hasura-usage",
    format: 1,
    release: release.version,
    options: manifestOptions(choices, tenant),
    sql: {
      migrations: release.migrations.map(({ name }) => name),
      hooks: hookScripts(release.hooks, choices.members, choices.names.roles).map(({ name }) => name),
    },
    migrations: [{ name: migration, files: written.map(({ path, text }) => ownedFile(path, text)) }],
    files: [...metadata.files],
    merged: [...metadata.merged],
  };
  files.write(manifestPath, renderManifest(manifest));
  return {
    ...base,
    migration,
    changes: await files.changes(),
    kept: metadata.kept,
    notes: roles.notes,
    faults: [],
  };
};

const unique = (faults: readonly Fault[]): readonly Fault[] => [
  ...new Map(faults.map((fault) => [fault.message, fault])).values(),
];
