import { HasuraError } from "../errors.ts";
import type { Json } from "../metadata/types.ts";
import { compilePermission, compilePresets } from "../permissions/index.ts";
import { SqlBuilder } from "../sql/builder.ts";
import { InconsistentMetadataError } from "./errors.ts";
import type { RoleSchema, RoleTable } from "./types.ts";

const reasonOf = (error: HasuraError): string => {
  const { internal } = error;
  return typeof internal === "object" && internal !== null && "message" in internal
    ? String(internal.message)
    : error.message;
};

/**
 * Writes the SQL of every rule of the role once, so that a rule on a renamed column or with a misspelt operator is
 * found when the metadata is loaded and not by the first request that needs it.
 */
export const checkPermissions = (schema: RoleSchema): void => {
  const check = (table: RoleTable, kind: string, work: (builder: SqlBuilder) => void): void => {
    try {
      work(new SqlBuilder());
    } catch (error) {
      if (!(error instanceof HasuraError)) throw error;
      throw new InconsistentMetadataError(
        `table ${table.key}: ${kind} permission of ${schema.role}`,
        reasonOf(error),
      );
    }
  };
  for (const table of schema.tables.values()) {
    const rule = (kind: string, filter: Json | null): void => {
      if (filter === null) return;
      check(table, kind, (builder) => compilePermission({ builder, schema }, table, "t", filter));
    };
    const presets = (kind: string, set: Readonly<Record<string, Json>>): void => {
      check(table, kind, (builder) => compilePresets({ builder, schema }, table, set));
    };
    if (table.select !== undefined) rule("select", table.select.filter);
    if (table.insert !== undefined) {
      rule("insert", table.insert.check);
      presets("insert", table.insert.set);
    }
    if (table.update !== undefined) {
      rule("update", table.update.filter);
      rule("update", table.update.check);
      presets("update", table.update.set);
    }
    if (table.delete !== undefined) rule("delete", table.delete.filter);
  }
};
