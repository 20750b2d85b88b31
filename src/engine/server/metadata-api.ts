import { z } from "zod";

import { AppError, type Database, ensureHdbCatalog } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import type { Metadata } from "../metadata/index.ts";
import { runSql } from "./run-sql.ts";

/** What the metadata API may ask of the engine. */
export interface MetadataHost {
  readonly database: Database;
  current(): { readonly metadata: Metadata; readonly resourceVersion: number };
  replace(document: unknown): Promise<void>;
  reload(): Promise<void>;
}

export type MetadataApi = (body: unknown) => Promise<unknown>;

const command = z.object({
  type: z.string(),
  version: z.union([z.literal(1), z.literal(2)]).optional(),
  resource_version: z.number().optional(),
  args: z.unknown(),
});

const replaceArgs = z.object({ metadata: z.unknown(), allow_inconsistent_metadata: z.boolean().optional() });
const stateArgs = z.object({ type: z.enum(["cli", "console"]), state: z.unknown() });

const invalid = (message: string, path: string): HasuraError =>
  new HasuraError({ message, code: "parse-failed", path });

const parse = <T>(schema: z.ZodType<T>, value: unknown, path: string): T => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(issue?.message ?? "invalid", [path, ...(issue?.path ?? [])].join("."));
};

/** Metadata errors are for the administrator who sent it, so their text is the answer. */
const asApiError = (error: unknown): unknown =>
  error instanceof AppError && error.kind === "invalid-input"
    ? new HasuraError({ message: error.message, code: error.code, path: "$.args", cause: error })
    : error;

const ensureVersion = async (database: Database): Promise<void> => {
  await database.transaction(async (tx) => {
    await ensureHdbCatalog(tx);
  });
};

const catalogState = async (database: Database): Promise<unknown> => {
  await ensureVersion(database);
  const [row] = await database.query(
    "select hasura_uuid as id, cli_state, console_state from hdb_catalog.hdb_version",
  );
  return row;
};

const setCatalogState = async (database: Database, args: unknown): Promise<unknown> => {
  const { type, state } = parse(stateArgs, args, "$.args");
  await ensureVersion(database);
  const column = type === "cli" ? "cli_state" : "console_state";
  await database.query(`update hdb_catalog.hdb_version set ${column} = $1::jsonb`, [
    JSON.stringify(state ?? {}),
  ]);
  return { message: "success" };
};

/** The part of Hasura's metadata and query API that its CLI and tests need; every other command is refused by name. */
export const createMetadataApi = (host: MetadataHost): MetadataApi => {
  const success = { message: "success" };

  const replace = async (args: unknown, version: 1 | 2, expected: number | undefined): Promise<unknown> => {
    const { resourceVersion } = host.current();
    if (expected !== undefined && expected !== resourceVersion) {
      throw new HasuraError({
        message: `metadata resource version referenced (${expected}) did not match current version`,
        code: "conflict",
      });
    }
    const wrapped = typeof args === "object" && args !== null && "metadata" in args;
    await host.replace(wrapped ? parse(replaceArgs, args, "$.args").metadata : args);
    return version === 2 || wrapped ? { is_consistent: true, inconsistent_objects: [] } : success;
  };

  const run = async (body: unknown): Promise<unknown> => {
    const { type, version = 1, resource_version: expected, args } = parse(command, body, "$");
    switch (type) {
      case "bulk": {
        const answers: unknown[] = [];
        for (const item of parse(z.array(z.unknown()), args, "$.args")) answers.push(await run(item));
        return answers;
      }
      case "export_metadata": {
        const { metadata, resourceVersion } = host.current();
        return version === 2 ? { resource_version: resourceVersion, metadata: metadata.raw } : metadata.raw;
      }
      case "replace_metadata":
        return replace(args, version, expected);
      case "reload_metadata":
        await host.reload();
        return { ...success, is_consistent: true };
      case "get_inconsistent_metadata":
        return { is_consistent: true, inconsistent_objects: [] };
      case "drop_inconsistent_metadata":
        return success;
      case "get_catalog_state":
        return catalogState(host.database);
      case "set_catalog_state":
        return setCatalogState(host.database, args);
      case "run_sql": {
        const answer = await runSql(host.database, args);
        if (!answer.readOnly) await host.reload();
        return answer.result;
      }
      default:
        throw new HasuraError({
          message: `the command '${type}' is not supported`,
          code: "not-supported",
          path: "$.type",
        });
    }
  };

  return async (body) => {
    try {
      return await run(body);
    } catch (error) {
      throw asApiError(error);
    }
  };
};
