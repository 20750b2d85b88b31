import { z } from "zod";

import type { Database, TextRows, Transaction } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";
import { readArguments } from "./arguments.ts";

export const sqlArguments = z.strictObject({
  sql: z.string(),
  source: z.string().optional(),
  cascade: z.boolean().default(false),
  read_only: z.boolean().default(false),
  check_metadata_consistency: z.boolean().nullish(),
});

export type SqlArguments = z.output<typeof sqlArguments>;

export const readSqlArguments = (args: unknown): SqlArguments => readArguments(sqlArguments, args);

/** Words after which the database may no longer fit the metadata. Hasura looks for them in the same way. */
const changesSchema = /\b(create|alter|drop|replace|comment\s+on|rename)\b/i;

/** Whether the metadata is checked after the SQL: as asked, else when the SQL looks like a change of the schema. */
export const needsCheck = (args: SqlArguments): boolean =>
  !args.read_only && (args.check_metadata_consistency ?? changesSchema.test(args.sql));

export const mayChangeSchema = (args: SqlArguments): boolean =>
  !args.read_only && changesSchema.test(args.sql);

const answer = (rows: TextRows | null): unknown =>
  rows === null
    ? { result_type: "CommandOk", result: null }
    : {
        result_type: "TuplesOk",
        result: [rows.columns, ...rows.rows.map((row) => row.map((value) => value ?? "NULL"))],
      };

const failure = (error: unknown, sql: string): unknown => {
  if (typeof error !== "object" || error === null || !("code" in error) || !("message" in error))
    return error;
  const { code, message } = error;
  if (error instanceof HasuraError || typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return error;
  return new HasuraError({
    message: "query execution failed",
    code: "postgres-error",
    path: "$.args",
    internal: {
      statement: sql,
      prepared: false,
      error: {
        exec_status: "FatalError",
        hint: "hint" in error ? (error.hint ?? null) : null,
        message,
        status_code: code,
        description: "detail" in error ? (error.detail ?? null) : null,
      },
      arguments: [],
    },
    cause: error,
  });
};

/** Runs the administrator's SQL in one transaction; `check` sees the database as it left it and may still refuse it. */
export const runSql = async (
  database: Database,
  args: SqlArguments,
  check: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<unknown> => {
  try {
    return await database.transaction(async (tx) => {
      if (args.read_only) await tx.query("set transaction read only");
      const rows = await tx.scriptRows(args.sql);
      await check(tx);
      return answer(rows);
    });
  } catch (error) {
    throw failure(error, args.sql);
  }
};
