import { z } from "zod";

import type { Database, Row } from "../../core/index.ts";
import { HasuraError } from "../errors.ts";

const schema = z.strictObject({
  sql: z.string(),
  source: z.literal("default").optional(),
  cascade: z.boolean().optional(),
  read_only: z.boolean().optional(),
  check_metadata_consistency: z.boolean().optional(),
});

export interface SqlAnswer {
  readonly readOnly: boolean;
  readonly result: {
    readonly result_type: "CommandOk" | "TuplesOk";
    readonly result: readonly (readonly string[])[] | null;
  };
}

/** A value as psql would print it; Hasura answers with text only. */
const textOf = (value: unknown): string => {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "boolean") return value ? "t" : "f";
  if (value instanceof Date) return value.toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number | bigint);
};

const table = (rows: readonly Row[]): readonly (readonly string[])[] => {
  const columns = Object.keys(rows[0] ?? {});
  return [columns, ...rows.map((row) => columns.map((column) => textOf(row[column])))];
};

/** One statement that returns rows; everything else runs as a script. */
const returnsRows = (sql: string): boolean =>
  /^\s*(select|with|values|show|table|explain)\b/i.test(sql) && !sql.trim().replace(/;$/, "").includes(";");

const failure = (error: unknown): unknown => {
  if (typeof error !== "object" || error === null || !("code" in error) || !("message" in error))
    return error;
  const { code, message } = error;
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return error;
  return new HasuraError({
    message: "query execution failed",
    code: "postgres-error",
    path: "$.args",
    internal: { error: { exec_status: "FatalError", message, status_code: code } },
    cause: error,
  });
};

/** Runs the administrator's SQL in one transaction. */
export const runSql = async (database: Database, args: unknown): Promise<SqlAnswer> => {
  const parsed = schema.safeParse(args);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new HasuraError({
      message: issue?.message ?? "invalid",
      code: "parse-failed",
      path: ["$.args", ...(issue?.path ?? [])].join("."),
    });
  }
  const { sql, read_only: readOnly = false } = parsed.data;
  try {
    return await database.transaction(async (tx): Promise<SqlAnswer> => {
      if (readOnly) await tx.query("set transaction read only");
      if (returnsRows(sql)) {
        return { readOnly, result: { result_type: "TuplesOk", result: table(await tx.query(sql)) } };
      }
      await tx.script(sql);
      return { readOnly, result: { result_type: "CommandOk", result: null } };
    });
  } catch (error) {
    throw failure(error);
  }
};
