import { type Transaction } from "./database.ts";

/** Hasura's catalog version whose `hdb_version` this is; written only where no Hasura has been. */
const catalogVersion = "48";

const table = `
create schema if not exists hdb_catalog;

create table if not exists hdb_catalog.hdb_version (
  hasura_uuid uuid primary key default gen_random_uuid(),
  version text not null,
  upgraded_on timestamptz not null,
  cli_state jsonb not null default '{}',
  console_state jsonb not null default '{}',
  ee_client_id text,
  ee_client_secret text
);

create unique index if not exists hdb_version_one_row
on hdb_catalog.hdb_version ((version is not null));
`;

/** Makes Hasura's own state table, in Hasura's shape, where it is missing; the migration runner and the engine keep the CLI's state in it. */
export async function ensureHdbVersion(tx: Transaction): Promise<void> {
  await tx.script(table);
  await tx.query(
    `insert into hdb_catalog.hdb_version (version, upgraded_on)
     select $1, now()
     where not exists (select from hdb_catalog.hdb_version)`,
    [catalogVersion],
  );
}
