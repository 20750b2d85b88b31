import { z } from "zod";

import { type Database, ensureHdbCatalog } from "../../core/index.ts";
import { readArguments } from "./arguments.ts";

const stateArgs = z.strictObject({ type: z.enum(["cli", "console"]), state: z.unknown() });

const ensure = (database: Database): Promise<void> => database.transaction((tx) => ensureHdbCatalog(tx));

/** What Hasura's CLI and console remember in the database; the CLI keeps the applied migrations there. */
export const readCatalogState = async (database: Database): Promise<unknown> => {
  await ensure(database);
  const [row] = await database.query(
    "select hasura_uuid as id, cli_state, console_state from hdb_catalog.hdb_version",
  );
  return row;
};

export const writeCatalogState = async (database: Database, args: unknown): Promise<unknown> => {
  const { type, state } = readArguments(stateArgs, args);
  await ensure(database);
  const column = type === "cli" ? "cli_state" : "console_state";
  await database.query(`update hdb_catalog.hdb_version set ${column} = $1::jsonb`, [
    JSON.stringify(state ?? {}),
  ]);
  return { message: "success" };
};
