import { ensureHdbCatalog, isCatalogUnused, readCatalogVersion, type Transaction } from "../core/index.ts";

/** Any number that no other user of advisory locks here takes. */
const lockKey = 1_764_000_000_000;

export interface Applied {
  readonly version: string;
  readonly name: string;
  readonly checksum: string;
}

/** Two runners must not race; the lock ends with the transaction. */
export const lock = async (tx: Transaction): Promise<void> => {
  await tx.query("select pg_advisory_xact_lock($1)", [lockKey]);
};

const hasSchema = async (tx: Transaction, name: string): Promise<boolean> => {
  const rows = await tx.query("select from pg_namespace where nspname = $1", [name]);
  return rows.length > 0;
};

const createState = `
create schema usage_migrations;
comment on schema usage_migrations is 'What the migration runner remembers; gone after the last down';

create table usage_migrations.applied (
  version text constraint applied_pkey primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);
comment on table usage_migrations.applied is 'Applied migrations with the digest of the file as it was';

create table usage_migrations.origin (owns_catalog boolean not null);
comment on table usage_migrations.origin is 'Whether the runner made hdb_catalog and may drop it again';
`;

/** Makes Hasura's tables where they are missing, and ours. */
export const ensureState = async (tx: Transaction): Promise<void> => {
  if (await hasSchema(tx, "usage_migrations")) return;
  const ownsCatalog = !(await hasSchema(tx, "hdb_catalog"));
  // An older Hasura keeps its catalog: all that is needed of it, cli_state, is as old as the CLI.
  if (ownsCatalog || (await readCatalogVersion(tx)) === null) await ensureHdbCatalog(tx);
  await tx.script(createState);
  await tx.query("insert into usage_migrations.origin (owns_catalog) values ($1)", [ownsCatalog]);
};

/** Nothing stays of the runner's own once the last migration is down. */
export const dropState = async (tx: Transaction): Promise<void> => {
  if (!(await hasSchema(tx, "usage_migrations"))) return;
  const [origin] = await tx.query<{ owns_catalog: boolean }>(
    "select owns_catalog from usage_migrations.origin",
  );
  await tx.script("drop schema usage_migrations cascade;");
  if (origin?.owns_catalog !== true) return;
  // A Hasura that has moved in since keeps its catalog.
  if (await isCatalogUnused(tx)) await tx.script("drop schema hdb_catalog cascade;");
};

export const readApplied = async (tx: Transaction): Promise<readonly Applied[]> => {
  if (!(await hasSchema(tx, "usage_migrations"))) return [];
  return tx.query<Applied>(
    `select version, name, checksum
     from usage_migrations.applied
     order by version::numeric`,
  );
};

/** Versions that Hasura's own CLI noted as applied, by whichever tool. */
export const readCliVersions = async (tx: Transaction): Promise<ReadonlySet<string>> => {
  const rows = await tx.query<{ version: string }>(
    `select jsonb_object_keys(coalesce(cli_state #> '{migrations,default}', '{}')) as version
     from hdb_catalog.hdb_version`,
  );
  return new Set(rows.map(({ version }) => version));
};

const setCliVersions = async (tx: Transaction, versions: readonly string[]): Promise<void> => {
  const migrations = Object.fromEntries(versions.map((version) => [version, false]));
  await tx.query(
    `update hdb_catalog.hdb_version
     set cli_state = cli_state
       || jsonb_build_object(
         'migrations', coalesce(cli_state -> 'migrations', '{}') || jsonb_build_object('default', $1::jsonb),
         'settings', coalesce(cli_state -> 'settings', '{"migration_mode": "true"}'),
         'isStateCopyCompleted', true
       )`,
    [JSON.stringify(migrations)],
  );
};

export const markApplied = async (tx: Transaction, migration: Applied): Promise<void> => {
  const versions = await readCliVersions(tx);
  await tx.query(
    `insert into usage_migrations.applied (version, name, checksum)
     values ($1, $2, $3)`,
    [migration.version, migration.name, migration.checksum],
  );
  await setCliVersions(tx, [...versions, migration.version]);
};

export const markReverted = async (tx: Transaction, version: string): Promise<void> => {
  const versions = await readCliVersions(tx);
  await tx.query("delete from usage_migrations.applied where version = $1", [version]);
  await setCliVersions(
    tx,
    [...versions].filter((other) => other !== version),
  );
};
