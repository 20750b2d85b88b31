import { randomUUID } from "node:crypto";

import { type Database, ensureHdbCatalog } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import type { Effect } from "./command.ts";

export interface StoredMetadata {
  readonly document: unknown;
  readonly resourceVersion: number;
}

export interface StoredChange {
  readonly document: unknown;
  /** The version it replaces. */
  readonly expected: number;
  readonly effects?: readonly Effect[];
  /** Whether tables have event triggers, whose outbox may have been dropped with the metadata before. */
  readonly outbox?: boolean;
}

/** The metadata in the database, where Hasura keeps it too. */
export interface MetadataStore {
  read(): Promise<StoredMetadata>;
  /** Cheap: only the number, to notice that another server has changed the metadata. */
  readVersion(): Promise<number>;
  /** Replaces what `expected` is the version of, in one transaction with what belongs to the change. */
  write(change: StoredChange): Promise<number>;
}

export const versionConflict = (expected: number): HasuraError =>
  new HasuraError({
    message: `metadata resource version referenced (${String(expected)}) did not match current version`,
    code: "conflict",
    status: 409,
  });

interface Row {
  readonly metadata: unknown;
  readonly resource_version: number;
}

export const createMetadataStore = (database: Database): MetadataStore => {
  /** Hasura's servers skip the notifications that they wrote themselves. */
  const instanceId = randomUUID();
  let prepared: Promise<void> | undefined;
  const prepare = (): Promise<void> => {
    prepared ??= database.transaction((tx) => ensureHdbCatalog(tx));
    prepared.catch(() => {
      prepared = undefined;
    });
    return prepared;
  };

  return {
    read: async () => {
      await prepare();
      const [row] = await database.query<Row>(
        "select metadata, resource_version from hdb_catalog.hdb_metadata where id = 1",
      );
      return row === undefined
        ? { document: { version: 3, sources: [] }, resourceVersion: 0 }
        : { document: row.metadata, resourceVersion: row.resource_version };
    },
    readVersion: async () => {
      await prepare();
      const [row] = await database.query<Row>(
        "select resource_version from hdb_catalog.hdb_metadata where id = 1",
      );
      return row?.resource_version ?? 0;
    },
    write: async ({ document, expected, effects = [], outbox = false }) => {
      await prepare();
      return database.transaction(async (tx) => {
        if (outbox) await ensureHdbCatalog(tx);
        const [row] = await tx.query<Row>(
          `insert into hdb_catalog.hdb_metadata as stored (id, metadata)
           values (1, $1::json)
           on conflict (id) do update
           set metadata = excluded.metadata,
               resource_version = stored.resource_version + 1
           where stored.resource_version = $2
           returning resource_version`,
          [JSON.stringify(document), expected],
        );
        if (row === undefined) throw versionConflict(expected);
        for (const effect of effects) await tx.query(effect.text, effect.values);
        await tx.query(
          `insert into hdb_catalog.hdb_schema_notifications (id, notification, resource_version, instance_id)
           values (1, $1::json, $2, $3::uuid)
           on conflict (id) do update
           set notification = excluded.notification,
               resource_version = excluded.resource_version,
               instance_id = excluded.instance_id,
               updated_at = now()`,
          [
            JSON.stringify({ metadata: false, remote_schemas: [], sources: [], data_connectors: [] }),
            row.resource_version,
            instanceId,
          ],
        );
        return row.resource_version;
      });
    },
  };
};
