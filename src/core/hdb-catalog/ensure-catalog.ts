import type { Queryable, Transaction } from "../database.ts";
import { AppError } from "../errors.ts";
import { metadataTables } from "./metadata-tables.ts";
import { eventLogFunction, sourceTables, uuidFunction } from "./source-tables.ts";

/** What Hasura v2.48 writes; another version is another shape. */
const catalogVersion = "48";
const sourceCatalogVersion = "3";

const tables = [
  "hdb_version",
  "hdb_metadata",
  "hdb_schema_notifications",
  "hdb_action_log",
  "hdb_cron_events",
  "hdb_cron_event_invocation_logs",
  "hdb_scheduled_events",
  "hdb_scheduled_event_invocation_logs",
  "hdb_source_catalog_version",
  "event_log",
  "event_invocation_logs",
  "hdb_event_log_cleanups",
] as const;

/** One name for everyone who changes the shape of the catalog: "if not exists" is no protection against a race. */
const lockCatalog = "select pg_advisory_xact_lock(hashtext('hdb_catalog'))";

const emptyMetadata = '{"version":3,"sources":[]}';

/** Null where no Hasura has been. */
export const readCatalogVersion = async (db: Queryable): Promise<string | null> => {
  const [found] = await db.query<{ readonly present: boolean }>(
    "select to_regclass('hdb_catalog.hdb_version') is not null as present",
  );
  if (found?.present !== true) return null;
  const [row] = await db.query<{ readonly version: string }>("select version from hdb_catalog.hdb_version");
  return row?.version ?? null;
};

const isComplete = async (db: Queryable): Promise<boolean> => {
  const [row] = await db.query<{ readonly complete: boolean }>(
    `select to_regprocedure('hdb_catalog.insert_event_log(text, text, text, text, json)') is not null
       and not exists (
         select from unnest($1::text[]) as wanted(name)
         where to_regclass('hdb_catalog.' || wanted.name) is null
       ) as complete`,
    [tables],
  );
  return row?.complete === true;
};

const fill = async (tx: Transaction): Promise<void> => {
  await tx.query(
    `insert into hdb_catalog.hdb_version (version, upgraded_on)
     select $1, now()
     where not exists (select from hdb_catalog.hdb_version)`,
    [catalogVersion],
  );
  await tx.query(
    `insert into hdb_catalog.hdb_metadata (id, metadata)
     select 1, $1::json
     where not exists (select from hdb_catalog.hdb_metadata)`,
    [emptyMetadata],
  );
  await tx.query(
    `insert into hdb_catalog.hdb_source_catalog_version (version, upgraded_on)
     select $1, now()
     where not exists (select from hdb_catalog.hdb_source_catalog_version)`,
    [sourceCatalogVersion],
  );
};

/**
 * Makes Hasura's own catalog, complete and in Hasura's shape, where it is missing, so that a Hasura may take the
 * database over and give it back. A catalog of another version belongs to another Hasura and is not touched.
 */
export const ensureHdbCatalog = async (tx: Transaction): Promise<void> => {
  await tx.query(lockCatalog);
  const version = await readCatalogVersion(tx);
  if (version !== null && version !== catalogVersion) {
    throw new AppError({
      kind: "conflict",
      code: "catalog-version",
      message: `hdb_catalog is at version ${version}, only version ${catalogVersion} is supported: let Hasura v2.48 migrate it first`,
    });
  }
  if (version !== null && (await isComplete(tx))) return;
  await tx.script(
    [
      "create schema if not exists hdb_catalog;",
      uuidFunction,
      metadataTables,
      sourceTables,
      eventLogFunction,
    ].join("\n"),
  );
  await fill(tx);
};

/** Whether the catalog still is as `ensureHdbCatalog` left it: no metadata, no event, no table of anyone else. */
export const isCatalogUnused = async (tx: Transaction): Promise<boolean> => {
  const [others] = await tx.query<{ readonly count: number }>(
    "select count(*)::int as count from pg_tables where schemaname = 'hdb_catalog' and tablename <> all($1::text[])",
    [tables],
  );
  if (others?.count !== 0 || !(await isComplete(tx))) return false;
  const [row] = await tx.query<{ readonly unused: boolean }>(
    `select not exists (select from hdb_catalog.hdb_metadata where resource_version > 1)
       and not exists (select from hdb_catalog.hdb_schema_notifications)
       and not exists (select from hdb_catalog.hdb_action_log)
       and not exists (select from hdb_catalog.hdb_cron_events)
       and not exists (select from hdb_catalog.hdb_scheduled_events)
       and not exists (select from hdb_catalog.event_log)
       as unused`,
  );
  return row?.unused === true;
};
